"""Clusters of each modality put together: cells of the items that are in one cluster by each, merged again."""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.nearest import assigner
from speechbrain_cadino.clusters.rows import Rows
from speechbrain_cadino.utils import distributed as ranks

SPLIT, ENSEMBLE = CELLS = ("split", "ensemble")


def cluster_cells(
    rows: np.ndarray,
    columns: dict[str, slice],
    has: dict[str, np.ndarray],
    how: str,
    clustering: Clustering,
    n_clusters: int | str | None = None,
    device: torch.device | str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster by each modality apart, then merge the cells: the items that are in one cluster by each.

    "split": the clusters of the first modality are split by the others', and each cell goes, whole, to those that its
    mean is near by all modalities. So faces split and move the clusters of voices, as in 3D-Speaker's diarisation
    (Chen and others, arXiv 2403.19971), where each part of a voice cluster takes one face's label; here a face cluster
    is no more certain than a voice cluster, so none has the last word.
    "ensemble": a cell is known by the clusters that it is in alone, each with its center: a cluster ensemble (Strehl
    and Ghosh, 2002; DKU's for VoxSRC-21, arXiv 2109.02853, is of voices and faces) whose clusters are alike by their
    centers, since with two labellings the number of those in which two items agree is 0, 1 or 2, and tells too little.

    An item that lacks a modality is in the cluster there whose center its filled part is nearest to, or in one of all
    that have no such part. It costs what one clustering of each modality and one of all rows do, less the last one's
    k-means unless the cells are more than ``n_fine``.

    Arguments
    ---------
    rows, columns, has :
        As `join_embeddings` gives them, of two modalities or more.
    how : "split" or "ensemble"
    clustering, n_clusters, device :
        As of `Join`.

    Returns
    -------
    labels, distances : np.ndarray
        As `Clustering` gives them, of the rows.

    Example
    -------
    >>> rows = np.array([[5, 1], [5, 1.1], [-5, -1], [-5, -1.1]], dtype=np.float32)
    >>> columns, has = {"voice": slice(0, 1), "face": slice(1, 2)}, dict.fromkeys(["voice", "face"], np.ones(4, bool))
    >>> clustering = Clustering(2, spherical=False)
    >>> labels, distances = cluster_cells(rows, columns, has, "split", clustering)
    >>> (labels == labels[0]).tolist()
    [True, True, False, False]
    """
    labels, centers = {}, {}
    for name, part in columns.items():
        labels[name], centers[name] = _labels_of_all(rows[:, part], has[name], clustering, n_clusters, device)
    _, first, cells = np.unique(np.stack(list(labels.values()), axis=1), axis=0, return_index=True, return_inverse=True)
    cells = cells.reshape(-1)  # NumPy 2.0 gives a column
    if how == SPLIT:
        points = _means(rows, cells, device)
    else:
        points = np.concatenate([centers[name][labels[name][first]] for name in columns], axis=1)
    return clustering.merge(rows, cells, points, n_clusters, device)


def _labels_of_all(part, has, clustering, n_clusters, device):
    """(n,) clusters by one modality, and (clusters + 1, dim) their centers, the last one of items without a part."""
    own = part[has]
    found = np.unique(clustering(own, n_clusters, device=device)[0], return_inverse=True)[1]
    centers = _means(own, found, device)
    labels = np.full(len(part), len(centers))
    labels[has] = found
    filled = np.flatnonzero(~has & part.any(axis=1))
    labels[filled] = _nearest(part[filled], centers, device) if len(filled) else 0
    return labels, np.concatenate([centers, np.zeros_like(centers[:1])])


def _means(x, labels, device):
    """(clusters, dim) float32: the means of rows by their labels, from 0, each of which occurs."""
    rows, shard, n_clusters = Rows(x, device, normalise=False), ranks.shard(len(x)), int(labels.max()) + 1
    own = torch.from_numpy(labels[shard]).to(rows.device)
    sums, counts = map(ranks.all_reduce, rows.sums(own, n_clusters, shard))
    return (sums / counts[:, None]).float().cpu().numpy()


def _nearest(x, centers, device):
    """(n,) int64: the center that is nearest to each row."""
    rows, shard = Rows(x, device, normalise=False), ranks.shard(len(x))
    labels = torch.zeros(shard.stop - shard.start, dtype=torch.int64, device=rows.device)
    centers = torch.from_numpy(centers).to(rows.device)
    with assigner(rows, shard, len(centers)) as assign:
        assign(labels, centers, -centers.square().sum(dim=1) / 2)
    return ranks.all_gather(labels, len(x)).cpu().numpy()
