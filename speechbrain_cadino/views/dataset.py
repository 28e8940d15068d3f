"""The items of a manifest as sets of crops, each set a function of (seed, epoch, item) and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.speed import change_speed, length_before_speed
from speechbrain_cadino.corpus.audio import AudioError
from speechbrain_cadino.corpus.excerpts import draw_starts, read_excerpts
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.store import FileStore, MemoryStore
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.same_utterance import SameUtterance

# So many utterances in a row that cannot be read are no accident.
ATTEMPTS = 10


class ViewSample(NamedTuple):
    """One item: its index, one crop a view (time,) float32, one dict of parameters a view, and why it is a stand-in."""

    item: int
    crops: list
    parameters: list
    failure: str | None


class ViewDataset(Dataset):
    """Indexed by the (epoch, item) pairs of a `ViewSampler`, it gives the item's views in that epoch.

    All that is random comes from ``np.random.default_rng([seed, epoch, item])``, and, where a sampler gives an item
    more than once an epoch, as (epoch, item, 1), from how often it has come: the same pair gives the same sample in any
    worker, in any order, before and after a restart. An utterance that cannot be read is replaced by another one drawn
    from the same numbers, and the reason goes with the sample.

    Arguments
    ---------
    manifest : Manifest
    crops : CropSpec
    seed : int
        Not negative.
    augment : AugmentationSampler or None
        None: crops as they are.
    positive_sampler : callable
        From which utterances an item's views come; see `SameUtterance` and `PositiveSampler`.
    speed_factors : list of float
        One is chosen for all views of an item in an epoch: pitch and formants shift as with another speaker, so views
        that must agree share it. [1.0]: speed unchanged.
    preload : bool
        Whether to keep all audio in memory (`MemoryStore`).

    Raises
    ------
    UserError
        If the manifest is empty, a speed factor is no good, or the corpus does not fit into memory.

    Example
    -------
    >>> import tempfile, soundfile
    >>> from speechbrain_cadino.corpus.manifest import Manifest
    >>> from speechbrain_cadino.views.crops import CropSpec
    >>> path = f"{tempfile.mkdtemp()}/a.wav"
    >>> soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, 80000), 16000)
    >>> dataset = ViewDataset(Manifest(["a"], [path], [0], [80000]), CropSpec(), seed=1)
    >>> [crop.shape for crop in dataset[0, 0].crops]  # of utterance 0 in epoch 0
    [(48000,), (48000,), (32000,), (32000,), (32000,), (32000,)]
    """

    def __init__(
        self,
        manifest: Manifest,
        crops: CropSpec,
        seed: int,
        augment: AugmentationSampler | None = None,
        positive_sampler: Callable = SameUtterance(),
        speed_factors: Sequence[float] = (1.0,),
        preload: bool = False,
    ) -> None:
        if not len(manifest):
            raise UserError("The training manifest has no utterances: check the file it was read from.")
        if not speed_factors or min(speed_factors) < 0.5 or max(speed_factors) > 2:
            raise UserError(f"speed_factors is {list(speed_factors)}: list factors between 0.5 and 2, [1.0] for none.")
        self.manifest, self.crops, self.seed, self.augment = manifest, crops, seed, augment
        self.positive_sampler, self.speed_factors = positive_sampler, list(speed_factors)
        self.store = (MemoryStore if preload else FileStore)(manifest)

    def __len__(self):
        return len(self.store)

    def __getitem__(self, epoch_and_item):
        """The `ViewSample` of an (epoch, item) pair, or, as a value, the `UserError` that should end the training."""
        epoch, wanted, *copy = epoch_and_item
        failure = None
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng([self.seed, epoch, wanted, attempt, *copy])
            item = int(rng.integers(len(self))) if attempt else wanted
            try:
                crops = self._cut(rng, item)
                return ViewSample(item, crops, self._draw(rng), failure)
            except AudioError as error:
                failure = failure or str(error)
            except UserError as error:
                return error
        return UserError(f"{ATTEMPTS} audio files in a row could not be read, the first: {failure}")

    def _cut(self, rng, item):
        """One crop a view."""
        speed = self.speed_factors[rng.integers(len(self.speed_factors))]
        lengths = np.array([length_before_speed(int(length), speed) for length in self.crops.lengths])
        utterances = self.positive_sampler(rng, item, self.crops.n_global, self.crops.n_local)
        crops = [None] * self.crops.n_views
        for utterance in np.unique(utterances).tolist():
            views = np.flatnonzero(utterances == utterance)
            total = int(self.store.lengths[utterance])
            starts = draw_starts(rng, total, lengths[views])
            read = partial(self.store.read, utterance)
            for view, crop in zip(views, read_excerpts(read, total, starts, lengths[views])):
                crops[view] = change_speed(crop, speed, int(self.crops.lengths[view]))
        return crops

    def _draw(self, rng):
        """One dict a view, each from a generator of its own, so that no view's parameters hang on another's."""
        lengths = self.crops.lengths.tolist()
        if self.augment is None:
            return [{} for _ in lengths]
        return [self.augment(child, length) for child, length in zip(rng.spawn(len(lengths)), lengths)]
