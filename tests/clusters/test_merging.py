"""Merging between Ward's method and the centroid method: against both, and against brute force in between."""

import tracemalloc

import numpy as np
import pytest
from scipy.cluster.hierarchy import cut_tree as scipy_cut
from scipy.cluster.hierarchy import linkage

from speechbrain_cadino.clusters import merging
from speechbrain_cadino.clusters.merging import cut_tree, merge_tree


def draw(seed):
    rng = np.random.default_rng(seed)
    n, dim = int(rng.integers(2, 60)), int(rng.integers(1, 9))
    return rng.standard_normal((n, dim)) + 3 * rng.standard_normal((n // 4 + 1, dim))[rng.integers(n // 4 + 1, size=n)]


def same_partition(one, other):
    return len(set(zip(one, other))) == len(set(one)) == len(set(other))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "size_power, method, height", [(1.0, "ward", lambda c: np.sqrt(2 * c)), (0.0, "centroid", np.sqrt)]
)
def test_at_its_ends_it_is_scipys(seed, size_power, method, height):
    points = draw(seed)
    tree, expected = merge_tree(points, size_power=size_power), linkage(points, method)
    np.testing.assert_allclose(np.sort(height(tree[:, 2])), np.sort(expected[:, 2]), rtol=1e-6, atol=1e-6)
    if method == "ward":
        for n_clusters in range(1, len(points) + 1):
            assert same_partition(cut_tree(tree, n_clusters), scipy_cut(expected, n_clusters)[:, 0])


def plainly(points, sizes, size_power, n_clusters):
    """Each time all pairs of clusters, each cost from the items' means."""
    clusters = [[row] for row in range(len(points))]

    def cost(one, other):
        a, b = sizes[one].sum(), sizes[other].sum()
        apart = np.average(points[one], axis=0, weights=sizes[one]) - np.average(
            points[other], axis=0, weights=sizes[other]
        )
        return (a * b / (a + b)) ** size_power * (apart @ apart)

    while len(clusters) > n_clusters:
        pairs = [(i, j) for i in range(len(clusters)) for j in range(i)]
        i, j = min(pairs, key=lambda pair: cost(clusters[pair[0]], clusters[pair[1]]))
        clusters[j] += clusters.pop(i)
    labels = np.empty(len(points), int)
    for number, members in enumerate(clusters):
        labels[members] = number
    return labels


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size_power", [0.0, 0.3, 0.5, 0.8])
def test_equals_brute_force(seed, size_power):
    points = draw(seed)[:25]
    sizes = np.random.default_rng(seed).integers(1, 9, len(points)).astype(float)
    tree = merge_tree(points, sizes, size_power)
    assert tree[-1, 3] == pytest.approx(sizes.sum())
    for n_clusters in {1, 2, len(points) // 2 + 1, len(points)}:
        if n_clusters <= len(points):
            assert same_partition(cut_tree(tree, n_clusters), plainly(points, sizes, size_power, n_clusters))


def test_items_of_one_place_count_as_a_point_of_their_number():
    rng = np.random.default_rng(0)
    points, sizes = rng.standard_normal((12, 3)), rng.integers(1, 5, 12)
    many = np.repeat(np.arange(12), sizes)
    together = cut_tree(merge_tree(points[many], size_power=0.5), 4)
    assert same_partition(together, cut_tree(merge_tree(points, sizes, 0.5), 4)[many])


def test_a_lower_power_lets_large_clusters_grow():
    """One speaker has forty utterances, twenty have two: at 1 the one is split before the others are whole."""
    rng = np.random.default_rng(0)
    truth = np.concatenate([np.zeros(40, int), np.repeat(np.arange(1, 21), 2)])
    points = 1.3 * rng.standard_normal((21, 30))[truth] + rng.standard_normal((80, 30))
    largest = [np.bincount(cut_tree(merge_tree(points, size_power=power), 21)).max() for power in (1.0, 0.7, 0.5)]
    assert largest == sorted(largest) and largest[-1] > 1.5 * largest[0]


def test_equal_points_and_one_point():
    assert len(np.unique(cut_tree(merge_tree(np.ones((5, 2))), 3))) == 3
    assert merge_tree(np.ones((1, 2))).shape == (0, 4)
    assert cut_tree(merge_tree(np.ones((1, 2))), 1).tolist() == [0]


def test_the_distances_are_there_once(monkeypatch):
    monkeypatch.setattr(merging, "ROWS", 8)
    points = np.random.default_rng(0).standard_normal((500, 4))
    tracemalloc.start()
    merge_tree(points)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 8 * 500**2 < peak < 9 * 500**2
