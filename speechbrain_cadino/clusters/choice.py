"""Which clusters, without labels: those whose items lie nearest to their own cluster, against the next one.

Where embeddings fall into two halves, of a channel or of the sexes, two clusters have the highest silhouette of all
numbers, though speakers show as a second summit. So a summit counts by how far it stands above the lowest silhouette
of fewer clusters.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.clusters.merging import cut_tree
from speechbrain_cadino.clusters.rows import SUM_BLOCK, blocks

logger = logging.getLogger(__name__)

AUTO = "auto"
SIZE_POWERS = (0.5, 0.7, 1.0)  # of which auto chooses: uneven speakers, in between, equal ones
RATIO = 1.1  # from one number of clusters that is tried to the next
BLOCK = 2048  # items whose cosines to all clusters are in memory at once


def silhouette(
    directions: np.ndarray, labels: np.ndarray, sums: np.ndarray | None = None, counts: np.ndarray | None = None
) -> float:
    """The simplified silhouette (Hruschka et al., 2004) by cosine, each item left out of its own cluster's mean.

    An item that lies a from the mean of the others of its cluster, and b from the nearest other mean, counts
    (b - a) / max(a, b); one alone in its cluster counts 0, as in Rousseeuw's silhouette.

    Arguments
    ---------
    directions : np.ndarray
        (n, dim) of length 1: all items, or some.
    labels : np.ndarray
        (n,) int64, from 0: their clusters.
    sums : np.ndarray, optional
        (clusters, dim) of all items' directions by cluster. Default: of the items given, which are all.
    counts : np.ndarray, optional
        (clusters,) items of each, where there are ``sums``.

    Returns
    -------
    float
        From -1 to 1, the mean over the items given.

    Example
    -------
    >>> directions = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> silhouette(directions, np.array([0, 0, 1, 1]))
    1.0
    """
    if sums is None:
        counts = np.bincount(labels)
        sums = sums_of(directions, labels, len(counts))
    if np.count_nonzero(counts) < 2:
        return 0.0
    means, total = directions_of(sums), 0.0
    for start in range(0, len(directions), BLOCK):
        x, own = directions[start : start + BLOCK], labels[start : start + BLOCK]
        cosines = x @ means.T
        cosines[:, counts == 0] = -np.inf  # a cluster without items has no mean
        cosines[np.arange(len(x)), own] = -np.inf
        others = 1 - np.einsum("ij,ij->i", x, directions_of(sums[own] - x))
        next_one = 1 - cosines.max(axis=1)
        value = (next_one - others) / np.maximum(np.maximum(next_one, others), 1e-12)
        total += value[counts[own] > 1].sum()
    return float(total / len(directions))


def choose_clusters(
    rows: np.ndarray,
    fine: np.ndarray,
    trees: dict[float, np.ndarray],
    numbers: Sequence[int],
    max_items: int = 20_000,
    seed: int = 0,
    normalise: bool = False,
) -> tuple[np.ndarray, list[dict]]:
    """Of several trees of merges, each cut at several numbers of clusters, the clusters of the best `silhouette`.

    Of each tree the number whose silhouette is furthest above the lowest of smaller numbers; where it only falls, the
    smallest one, which stands out by nothing. Of the trees the one with the highest silhouette there; but none whose
    number is half or less of the one that stands out most, since two halves, or a few, may have a higher silhouette
    than the speakers.

    Takes 2 n_clusters max_items dim operations for each that is tried; 8 dim max_items bytes, for float64 of all items
    is never there at once; and for the cosines 16 KB for each cluster, 0.55 GB at 33,000.

    Arguments
    ---------
    rows : np.ndarray
        (n, dim): the items, of length 1 unless ``normalise`` is set.
    fine : np.ndarray
        (n,) int64: the leaf of the trees that each item is in.
    trees : dict of float to np.ndarray
        By ``size_power``: (leaves - 1, 4), see `merge_tree`.
    numbers : sequence of int
        Numbers of clusters, rising, 2 or more.
    max_items : int
        So many, drawn by ``seed``, are asked; the means are of all.
    seed : int
    normalise : bool
        Whether rows of any length are brought to length 1, as they are read.

    Returns
    -------
    mapping : np.ndarray
        (leaves,) int64: the cluster of each leaf.
    tried : list of dict
        ``size_power``, ``clusters`` and ``silhouette`` of each, and ``taken``, whether it is the one.
    """
    n_leaves = len(next(iter(trees.values()))) + 1
    sums = sums_of(rows, fine, n_leaves, normalise)
    sizes = np.bincount(fine, minlength=n_leaves)
    asked = np.random.default_rng(seed).permutation(len(rows))[:max_items]
    directions = _read(rows, asked, normalise)
    tried, summits = [], []
    for size_power, tree in trees.items():
        lowest, found = np.inf, None
        for n_clusters in numbers:
            mapping = cut_tree(tree, n_clusters)
            counts = np.bincount(mapping, weights=sizes, minlength=n_clusters)
            value = silhouette(directions, mapping[fine[asked]], sums_of(sums, mapping, n_clusters), counts)
            tried.append({"size_power": size_power, "clusters": n_clusters, "silhouette": value, "taken": False})
            lowest = min(lowest, value)
            if found is None or value - lowest > found.rise:
                found = _Summit(value - lowest, mapping, tried[-1])
        summits.append(found)
    rise, mapping, taken = _best(summits)
    taken["taken"] = True
    above = f", {rise:.3f} above the lowest of fewer clusters" if len(numbers) > 1 else ""
    logger.info(
        "Of %d clusterings the one with %d clusters and size_power %g was taken: silhouette %.3f%s",
        len(tried), taken["clusters"], taken["size_power"], taken["silhouette"], above,
    )  # fmt: skip
    return mapping, tried


class _Summit(NamedTuple):
    """Of a tree, the number of clusters that stands out: by how much, what the clusters are, its row of ``tried``."""

    rise: float
    mapping: np.ndarray
    row: dict


def _best(summits):
    clearest = max(summits, key=lambda summit: summit.rise)
    fewest = clearest.row["clusters"] / 2
    rivals = [one for one in summits if one.row["clusters"] > fewest and (one.rise > 0 or clearest.rise == 0)]
    return max(rivals, key=lambda summit: summit.row["silhouette"])


def candidates(n_leaves: int) -> list[int]:
    """The numbers of clusters that are tried: from 2 to two thirds of the leaves, each a tenth above the one before.

    Example
    -------
    >>> candidates(12)
    [2, 3, 4, 5, 6, 7, 8]
    """
    numbers, value = [], 2.0
    while value <= max(2, 2 * n_leaves / 3):
        numbers.append(round(value))
        value = max(value + 1, value * RATIO)
    return numbers


def sums_of(rows: np.ndarray, labels: np.ndarray, n_clusters: int, normalise: bool = False) -> np.ndarray:
    """(n_clusters, dim) float64: the sums of the rows (n, dim) of each label (n,), 0 where there are none.

    ``normalise``: of the rows at length 1.
    """
    sums = np.zeros((n_clusters, rows.shape[1]))
    for _, block in blocks(slice(0, len(rows)), SUM_BLOCK):
        np.add.at(sums, labels[block], _read(rows, block, normalise))
    return sums


def _read(rows, at, normalise):
    """Rows at a slice or at some numbers, float64."""
    found = np.asarray(rows[at], dtype=np.float64)
    return directions_of(found) if normalise else found


def directions_of(rows: np.ndarray) -> np.ndarray:
    """Rows (n, dim) at length 1; one of zeros stays as it is."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
