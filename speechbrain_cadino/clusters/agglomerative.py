"""The optional second step: many k-means clusters, merged pair by pair down to the wanted number."""

from __future__ import annotations

import logging

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.memory import check_memory

logger = logging.getLogger(__name__)

METRICS = {"ward": "euclidean", "average": "cosine", "complete": "cosine"}


def agglomerate(centroids: np.ndarray, n_clusters: int, linkage: str = "ward") -> np.ndarray:
    """Merge centroids into clusters by scikit-learn's `AgglomerativeClustering`.

    "ward", the default, merges the pair that adds least to the sum of squares that k-means lessens, so that both steps
    have one aim; "average" and "complete" go by the mean and the largest cosine distance. Each centroid counts as one,
    whatever its members.

    Arguments
    ---------
    centroids : np.ndarray
        (n, dim)
    n_clusters : int
        Under n.
    linkage : "ward", "average" or "complete"

    Returns
    -------
    np.ndarray
        (n,) int64: the cluster of each centroid, 0 to n_clusters - 1.

    Raises
    ------
    UserError
        If there is not enough memory, a centroid is not finite, or the linkage is not one of the three.

    Example
    -------
    >>> agglomerate(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 2).tolist()
    [0, 1, 0]
    """
    check_linkage(linkage)
    check_n_fine(len(centroids))
    check_finite(centroids)
    model = AgglomerativeClustering(n_clusters, linkage=linkage, metric=METRICS[linkage])
    return model.fit_predict(centroids).astype(np.int64)


def check_finite(centroids: np.ndarray) -> None:
    """Raise a `UserError` if a centroid is not finite."""
    if not np.isfinite(centroids).all():
        raise UserError("Some centroids are not finite: find the utterances whose embeddings are not.")


def check_linkage(linkage: str) -> None:
    """Raise a `UserError` if there is no such linkage."""
    if linkage not in METRICS:
        raise UserError(f"linkage is {linkage!r}: set one of {', '.join(METRICS)}.")


def check_n_fine(n_fine: int) -> None:
    """Say how much memory it takes to merge ``n_fine`` centroids, or raise a `UserError` if that is not available.

    SciPy keeps the distances of all pairs, and a copy of them to work on, in float64: 8 n_fine^2 bytes.
    """
    remedy = "lower n_fine, or set it to null to go without the second step"
    check_memory(8 * n_fine**2, f"merge n_fine = {n_fine} centroids", remedy)
