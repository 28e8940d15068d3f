"""Pairs of utterances that clusters say are of one speaker, or of two, to calibrate decisions on without labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speechbrain_cadino.clusters.choice import candidates, choose_clusters, directions_of, sums_of
from speechbrain_cadino.clusters.merging import merge_tree
from speechbrain_cadino.clusters.neighbours import merge_neighbours
from speechbrain_cadino.clusters.noise import are_noise, clusters_and_noise
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.memory import check_memory

SIZE_POWER = 0.5
NO_STRUCTURE = 0.25  # a silhouette under which clusters mean nothing (Kaufman and Rousseeuw, 1990)
MOST_LEAVES = 12_000  # of the tree of merges; two thirds of them are the most clusters that are tried
ROUNDS = 1000  # draws before a target pair is given up


def clusters_by_silhouette(directions: np.ndarray, seed: int = 0) -> np.ndarray:
    """Clusters of some ten thousand items, as many as `choose_clusters` finds.

    More items than `MOST_LEAVES` are merged by `merge_neighbours` first. Takes 8 times the square of what is left, in
    bytes: 1.2 GB at the most. One rank can do it alone, which `Clustering` cannot.

    Arguments
    ---------
    directions : np.ndarray
        (n, dim) of length 1; three or more.
    seed : int
        Of the items that the silhouette asks, if they are many.

    Returns
    -------
    np.ndarray
        (n,) int64, from 0.

    Raises
    ------
    UserError
        If no number of clusters stands out, and the fewest are none that lie apart; if noise has as good clusters; or
        if memory lacks.

    Example
    -------
    >>> directions = np.array([[1, 0], [0.99, 0.141], [0, 1], [0.141, 0.99], [-1, 0], [-0.99, -0.141]])
    >>> clusters_by_silhouette(directions).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    leaves = merge_neighbours(directions, MOST_LEAVES)
    sizes = np.bincount(leaves)
    check_memory(8 * len(sizes) ** 2, f"merge {len(sizes)} clusters of training utterances", "free some")
    means = sums_of(directions, leaves, len(sizes)) / sizes[:, None]
    tree = merge_tree(means, sizes, SIZE_POWER)
    numbers = candidates(len(sizes))
    mapping, tried = choose_clusters(directions, leaves, {SIZE_POWER: tree}, numbers, seed=seed)
    labels = mapping[leaves]
    if labels.max() + 1 <= numbers[0] and tried[0]["silhouette"] < NO_STRUCTURE:
        raise UserError(f"No number of clusters of the {len(directions)} utterances stands out by its silhouette.")
    own, of_noise = clusters_and_noise(means, mapping, SIZE_POWER, sizes, seed)
    if are_noise(own, of_noise):
        raise UserError(
            f"No number of clusters of the {len(directions)} utterances stands out from noise: the best, "
            f"{labels.max() + 1}, has the silhouette {own:.3f}, as many clusters of noise have {of_noise:.3f}."
        )
    return labels


