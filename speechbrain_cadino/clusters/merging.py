"""Agglomerative clustering between Ward's method and the centroid method: how much large clusters resist a merge.

Merging two clusters of a and b items whose means lie d apart costs (a b / (a + b))^p d^2. With p = 1 that is Ward's
method: a large cluster costs much, so speakers with many utterances are split and clusters come out alike in size. With
p = 0 it is the centroid method, which forgets sizes and grows chains. Archives, where few speakers speak most, lie
between.
"""

from __future__ import annotations

import numpy as np

ROWS = 256  # of the distances, made at a time


def merge_tree(points: np.ndarray, sizes: np.ndarray | None = None, size_power: float = 0.5) -> np.ndarray:
    """All merges of points into one cluster, the cheapest first each time.

    Takes 8 n^2 bytes, and some n^2 steps: 0.2 GB and 3 s at 5,000 points.

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
    state = _Clusters(points, sizes, size_power)
    n = len(state.sizes)
    names, tree = np.arange(n), np.empty((n - 1, 4))
    for merge in range(n - 1):
        kept, gone, cost = state.cheapest()
        state.merge(kept, gone)
        tree[merge] = *sorted((names[kept], names[gone])), cost, state.sizes[kept]
        names[kept] = n + merge
    return tree


class _Clusters:
    """What is left to be merged: each cluster in the place of one of its points.

    Arguments
    ---------
    points, sizes, size_power :
        As of `merge_tree`.

    Attributes
    ----------
    sizes : np.ndarray, (n,) float64
        Items by place.
    distances : np.ndarray, (n, n) float64
        Of the means, squared; infinite to itself, and where a cluster is gone.
    nearest, least : np.ndarray, (n,)
        The place that it costs least to merge each with, and the cost; infinite where a cluster is gone.
    sure : np.ndarray, (n,) bool
        Whether that is so: where the nearest one has been merged, ``least`` is a lower bound only.
    """

    def __init__(self, points, sizes, size_power):
        points = np.asarray(points, dtype=np.float64)
        n, self.size_power = len(points), size_power
        self.sizes = np.ones(n) if sizes is None else np.asarray(sizes, dtype=np.float64).copy()
        squares = np.einsum("ij,ij->i", points, points)
        self.distances = points @ points.T
        self.distances *= -2
        for start in range(0, n, ROWS):  # a second array of n^2 would double the memory
            self.distances[start : start + ROWS] += squares[start : start + ROWS, None] + squares
        np.maximum(self.distances, 0, out=self.distances)
        np.fill_diagonal(self.distances, np.inf)
        self.alive, self.sure = np.ones((2, n), bool)
        self.nearest, self.least = np.empty(n, int), np.full(n, np.inf)
        for place in range(n):
            self._look(place)

    def cheapest(self):
        """The places of the two clusters whose merge costs least, the first one first, and the cost."""
        one = int(self.least.argmin())
        while not self.sure[one]:  # its nearest is gone; what is left costs as much or more
            self._look(one)
            one = int(self.least.argmin())
        return *sorted((one, int(self.nearest[one]))), self.least[one]

    def merge(self, kept, gone):
        """Put one cluster into the place of another."""
        distances, sizes = self.distances, self.sizes
        a, b, apart = sizes[kept], sizes[gone], distances[kept, gone]
        # Lance and Williams' formula for the distance to the mean of both
        row = (a * distances[kept] + b * distances[gone] - a * b / (a + b) * apart) / (a + b)
        np.maximum(row, 0, out=row)
        self.alive[gone], sizes[kept], self.least[gone] = False, a + b, np.inf
        row[~self.alive], row[kept] = np.inf, np.inf
        distances[kept], distances[:, kept] = row, row
        distances[gone], distances[:, gone] = np.inf, np.inf
        self.sure[(self.nearest == kept) | (self.nearest == gone)] = False
        costs = self._look(kept)
        nearer = self.alive & (costs < self.least)
        self.nearest[nearer], self.least[nearer], self.sure[nearer] = kept, costs[nearer], True

    def _look(self, place):
        """Find the nearest one anew; gives what merges with each cost, (n,)."""
        sizes = self.sizes
        costs = self.distances[place] * (sizes[place] * sizes / (sizes[place] + sizes)) ** self.size_power
        self.nearest[place] = costs.argmin()
        self.least[place], self.sure[place] = costs[self.nearest[place]], True
        return costs


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
