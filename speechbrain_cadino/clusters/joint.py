"""Items of several modalities clustered together, each by what it has."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_cadino.clusters.agreement import agreement
from speechbrain_cadino.clusters.cells import CELLS, cluster_cells
from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.joint_rows import N_NEIGHBOURS, check_join, join_embeddings, own_embeddings
from speechbrain_cadino.clusters.units import collapsed
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

logger = logging.getLogger(__name__)

CONCAT = "concat"
LEAST_AGREEMENT = 0.55
FEWEST = 10  # items that have both, from which agreement is asked


class JointClusters(NamedTuple):
    """Clusters of the items that have something.

    Arguments
    ---------
    items : np.ndarray
        (m,) int64, rising.
    labels, distances : np.ndarray
        (m,) as `Clustering` gives them.
    """

    items: np.ndarray
    labels: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class Join:
    """How the modalities of items are clustered together; where one alone is there, it is clustered as it is.

    On the voices of two heavy-tailed demo corpora and simulated ones, with simulated faces that have a light for each
    session, as many clusters as speakers, the mean of 12 draws: 15 % of the labels were wrong by the voice, 30 % by the
    face, 5.2 % by "concat", 5.5 % by "split", 10 % by "ensemble"; with 30 % of the faces missing 7.5, 8.5 and 12 %. A
    weight of the face of 1/2 or 2, and 1, 2, 5, 10 or 20 neighbours, made more wrong labels in "concat".

    Arguments
    ---------
    how : str
        "concat": the rows of `join_embeddings` are clustered. The name of a modality: its embeddings are, and an item
        without one goes where its neighbours by the others are. "split": the clusters of the first modality are split
        and moved by the others; "ensemble": those of each are fused; see `cluster_cells`.
    weights : dict of str to float, optional
        By modality, as of `join_embeddings`. Default: all alike.
    n_neighbours : int
        As of `join_embeddings`.
    least_agreement : float, optional
        From 0 to 1: a modality whose `agreement` with the first one is surely less, by a standard error, is left out
        with a warning, unless it is the one that is to be clustered. None: none is, nor is it asked.

    Raises
    ------
    UserError
        If a setting makes no sense.

    Example
    -------
    >>> voices = np.array([[5.0, 1.0], [5.0, -1.0], [-5.0, 1.0], [-5.0, -1.0]], dtype=np.float32)
    >>> faces = np.array([[3.0], [-3.0], [-3.0], [3.1]], dtype=np.float32)
    >>> parts = {"voice": (np.array([0, 1, 2, 3, -1]), voices), "face": (np.array([-1, 0, 1, 2, 3]), faces)}
    >>> clusters = Join(n_neighbours=1)(parts, Clustering(2, init="k-means++"))
    >>> (clusters.labels == clusters.labels[0]).tolist()
    [True, True, False, False, True]
    """

    how: str = CONCAT
    weights: dict[str, float] | None = None
    n_neighbours: int = N_NEIGHBOURS
    least_agreement: float | None = LEAST_AGREEMENT

    def __post_init__(self):
        check_join(self.weights or {}, self.n_neighbours)
        least = self.least_agreement
        if least is not None and (isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least < 1):
            raise UserError(f"least_agreement is {least}: set a number from 0 to under 1, or null to leave none out.")

    def check(self, names: Sequence[str]) -> None:
        """Raise a `UserError` if these modalities, by name, cannot be joined so."""
        check_join(self.weights or {}, self.n_neighbours, names)
        self._check_how(names)

    def __call__(
        self,
        parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
        clustering: Clustering,
        n_clusters: int | str | None = None,
        device: torch.device | str | None = None,
        sessions: np.ndarray | None = None,
        units: np.ndarray | None = None,
    ) -> JointClusters:
        """Cluster items; on several ranks all must call it with the same ones, and all get the same result.

        Arguments
        ---------
        parts :
            As of `join_embeddings`.
        clustering : Clustering
        n_clusters, device :
            As of `Clustering`. "auto" is the number of "concat" whose clusters have the highest silhouette by the first
            modality alone: by the others each session is a cluster of its own, for its light, or its pictures.
        sessions : np.ndarray, optional
            (n,) the recording session of each item, where known, for `agreement`.
        units : np.ndarray, optional
            (n,) which items share a recording of a further modality, such as a set of pictures, and so get one label;
            see `collapsed`. Where the first modality alone is clustered, items are clustered each by itself.

        Returns
        -------
        JointClusters
            Items that have nothing are left out.

        Raises
        ------
        UserError
            If a setting makes no sense, no item has the modality that is to be clustered, or embeddings are no good.
        """
        self._check_how(parts)
        first = next(iter(parts))
        parts = self._needed({name: (np.asarray(rows), embeddings) for name, (rows, embeddings) in parts.items()})
        used = self._that_agree(parts, sessions)
        weights = {name: weight for name, weight in (self.weights or {}).items() if name in used}
        joined = join_embeddings(used, weights, self.n_neighbours, device)
        if self.how in parts and self.how not in joined.columns:
            raise UserError(f"join is {self.how}, and no item has one: set {CONCAT}, which takes what items have.")
        items, judges = joined.items, joined.columns.get(first)
        place = np.arange(len(items))
        if set(joined.columns) - {first}:
            of_first = None if judges is None else np.ascontiguousarray(joined.rows[:, judges])
            if units is not None:
                joined, place = collapsed(joined, np.asarray(units)[items])
            if judges is not None and (clustering.n_clusters if n_clusters is None else n_clusters) == AUTO:
                labels, distances = clustering.merge(of_first, place, joined.rows, AUTO, device, weigh=False)
                if self.how == CONCAT:
                    return JointClusters(items, labels, distances)
                n_clusters = len(np.unique(labels))
        labels, distances = self._clusters(joined, clustering, n_clusters, device)
        return JointClusters(items, labels[place], distances[place])

    def _clusters(self, joined, clustering, n_clusters, device):
        if self.how in CELLS and len(joined.columns) > 1:
            return cluster_cells(*joined[1:], self.how, clustering, n_clusters, device)
        rows = joined.rows
        if self.how in joined.columns and len(joined.columns) > 1:  # some are filled
            rows = rows[:, joined.columns[self.how]]
            length = np.linalg.norm(rows[joined.has[self.how]], axis=1).max()  # that of all which are not 0
            rows = rows / (length or 1)
        return clustering(rows, n_clusters, device=device)

    def _check_how(self, names):
        if self.how not in (CONCAT, *CELLS, *names):
            raise UserError(f"join is {self.how!r}: set one of {', '.join((CONCAT, *names, *CELLS))}.")

    def _needed(self, parts):
        """The parts; where one alone is to be clustered, and all items that have something have it, no others."""
        if self.how not in parts:
            return parts
        without = parts[self.how][0] < 0
        others = any((rows[without] >= 0).any() for rows, _ in parts.values())
        return parts if others else {self.how: parts[self.how]}

    def _that_agree(self, parts, sessions):
        """The parts without those that tell of others than the first one does."""
        first, used = next(iter(parts)), dict(parts)
        for name in list(parts)[1:]:
            both = (parts[first][0] >= 0) & (parts[name][0] >= 0)
            if self.least_agreement is None or name == self.how or np.count_nonzero(both) < FEWEST:
                continue
            for one in (first, name):
                own_embeddings(*parts[one], one)  # which refuses what is not finite
            mean, error = on_main(_agreement, parts[first], parts[name], both, sessions)
            if is_main():
                logger.info(
                    "Do %s and %s agree? The item most like another by %s is, by %s, more like it than %.1f %% of all "
                    "are; chance is 50 %%.",
                    first, name, name, first, 100 * mean,
                )  # fmt: skip
            if mean + error < self.least_agreement:
                del used[name]
                without = np.all([rows < 0 for rows, _ in used.values()], axis=0)
                if is_main():
                    logger.warning(
                        "Each %s seems to be of somebody else than the %s: those most alike by it are at %.3f +- %.3f "
                        "of all by %s, where 0.5 is chance and least_agreement %g. It is left out of the clusters, and "
                        "%d items that have nothing else get no label: see that what has one ID is of one person, or "
                        "set least_agreement to null.",
                        name, first, mean, error, first, self.least_agreement,
                        np.count_nonzero(without & (parts[name][0] >= 0)),
                    )  # fmt: skip
        return used


def _agreement(one, other, both, sessions):
    own = None if sessions is None else np.asarray(sessions)[both]
    own = None if np.any(own == "") else own  # all that are not known would be one
    return agreement(*(embeddings[rows[both]] for rows, embeddings in (one, other)), own)