def target_pairs(labels: np.ndarray, groups: Sequence, n_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of one cluster and of different groups, with replacement.

    An item of a cluster that has two groups is drawn, then another of its cluster, until the groups differ: so a
    cluster counts by its size, not by its square.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, from 0: clusters.
    groups : sequence
        (n,) such as files or sessions.
    n_pairs : int
    seed : int

    Returns
    -------
    first, second : np.ndarray
        (pairs,) int64 items each, at least one: ``n_pairs``, less those whose second was not met in `ROUNDS` draws, as
        in a cluster of one huge group and a tiny one.

    Raises
    ------
    UserError
        If no cluster has items of two groups, or no pair was met.

    Example
    -------
    >>> first, second = target_pairs(np.array([0, 0, 1]), ["a", "b", "c"], 5, seed=0)
    >>> sorted(set(first.tolist()) | set(second.tolist())), bool((first == second).any())
    ([0, 1], False)
    """
    groups = np.unique(np.asarray(groups), return_inverse=True)[1]
    by_cluster, starts, sizes = _members(labels)
    lowest, highest = np.full(len(sizes), len(labels)), np.full(len(sizes), -1)
    np.minimum.at(lowest, labels, groups)
    np.maximum.at(highest, labels, groups)
    items = np.flatnonzero((lowest < highest)[labels])
    if not len(items):
        raise UserError("No cluster holds utterances of two files or sessions.")
    rng = np.random.default_rng(seed)
    first, second = items[rng.integers(len(items), size=n_pairs)], np.full(n_pairs, -1)
    open_ones = np.arange(n_pairs)
    for _ in range(ROUNDS):
        cluster = labels[first[open_ones]]
        other = by_cluster[starts[cluster] + rng.integers(sizes[cluster])]
        found = groups[other] != groups[first[open_ones]]
        second[open_ones[found]] = other[found]
        open_ones = open_ones[~found]
        if not len(open_ones):
            break
    drawn = second >= 0
    if not drawn.any():
        raise UserError(
            "No pair of one cluster and of two files or sessions was met: nearly all utterances of each cluster are of "
            "one."
        )
    return first[drawn], second[drawn]


def impostor_pairs(
    labels: np.ndarray, directions: np.ndarray, n_pairs: int, nearest: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of two clusters that are near each other, with replacement.

    A cluster is drawn, then one of the nearest other clusters by the cosine of the means, and an item of each. Clusters
    count by the root of their size, so that a large speaker who is split does not fill the pairs with his own.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, from 0: clusters, each with an item.
    directions : np.ndarray
        (n, dim) of length 1, that clusters are compared by.
    n_pairs : int
    nearest : float
        What fraction of a cluster's others are near, over 0, at most 1.
    seed : int

    Returns
    -------
    first, second : np.ndarray
        (n_pairs,) int64 items each.

    Raises
    ------
    UserError
        If there is one cluster only.

    Example
    -------
    >>> directions = np.array([[1, 0], [0.9, 0.436], [0, 1], [-1, 0]])
    >>> first, second = impostor_pairs(np.arange(4), directions, 100, nearest=0.3, seed=0)
    >>> sorted(set(zip(first.tolist(), second.tolist())))
    [(0, 1), (1, 0), (2, 1), (3, 2)]
    """
    by_cluster, starts, sizes = _members(labels)
    if len(sizes) < 2:
        raise UserError("There is one cluster only.")
    means = directions_of(sums_of(directions, labels, len(sizes)))
    cosines = means @ means.T
    np.fill_diagonal(cosines, -np.inf)
    n_near = max(1, int(np.ceil(nearest * (len(sizes) - 1))))
    near = np.argsort(-cosines, axis=1, kind="stable")[:, :n_near]
    rng, weights = np.random.default_rng(seed), np.sqrt(sizes)
    one = np.sort(rng.choice(len(sizes), n_pairs, p=weights / weights.sum()))
    other = np.empty_like(one)
    for cluster, start, stop in zip(*_runs(one)):
        fractions = weights[near[cluster]] / weights[near[cluster]].sum()
        other[start:stop] = rng.choice(near[cluster], stop - start, p=fractions)
    shuffled = rng.permutation(n_pairs)  # so that the first pairs are as good as any
    one, other = one[shuffled], other[shuffled]
    return tuple(by_cluster[starts[cluster] + rng.integers(sizes[cluster])] for cluster in (one, other))


def _runs(values):
    """Of sorted values: each that occurs, its first place and the one after its last."""
    found, starts = np.unique(values, return_index=True)
    return found, starts, np.append(starts[1:], len(values))


def _members(labels):
    """Items by cluster, each cluster's first place among them, and the sizes."""
    sizes = np.bincount(labels)
    return np.argsort(labels, kind="stable"), np.cumsum(sizes) - sizes, sizes
