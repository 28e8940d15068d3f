"""Which samples of an utterance each view shows: numpy only, no files and no state."""

from dataclasses import dataclass

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError


@dataclass(frozen=True)
class CropSpec:
    """How many views an item has and how long they are, global ones first.

    Arguments
    ---------
    n_global, n_local : int
        Views that teacher and student see, and views that only the student sees.
    global_seconds, local_seconds : float
        Their lengths.

    Raises
    ------
    UserError
        If there is no global view, a negative number of views, or a length below one sample.

    Example
    -------
    >>> CropSpec(n_global=2, global_seconds=3.0, n_local=1, local_seconds=2.0).lengths.tolist()
    [48000, 48000, 32000]
    """

    n_global: int = 2
    global_seconds: float = 3.0
    n_local: int = 4
    local_seconds: float = 2.0

    def __post_init__(self):
        if self.n_global < 1 or self.n_local < 0:
            raise UserError(
                f"n_global is {self.n_global} and n_local {self.n_local}: set at least 1 global and 0 local views."
            )
        if self.lengths.min() < 1:
            raise UserError("global_seconds and local_seconds must be above zero: set for example 3.0 and 2.0.")

    @property
    def n_views(self):
        """Number of views of an item."""
        return self.n_global + self.n_local

    @property
    def lengths(self):
        """Samples of each view, (n_views,) int64."""
        seconds = [self.global_seconds] * self.n_global + [self.local_seconds] * self.n_local
        return np.round(np.array(seconds) * SAMPLE_RATE).astype(np.int64)
