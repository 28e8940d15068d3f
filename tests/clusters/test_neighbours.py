"""Pairs of nearest items, against one merge at a time."""

import numpy as np
import pytest

from speechbrain_cadino.clusters.neighbours import merge_neighbours


def plain(points, n_wanted):
    """Round by round: all that are each other's nearest, the nearest first, as sets of items."""
    groups = [[item] for item in range(len(points))]
    while len(groups) > n_wanted:
        means = [np.mean(points[group], axis=0) for group in groups]
        apart = [[np.inf if i == j else np.sum((a - b) ** 2) for j, b in enumerate(means)] for i, a in enumerate(means)]
        nearest = [int(np.argmin(row)) for row in apart]
        pairs = sorted((apart[i][j], i, j) for i, j in enumerate(nearest) if nearest[j] == i and i < j)
        pairs = [(i, j) for _, i, j in pairs[: len(groups) - n_wanted]]
        merged = [groups[i] + groups[j] for i, j in pairs]
        groups = merged + [group for i, group in enumerate(groups) if not any(i in pair for pair in pairs)]
    return {frozenset(group) for group in groups}


@pytest.mark.parametrize("n, n_wanted", [(5, 5), (5, 7), (40, 39), (40, 25), (40, 3), (61, 12)])
def test_equals_the_plain_way(n, n_wanted):
    points = np.random.default_rng(n + n_wanted).normal(size=(n, 3))
    before = points.copy()
    labels = merge_neighbours(points, n_wanted)
    assert {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels)} == plain(points, n_wanted)
    assert sorted(set(labels.tolist())) == list(range(min(n, n_wanted)))
    assert np.array_equal(points, before)


def test_items_that_are_all_alike_are_merged_too():
    labels = merge_neighbours(np.ones((9, 2)), 4)
    assert len(set(labels.tolist())) == 4
