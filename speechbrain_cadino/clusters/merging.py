"""Agglomerative clustering between Ward's method and the centroid method: how much large clusters resist a merge.

Merging two clusters of a and b items whose means lie d apart costs (a b / (a + b))^p d^2. With p = 1 that is Ward's
method: a large cluster costs much, so speakers with many utterances are split and clusters come out alike in size. With
p = 0 it is the centroid method, which forgets sizes and grows chains. Archives, where few speakers speak most, lie
between.
"""

from __future__ import annotations

import numpy as np


def merge_tree(points: np.ndarray, sizes: np.ndarray | None = None, size_power: float = 0.5) -> np.ndarray:
    """All merges of points into one cluster, the cheapest first each time.

    Takes 8 n^2 bytes, and some n^2 steps.

    Arguments
    ---------
    points : np.ndarray
        (n, dim)
    sizes : np.ndarray, optional
        (n,) how many items each point stands for; default: one each.
    size_power : float
        p, from 0 to 1.

    Returns
    -------
    np.ndarray
        (n - 1, 4) float64 as of `scipy.cluster.hierarchy.linkage`: the two clusters, points being 0 to n - 1 and the
        m-th merge n + m; the cost; the items. With p < 1 a merge may cost less than the one before.

    Example
    -------
    >>> merge_tree(np.array([[0.0], [1.0], [5.0]]), size_power=0).tolist()
    [[0.0, 1.0, 1.0, 2.0], [2.0, 3.0, 20.25, 3.0]]
    """
    points = np.asarray(points, dtype=np.float64)
    n = len(points)
    sizes = np.ones(n) if sizes is None else np.asarray(sizes, dtype=np.float64).copy()
    squares = np.einsum("ij,ij->i", points, points)
    distances = points @ points.T  # of the means, squared
    distances *= -2
    distances += squares[:, None] + squares
    np.maximum(distances, 0, out=distances)
    np.fill_diagonal(distances, np.inf)

    def costs(row):
        return distances[row] * (sizes[row] * sizes / (sizes[row] + sizes)) ** size_power

    nearest, least, sure = np.empty(n, int), np.full(n, np.inf), np.ones(n, bool)

    def look(row):
        found = costs(row)
        nearest[row] = found.argmin()
        least[row], sure[row] = found[nearest[row]], True

    for row in range(n):
        look(row)
    names, alive, tree = np.arange(n), np.ones(n, bool), np.empty((n - 1, 4))
    for merge in range(n - 1):
        kept = int(least.argmin())
        while not sure[kept]:  # its nearest is gone; what is left costs as much or more
            look(kept)
            kept = int(least.argmin())
        cost = least[kept]
        kept, gone = sorted((kept, int(nearest[kept])))
        a, b, apart = sizes[kept], sizes[gone], distances[kept, gone]
        tree[merge] = *sorted((names[kept], names[gone])), cost, a + b
        # Lance and Williams' formula for the distance to the mean of both
        row = (a * distances[kept] + b * distances[gone] - a * b / (a + b) * apart) / (a + b)
        np.maximum(row, 0, out=row)
        alive[gone], sizes[kept], names[kept], least[gone] = False, a + b, n + merge, np.inf
        row[~alive], row[kept] = np.inf, np.inf
        distances[kept], distances[:, kept] = row, row
        distances[gone], distances[:, gone] = np.inf, np.inf
        sure[(nearest == kept) | (nearest == gone)] = False
        look(kept)
        found = costs(kept)
        nearer = alive & (found < least)
        nearest[nearer], least[nearer], sure[nearer] = kept, found[nearer], True
    return tree


def cut_tree(tree: np.ndarray, n_clusters: int) -> np.ndarray:
    """The clusters after the first merges of a tree.

    Arguments
    ---------
    tree : np.ndarray
        (n - 1, 4), see `merge_tree`.
    n_clusters : int
        From 1 to n.

    Returns
    -------
    np.ndarray
        (n,) int64, numbered from 0 by their first points.

    Example
    -------
    >>> cut_tree(merge_tree(np.array([[5.0], [1.0], [0.0]])), 2).tolist()
    [0, 1, 1]
    """
    n = len(tree) + 1
    first = np.arange(2 * n - 1)  # of a merge: its first point
    label = np.arange(n)
    for merge, (one, other) in enumerate(tree[: n - n_clusters, :2].astype(int)):
        one, other = sorted((first[one], first[other]))
        first[n + merge] = one
        label[other] = one  # towards the first point, which has itself
    for point in range(n):
        label[point] = label[label[point]]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)
