"""Clusters merged to fewer: by scikit-learn, along a tree, or to as many as the silhouette says."""

from __future__ import annotations

import logging

import numpy as np

from speechbrain_cadino.clusters.agglomerative import agglomerate, check_finite
from speechbrain_cadino.clusters.choice import AUTO, SIZE_POWERS, candidates, choose_clusters
from speechbrain_cadino.clusters.merging import cut_tree, merge_tree
from speechbrain_cadino.clusters.noise import are_noise, clusters_and_noise

logger = logging.getLogger(__name__)


def merge_leaves(
    embeddings: np.ndarray,
    points: np.ndarray,
    labels: np.ndarray,
    n_clusters: int | str,
    linkage: str = "ward",
    size_power: float | str = 1.0,
    seed: int = 0,
    weigh: bool = True,
) -> np.ndarray:
    """Which leaves, the first clusters, are merged into which; a warning where none stand out.

    Arguments
    ---------
    embeddings : np.ndarray
        (n, dim): the items, of which the silhouette is where something is chosen.
    points : np.ndarray
        (leaves, any): what stands for each leaf.
    labels : np.ndarray
        (n,) int64: the leaf of each item.
    n_clusters, linkage, size_power, seed :
        As of `Clustering`.
    weigh : bool
        Whether a leaf counts as much as it has items, where something is chosen or ``size_power`` is not 1.

    Returns
    -------
    np.ndarray
        (leaves,) int64

    Raises
    ------
    UserError
        If memory lacks, or a point is not finite.

    Example
    -------
    >>> points = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    >>> merge_leaves(points, points, np.arange(3), n_clusters=2).tolist()
    [0, 1, 0]
    """
    if len(points) <= (1 if n_clusters == AUTO else n_clusters):
        return np.arange(len(points))  # nothing to merge
    if size_power == 1 and n_clusters != AUTO:
        return agglomerate(points, n_clusters, linkage)
    check_finite(points)
    sizes = np.bincount(labels, minlength=len(points)).clip(1) if weigh else np.ones(len(points), dtype=np.int64)
    powers = SIZE_POWERS if size_power == AUTO else [size_power]
    trees = {power: merge_tree(points, sizes, power) for power in powers}
    if n_clusters != AUTO and size_power != AUTO:
        return cut_tree(trees[size_power], n_clusters)
    numbers = candidates(len(points)) if n_clusters == AUTO else [n_clusters]
    merged, tried = choose_clusters(embeddings, labels, trees, numbers, seed=seed, normalise=True)
    if n_clusters == AUTO:
        power = next(row["size_power"] for row in tried if row["taken"])
        _tell_doubts(merged, numbers[0], len(labels), points, power, sizes, seed)
    return merged


def _tell_doubts(merged, fewest, n_items, points, power, sizes, seed):
    found = merged.max() + 1
    if found <= fewest:
        logger.warning(
            "No number of clusters stands out by its silhouette, so n_clusters auto takes the fewest, %d, for %d "
            "utterances: give n_clusters, or train the encoder for longer.", found, n_items,
        )  # fmt: skip
        return
    own, of_noise = clusters_and_noise(points, merged, power, sizes, seed)
    if are_noise(own, of_noise):
        logger.warning(
            "No number of clusters stands out from noise: the best, %d, which n_clusters auto takes for %d "
            "utterances, has the silhouette %.3f, as many clusters of noise have %.3f. Train the encoder for "
            "longer, or give n_clusters.", found, n_items, own, of_noise,
        )  # fmt: skip
