"""Whether clusters are more than noise has: against the same search in Gaussian noise of the same mean and covariance.

A search for the best of many clusterings finds one in noise, too, and its silhouette rises with the number of clusters
there. So clusters count if their silhouette is well above that of as many clusters of noise: a gap statistic
(Tibshirani and others, 2001). Gaussian noise of 100 to 1,000 rows, in all directions or mostly in few, was 0.09 above
it at most; embeddings of speech were 0.12 to 0.4.
"""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.clusters.choice import directions_of, silhouette
from speechbrain_cadino.clusters.merging import cut_tree, merge_tree

LEAST_GAP = 0.1
STRONG = 0.8  # a silhouette that needs no comparison: with a handful of items, noise of their covariance is as they are
ROUNDS = 20  # in which the noise gets the variances of the points


def clusters_and_noise(
    points: np.ndarray, labels: np.ndarray, size_power: float, sizes: np.ndarray | None = None, seed: int = 0
) -> tuple[float, float]:
    """The `silhouette` of clusters, and the largest one of as many clusters of noise.

    It takes the memory of `merge_tree`, and the time of three, or, from 3,000 points on, of one.

    Arguments
    ---------
    points : np.ndarray
        (n, dim), of which the directions are compared.
    labels : np.ndarray
        (n,) int64, from 0: the cluster of each.
    size_power, sizes :
        Of the `merge_tree` that made them.
    seed : int
        Of the noise.

    Returns
    -------
    own, of_noise : float

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(np.arange(5), 20)
    >>> points = rng.standard_normal((5, 16))[labels] + 0.5 * rng.standard_normal((100, 16))
    >>> own, of_noise = clusters_and_noise(points, labels, size_power=0.5)
    >>> own > 0.8, of_noise < 0.5
    (True, True)
    """
    directions, n_clusters, rng = directions_of(points), int(labels.max()) + 1, np.random.default_rng(seed)
    of_noise = []
    for _ in range(max(1, min(3, 3000 // len(points)))):
        rows = noise_like(directions, rng)
        tree = merge_tree(rows, sizes, size_power)
        of_noise.append(silhouette(rows, cut_tree(tree, n_clusters)))
    return silhouette(directions, labels), max(of_noise)


def are_noise(own: float, of_noise: float) -> bool:
    """Whether what `clusters_and_noise` found are no clusters."""
    return own < STRONG and own - of_noise < LEAST_GAP


def noise_like(directions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise at length 1, with the variances that directions have along their principal axes, and their mean.

    Bringing noise to length 1 changes its variances, so it is scaled anew some times until they are right.

    Arguments
    ---------
    directions : np.ndarray
        (n, dim) of length 1.
    rng : np.random.Generator

    Returns
    -------
    np.ndarray
        (n, dim)
    """
    mean = directions.mean(axis=0)
    _, singular, axes = np.linalg.svd(directions - mean, full_matrices=False)
    wanted = singular**2 / len(directions)
    axes, wanted = axes[wanted > 1e-12], wanted[wanted > 1e-12]
    noise, scale = rng.standard_normal((len(directions), len(axes))), np.sqrt(wanted)
    for _ in range(ROUNDS):
        found = (directions_of(noise * scale @ axes + mean) @ axes.T).var(axis=0)
        scale = scale * np.sqrt(wanted / np.maximum(found, 1e-12))
    return directions_of(noise * scale @ axes + mean)
