"""When the clusters are made anew, how many they are, and what a run remembers of them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.corpus.keys import id_keys, places_of
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_whole

logger = logging.getLogger(__name__)


class RefreshSchedule:
    """Plain DINO for so many epochs, then a clustering, and another one every few epochs.

    Arguments
    ---------
    start_epoch : int
        The last epoch of plain DINO, 0 for none.
    every : int
        Epochs from one clustering to the next, at least 1.
    n_clusters : int, list of int, or "auto"
        For all clusterings, or for the first, the second ...; the last number stays. A rising or a falling list is
        progressive clustering in either direction. "auto": each finds its own, see `Clustering`.

    Raises
    ------
    UserError
        If a setting makes no sense.

    Example
    -------
    >>> schedule = RefreshSchedule(start_epoch=4, every=3, n_clusters=[100, 50])
    >>> [epoch for epoch in range(1, 9) if schedule.is_due(epoch, last=None)]
    [5, 6, 7, 8]
    >>> schedule.is_due(7, last=5), schedule.is_due(8, last=5)
    (False, True)
    >>> [schedule.clusters_of(number) for number in range(3)]
    [100, 50, 50]
    """

    def __init__(self, start_epoch: int, every: int, n_clusters: int | str | list[int]) -> None:
        self.numbers = n_clusters if isinstance(n_clusters, (list, tuple)) else [n_clusters]
        if start_epoch < 0 or every < 1:
            raise UserError(f"cluster_start_epoch is {start_epoch}, cluster_every {every}: set at least 0 and 1.")
        if not self.numbers or not all(is_whole(number, low=1) for number in self.fixed):
            raise UserError(f"n_clusters is {n_clusters}: set a number above 0, a list of them, or auto.")
        self.start_epoch, self.every = start_epoch, every

    def is_due(self, epoch: int, last: int | None) -> bool:
        """Whether a clustering belongs before ``epoch``; ``last``: the epoch before which the last one was, or None."""
        return epoch > self.start_epoch and (last is None or epoch - last >= self.every)

    @property
    def fixed(self) -> list[int]:
        """The numbers of clusters that are given, none where they are found by each clustering."""
        return [] if self.numbers == [AUTO] else self.numbers

    def clusters_of(self, number: int) -> int | str:
        """Clusters of the ``number``-th clustering, counted from 0."""
        return self.numbers[min(number, len(self.numbers) - 1)]


@register_checkpoint_hooks
class Clusters:
    """The clusters that are in use; a recoverable, kept by utterance: each has its own cluster after loading, too.

    Attributes
    ----------
    number : int
        Clusterings made so far.
    epoch : int or None
        The epoch before which the last one was made.
    labels : np.ndarray, (n,) int64, or None
        The cluster of each utterance of the manifest, -1 for none.
    distances : np.ndarray, (n,) float32, or None
        Distance of each to its centroid, NaN where there is none.
    metrics : dict of float
        What that clustering is like.
    """

    def __init__(self) -> None:
        self.number, self.epoch, self.labels, self.distances, self.metrics = 0, None, None, None, {}
        self._keys = None

    def bind(self, ids: np.ndarray) -> None:
        """Say which utterances the rows are, (n,) the manifest's IDs, before anything is saved or loaded."""
        self._keys = id_keys(ids)

    def take(self, epoch: int, labels: np.ndarray, distances: np.ndarray, metrics: dict[str, float]) -> None:
        """Replace the clusters by those made before ``epoch``."""
        self.number += 1
        self.epoch, self.labels, self.distances, self.metrics = epoch, labels, distances, metrics

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the state; arrays go as tensors, so that it is read without unpickling foreign classes."""
        arrays = {"labels": self.labels, "distances": self.distances}
        arrays["keys"] = None if self.labels is None else self._keys
        state = {name: None if array is None else torch.from_numpy(array) for name, array in arrays.items()}
        state |= {name: getattr(self, name) for name in ("number", "epoch", "metrics")}
        torch.save(state, path)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Go on from a saved state; an utterance that it does not have is in no cluster."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.number, self.epoch, self.metrics = state["number"], state["epoch"], state["metrics"]
        arrays = [state[name] for name in ("labels", "distances", "keys")]
        labels, distances, keys = (None if array is None else array.numpy() for array in arrays)
        if keys is not None and self._keys is not None and not np.array_equal(keys, self._keys):
            places = places_of(self._keys, keys)
            absent = places < 0
            labels = np.where(absent, -1, labels[places])
            distances = np.where(absent, np.float32(np.nan), distances[places])
            logger.warning(
                "The clusters in %s are of other utterances: %d of %d are in none until the next clustering.",
                path, np.count_nonzero(absent), len(places),
            )  # fmt: skip
        self.labels, self.distances = labels, distances
