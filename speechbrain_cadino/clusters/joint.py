"""Items of several modalities clustered together, each by what it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_cadino.clusters.cells import CELLS, cluster_cells
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.joint_rows import N_NEIGHBOURS, check_join, join_embeddings, own_embeddings
from speechbrain_cadino.utils.errors import UserError

CONCAT = "concat"


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

    def __post_init__(self):
        check_join(self.weights or {}, self.n_neighbours)

    def check(self, names: Sequence[str]) -> None:
        """Raise a `UserError` if these modalities, by name, cannot be joined so."""
        check_join(self.weights or {}, self.n_neighbours, names)
        if self.how not in (CONCAT, *CELLS, *names):
            raise UserError(f"join is {self.how!r}: set one of {', '.join((CONCAT, *names, *CELLS))}.")

    def __call__(
        self,
        parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
        clustering: Clustering,
        n_clusters: int | str | None = None,
        device: torch.device | str | None = None,
    ) -> JointClusters:
        """Cluster items; on several ranks all must call it with the same ones, and all get the same result.

        Arguments
        ---------
        parts :
            As of `join_embeddings`.
        clustering : Clustering
        n_clusters, device :
            As of `Clustering`.

        Returns
        -------
        JointClusters
            Items that have nothing are left out.

        Raises
        ------
        UserError
            If a setting makes no sense, no item has the modality that is to be clustered, or embeddings are no good.
        """
        self.check(list(parts))
        joined = join_embeddings(parts, self.weights, self.n_neighbours, device)
        if self.how in parts and self.how not in joined.columns:
            raise UserError(f"join is {self.how}, and no item has one: set {CONCAT}, which takes what items have.")
        if self.how in joined.columns:
            rows = self._alone(joined, *parts[self.how])
        elif self.how == CONCAT or len(joined.columns) == 1:
            rows = joined.rows
        else:
            return JointClusters(joined.items, *cluster_cells(*joined[1:], self.how, clustering, n_clusters, device))
        return JointClusters(joined.items, *clustering(rows, n_clusters, device=device))

    def _alone(self, joined, rows, embeddings):
        """(m, dim): one modality's embeddings, centered; of length 1, those that are filled in at most, if some are."""
        if joined.has[self.how].all():
            own = own_embeddings(rows, embeddings, self.how)
            return own - own.mean(axis=0)
        part = joined.rows[:, joined.columns[self.how]]
        return part / np.linalg.norm(part[joined.has[self.how]], axis=1).max()
