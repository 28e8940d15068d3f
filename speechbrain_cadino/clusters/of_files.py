"""Who is in which file: embeddings of files -> clusters, the largest first, and what each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speechbrain_cadino.clusters.choice import AUTO, directions_of, silhouette, sums_of
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.clustering_checks import LEAST_FINE
from speechbrain_cadino.clusters.fine import fine_clusters
from speechbrain_cadino.clusters.table import LabelTable
from speechbrain_cadino.utils.errors import UserError

MAX_ASKED = 20_000  # items of which the silhouette is


@dataclass
class FileClusters:
    """Clusters of files.

    Arguments
    ---------
    table : LabelTable
        Cluster and distance by file; 0 is the largest cluster.
    silhouette : float
        From -1 to 1: how much nearer files are to their own cluster than to the next one. NaN for one cluster.
    seconds : np.ndarray or None
        (n,) durations.
    """

    table: LabelTable
    silhouette: float
    seconds: np.ndarray | None = None

    @property
    def n_clusters(self) -> int:
        """How many there are."""
        return int(self.table.clusters.max()) + 1

    def summary(self) -> list[dict]:
        """A row for each cluster, the largest first: its files, their minutes where known, and the most typical one."""
        table, sizes = self.table, np.bincount(self.table.clusters)
        order = np.lexsort((table.distances, table.clusters))
        nearest = order[np.searchsorted(table.clusters[order], np.arange(len(sizes)))]
        minutes = None if self.seconds is None else np.bincount(table.clusters, weights=self.seconds) / 60
        rows = []
        for cluster, (size, row) in enumerate(zip(sizes.tolist(), nearest.tolist())):
            known = {} if minutes is None else {"minutes": round(float(minutes[cluster]), 2)}
            rows.append({"cluster": cluster, "files": size, **known, "most typical": str(table.ids[row])})
        return rows


def cluster_files(
    ids: np.ndarray,
    embeddings: np.ndarray,
    n_clusters: int | str = AUTO,
    seconds: np.ndarray | None = None,
    seed: int = 0,
) -> FileClusters:
    """Cluster files by Ward's method, after k-means where there are more than some thousands.

    Arguments
    ---------
    ids : np.ndarray of str, (n,)
    embeddings : np.ndarray
        (n, dim)
    n_clusters : int or "auto"
        "auto": as many as stand out, see `speechbrain_cadino.clusters.choice.choose_clusters`.
    seconds : np.ndarray, optional
        (n,)
    seed : int

    Returns
    -------
    FileClusters

    Raises
    ------
    UserError
        If there are too few files.

    Example
    -------
    >>> embeddings = np.repeat(np.eye(3), [2, 5, 3], axis=0) + 0.01 * np.random.default_rng(0).normal(size=(10, 3))
    >>> found = cluster_files(np.array(list("abcdefghij")), embeddings)
    >>> found.table.clusters.tolist(), round(found.silhouette)
    ([2, 2, 0, 0, 0, 0, 0, 1, 1, 1], 1)
    """
    n_files = len(embeddings)
    if n_clusters == AUTO and n_files < LEAST_FINE:
        raise UserError(f"There are {n_files} files, too few to choose a number of clusters of: give --n_clusters.")
    if n_clusters != AUTO and not 1 <= n_clusters <= n_files:
        raise UserError(f"n_clusters is {n_clusters} for {n_files} files: set it from 1 to {n_files}, or auto.")
    n_fine = fine_clusters(n_files)
    merged = n_clusters == AUTO or 1 < n_clusters < n_fine
    how = dict(n_fine=n_fine, size_power=AUTO) if merged else {}
    labels, distances = Clustering(n_clusters, seed=seed, **how)(np.asarray(embeddings, dtype=np.float32))
    labels = _largest_first(labels)
    return FileClusters(LabelTable(ids, labels, distances), _silhouette(embeddings, labels, seed), seconds)


def _largest_first(labels):
    """Clusters numbered by their size, equal ones by their first item; those without items get no number."""
    used, first, places, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(used), dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(used))
    return rank[places]


def _silhouette(embeddings, labels, seed):
    n_clusters = labels.max() + 1
    if n_clusters < 2:
        return float("nan")
    asked = np.random.default_rng(seed).permutation(len(labels))[:MAX_ASKED]
    sums, counts = sums_of(embeddings, labels, n_clusters, normalise=True), np.bincount(labels)
    return silhouette(directions_of(np.asarray(embeddings[asked], dtype=np.float64)), labels[asked], sums, counts)
