"""Cluster-aware DINO: the views of an item come from several utterances of its cluster."""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.utils.errors import UserError

OTHER_SESSIONS = ("ignore", "prefer", "only")
# For each item, its place in the list of members and two slices of that list, first and length: its cluster, and those
# of the cluster that are drawn only when the others run out: its own session, or the item alone.
COLUMNS = ("place", "cluster_first", "cluster_size", "near_first", "near_size")


class PositiveSampler:
    """Picks the utterances of an item's views (see `SameUtterance`) in cluster-aware DINO.

    Han, Chen, Qian, arXiv 2304.05754.

    An item's views come from the item itself and up to ``utterances_per_item - 1`` others of its cluster, drawn without
    replacement. Global view g shows utterance g of them, or all show the item itself; local views go on in turn. An
    item that has no cluster, or is alone in it, is seen as in plain DINO, and draws nothing from the generator: before
    the first clustering a run is plain DINO bit for bit.

    Memory: six int64 an utterance, shared with worker processes, which see a new clustering in their next epoch.

    Arguments
    ---------
    utterances_per_item : int
        At least 1 (plain DINO).
    share_global : bool
        Whether all global views show the item's own utterance.
    max_distance : float or None
        Utterances farther from their centroid neither draw others nor are drawn; None: no cap.
    other_sessions : str
        Which members are drawn, as to recording sessions; crops of one recording share the channel, and teach it.
        ``ignore``: any; ``prefer``: those of the item's own session only when no others are left; ``only``: never
        those.

    Raises
    ------
    UserError
        If a setting makes no sense.

    Example
    -------
    >>> sampler = PositiveSampler(utterances_per_item=3)
    >>> sampler.bind(4)
    >>> sampler.set_clusters(np.array([0, 0, 0, 1]))
    >>> sorted(sampler(np.random.default_rng(0), 0, n_global=2, n_local=1).tolist())
    [0, 1, 2]
    >>> sampler(np.random.default_rng(0), 3, n_global=2, n_local=1).tolist()
    [3, 3, 3]
    """

    def __init__(
        self,
        utterances_per_item: int = 2,
        share_global: bool = False,
        max_distance: float | None = None,
        other_sessions: str = "prefer",
    ) -> None:
        if utterances_per_item < 1:
            raise UserError(f"utterances_per_item is {utterances_per_item}: set at least 1, which is plain DINO.")
        if max_distance is not None and not max_distance > 0:
            raise UserError(f"max_distance is {max_distance}: set a distance above 0, or null for no cap.")
        if other_sessions not in OTHER_SESSIONS:
            raise UserError(f"other_sessions is {other_sessions!r}: set one of {', '.join(OTHER_SESSIONS)}.")
        self.utterances_per_item, self.share_global = utterances_per_item, share_global
        self.max_distance, self.other_sessions = max_distance, other_sessions

    def bind(self, n_items: int, sessions: np.ndarray | None = None) -> None:
        """Make room for a corpus, before worker processes start.

        Arguments
        ---------
        n_items : int
            Utterances in the manifest.
        sessions : np.ndarray of str, (n_items,), or None
            Their recording sessions; None, or '' for some: each such utterance is one of its own.
        """
        if sessions is None or self.other_sessions == "ignore":
            self._sessions = np.arange(n_items)
        else:
            self._sessions = np.unique(sessions, return_inverse=True)[1]
            unknown = np.flatnonzero(np.asarray(sessions) == "")
            self._sessions[unknown] = n_items + unknown
        self._members = torch.zeros(n_items, dtype=torch.int64).share_memory_()
        self._slices = torch.zeros(len(COLUMNS), n_items, dtype=torch.int64).share_memory_()

    def set_clusters(self, labels: np.ndarray, distances: np.ndarray | None = None) -> None:
        """Take a new clustering; call it between two epochs.

        Arguments
        ---------
        labels : np.ndarray, (n_items,) int64
            The cluster of each utterance, -1 for none.
        distances : np.ndarray, (n_items,) float, or None
            Distance of each to its centroid, NaN if unknown (such a one is never too far); None: all unknown.
        """
        labels = np.asarray(labels)
        if labels.shape != self._sessions.shape:
            raise ValueError(f"{labels.shape} labels for a corpus of {self._sessions.shape} utterances.")
        taking_part = labels >= 0
        if self.max_distance is not None and distances is not None:
            taking_part &= ~(np.asarray(distances) > self.max_distance)
        items = np.flatnonzero(taking_part)
        items = items[np.lexsort((self._sessions[items], labels[items]))]
        cluster_starts = _changes(labels[items])
        near_starts = cluster_starts | _changes(self._sessions[items])
        slices = np.zeros(self._slices.shape, dtype=np.int64)
        slices[:, items] = [np.arange(len(items)), *_runs(cluster_starts), *_runs(near_starts)]
        self._members[: len(items)] = torch.from_numpy(items)
        self._slices.copy_(torch.from_numpy(slices))

    def fraction_with_several(self):
        """The fraction of the items whose views come from more than one utterance, between 0 and 1."""
        if self.utterances_per_item == 1:
            return 0.0
        size, near = (self._slices[COLUMNS.index(name)] for name in ("cluster_size", "near_size"))
        return (size > (near if self.other_sessions == "only" else 1)).double().mean().item()

    def __call__(self, rng: np.random.Generator, item: int, n_global: int, n_local: int):
        """Utterance index of each view; arguments and result as of `SameUtterance`."""
        utterances = np.concatenate([[item], self._draw_others(rng, item)])
        shown = np.arange(n_global + n_local)
        if self.share_global:
            shown = np.maximum(shown - (n_global - 1), 0)
        return utterances[shown % len(utterances)]

    def _draw_others(self, rng, item):
        place, first, size, near_first, near_size = self._slices[:, item].tolist()
        n_far = size - near_size
        wanted = min(self.utterances_per_item - 1, n_far if self.other_sessions == "only" else size - 1)
        if wanted < 1:
            return np.empty(0, dtype=np.int64)
        n_from_far = min(wanted, n_far)
        far = first + rng.choice(n_far, n_from_far, replace=False)
        far += near_size * (far >= near_first)  # step over the slice that is near
        near = near_first + rng.choice(near_size - 1, wanted - n_from_far, replace=False)
        near += near >= place  # step over the item itself
        return self._members.numpy()[np.concatenate([far, near])]


def _changes(values):
    """True where a value differs from the one before, and at the first."""
    return np.concatenate([np.ones(min(1, len(values)), dtype=bool), values[1:] != values[:-1]])


def _runs(starts):
    """For each place of a list cut at ``starts`` (n,) bool: the first place of its run, and the run's length."""
    first = np.flatnonzero(starts)
    run = np.cumsum(starts) - 1
    return first[run], np.diff(np.append(first, len(starts)))[run]
