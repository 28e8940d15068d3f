"""From which utterances the views of an item come."""

from __future__ import annotations

import numpy as np


class SameUtterance:
    """Plain DINO: every view of an item comes from the item's own utterance.

    A positive sampler is any object called as ``sampler(rng, item, n_global, n_local)``. It must draw from ``rng``
    alone and stay the same during an epoch; worker processes hold a copy, so what changes between epochs must be in a
    shared tensor.

    Example
    -------
    >>> SameUtterance()(np.random.default_rng(0), item=7, n_global=2, n_local=1).tolist()
    [7, 7, 7]
    """

    def __call__(self, rng: np.random.Generator, item: int, n_global: int, n_local: int) -> np.ndarray:
        """Utterance index of each view, global ones first.

        Arguments
        ---------
        rng : np.random.Generator
            The item's own.
        item : int
            The item's index in the manifest.
        n_global, n_local : int
            Numbers of views.

        Returns
        -------
        np.ndarray, (n_global + n_local,) int64
        """
        return np.full(n_global + n_local, item, dtype=np.int64)
