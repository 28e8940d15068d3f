"""Merging before merging: tens of thousands of items, two by two, to as many as a tree of merges has memory for."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors


def merge_neighbours(points: np.ndarray, n_wanted: int) -> np.ndarray:
    """Merge those that are each other's nearest, until few enough are left.

    Each round merges such pairs, the nearest ones first, and goes on with the means of all items. These are the merges
    that a tree begins with, where k-means would leave some small speakers without a center of their own. A round takes
    2 n^2 dim operations, and shrinks n by about a third.

    Arguments
    ---------
    points : np.ndarray
        (n, dim)
    n_wanted : int
        Two or more.

    Returns
    -------
    np.ndarray
        (n,) int64, from 0: what each item is merged into; fewer than ``n_wanted`` never, as many if there are more
        items.

    Example
    -------
    >>> merge_neighbours(np.array([[0.0], [1.0], [5.0], [5.5]]), 3).tolist()
    [0, 1, 2, 2]
    """
    labels, sizes = np.arange(len(points)), np.ones(len(points))
    means = np.array(points, dtype=np.float64)
    while len(means) > n_wanted:
        apart, nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(means).kneighbors()
        nearest, here = nearest[:, 0], np.arange(len(means))
        pairs = np.flatnonzero((nearest[nearest] == here) & (here < nearest))
        if not len(pairs):  # ties in a ring: one pair at least is merged
            pairs = apart[:, 0].argsort(kind="stable")[:1]
        pairs = pairs[apart[pairs, 0].argsort(kind="stable")][: len(means) - n_wanted]
        gone = nearest[pairs]
        into = here.copy()
        into[gone] = pairs
        total = sizes[pairs] + sizes[gone]
        means[pairs] = (sizes[pairs, None] * means[pairs] + sizes[gone, None] * means[gone]) / total[:, None]
        sizes[pairs] = total
        left, into = np.unique(into, return_inverse=True)
        labels = into[labels]
        means, sizes = means[left], sizes[left]
    return labels
