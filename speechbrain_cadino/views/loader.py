"""Batches of views for training: workers, place within the epoch, and a watch on files that cannot be read."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from speechbrain_cadino.utils.children import leave_signals_to_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.collate import collate_of
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.sampler import ViewSampler

logger = logging.getLogger(__name__)
# The fraction of failures is judged as if at least so many items had been seen: early on, one bad file is no pattern.
FEW_ITEMS = 100


class ViewLoader(DataLoader):
    """Gives the batches of a dataset in the order of a `ViewSampler`; any number of workers gives the same.

    Arguments
    ---------
    dataset : ViewDataset
        Or another one, with a method ``collate``, such as a `PairedDataset`.
    sampler : ViewSampler
    num_workers : int
        Worker processes, kept from epoch to epoch; 0: none.
    prefetch_factor : int
        Batches that each worker prepares ahead.
    pin_memory : bool or None
        Whether batches come in page-locked memory; None: if there is a GPU.
    max_failed_fraction : float
        Training stops if more than this fraction of an epoch's items, so far, had to be replaced.

    Attributes
    ----------
    seconds_waited : float
        For the batches of the epoch so far, by whoever asked for them: without workers it takes as long to make them.

    Raises
    ------
    UserError
        While it gives batches: if too many files cannot be read.

    Example
    -------
    >>> import tempfile, numpy as np, soundfile
    >>> from speechbrain_cadino.corpus.manifest import Manifest
    >>> from speechbrain_cadino.views.crops import CropSpec
    >>> from speechbrain_cadino.views.dataset import ViewDataset
    >>> from speechbrain_cadino.views.sampler import ViewSampler
    >>> path = f"{tempfile.mkdtemp()}/a.wav"
    >>> soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, 80000), 16000)
    >>> dataset = ViewDataset(Manifest(["a", "b"], [path, path], [0, 0], [80000, 80000]), CropSpec(), seed=1)
    >>> loader = ViewLoader(dataset, ViewSampler(len(dataset), batch_size=2, seed=1))
    >>> loader.set_epoch(1)
    >>> [wave.shape for wave in next(iter(loader)).waves][0]
    torch.Size([2, 48000])
    """

    def __init__(
        self,
        dataset: ViewDataset,
        sampler: ViewSampler,
        num_workers: int = 0,
        prefetch_factor: int = 2,
        pin_memory: bool | None = None,
        max_failed_fraction: float = 0.1,
    ) -> None:
        super().__init__(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate_of(dataset),
            num_workers=num_workers,
            prefetch_factor=prefetch_factor if num_workers else None,
            persistent_workers=num_workers > 0,
            worker_init_fn=leave_signals_to_main,
            generator=torch.Generator(),  # its own, or each epoch would use up one of the model's random numbers
            pin_memory=torch.cuda.is_available() if pin_memory is None else pin_memory,
        )
        self.max_failed_fraction = max_failed_fraction
        self.batches_done, self.seconds_waited = 0, 0.0

    def __len__(self):
        """Batches of a whole epoch, also within one: SpeechBrain's progress bar counts those done before."""
        return self.batch_sampler.batches_per_epoch

    def close(self) -> None:
        """End the worker processes; PyTorch would wait 5 s for each where an exception ends the program."""
        if self._iterator is not None:
            self._iterator._shutdown_workers()
            self._iterator = None

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch: to its start, or, if it is the one that was restored, to the restored batch."""
        self.batch_sampler.set_epoch(epoch)
        self.batches_done = self.batch_sampler.start_batch

    def state_dict(self):
        """The place in training: the epoch and how many of its batches were given (all taken to be used)."""
        return {"epoch": self.batch_sampler.epoch, "batches_done": self.batches_done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the last batch given before ``state`` was taken."""
        self.batch_sampler.epoch = state["epoch"]
        self.batch_sampler.start_batch = self.batches_done = state["batches_done"]

    def __iter__(self):
        self.batches_done = self.batch_sampler.start_batch
        seen, failures, self.seconds_waited = 0, [], 0.0
        for batch in self._timed(super().__iter__()):
            if isinstance(batch, UserError):
                raise batch
            seen += len(batch.items)
            failures += batch.failures
            self._check(seen, failures)
            self.batches_done += 1
            yield batch
        if failures:
            logger.warning(
                "Epoch %d: %d of %d items could not be read and were replaced; the first: %s",
                self.batch_sampler.epoch, len(failures), seen, failures[0],
            )  # fmt: skip

    def _timed(self, batches: Iterable) -> Iterator:
        batches, start = iter(batches), time.perf_counter()
        for batch in batches:
            self.seconds_waited += time.perf_counter() - start
            yield batch
            start = time.perf_counter()

    def _check(self, seen, failures):
        if len(failures) > self.max_failed_fraction * max(seen, FEW_ITEMS):
            raise UserError(
                f"{len(failures)} of the epoch's first {seen} items could not be read, more than max_failed_fraction "
                f"({self.max_failed_fraction:g}) allows: prepare the corpus again; the first: {failures[0]}"
            )
