"""Pairs of one cluster and of two, against plain enumeration."""

from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pytest

from speechbrain_cadino.clusters.pairs import clusters_by_silhouette, impostor_pairs, target_pairs
from speechbrain_cadino.utils.errors import UserError


def directions_of(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_targets_are_all_pairs_of_one_cluster_and_two_groups():
    labels = np.array([0, 1, 0, 2, 1, 0, 3, 3])
    groups = ["a", "b", "a", "c", "d", "e", "f", "f"]
    wanted = {(i, j) for i, j in permutations(range(8), 2) if labels[i] == labels[j] and groups[i] != groups[j]}
    first, second = target_pairs(labels, groups, 2000, seed=0)
    assert set(zip(first.tolist(), second.tolist())) == wanted and len(first) == 2000


def test_a_cluster_of_targets_counts_by_its_size():
    labels = np.repeat([0, 1], [2, 8])
    first, second = target_pairs(labels, range(10), 20_000, seed=0)
    assert np.mean(labels[first]) == pytest.approx(0.8, abs=0.01)
    counts = Counter(zip(first[labels[first] == 1].tolist(), second[labels[first] == 1].tolist()))
    assert len(counts) == 56 and max(counts.values()) < 2 * min(counts.values())


def test_a_pair_that_is_hard_to_hit_is_found_or_left_out():
    labels, groups = np.zeros(5000, dtype=np.int64), ["a"] * 4999 + ["b"]
    first, second = target_pairs(labels, groups, 50, seed=0)
    assert 0 < len(first) == len(second) <= 50
    assert ((first == 4999) != (second == 4999)).all()


def test_no_two_groups_in_a_cluster_are_told():
    with pytest.raises(UserError, match="No cluster holds"):
        target_pairs(np.array([0, 0, 1]), ["a", "a", "b"], 5, seed=0)


def test_where_no_pair_is_met_it_is_told():
    labels, groups = np.zeros(10**6, dtype=np.int64), np.arange(10**6) == 999_999
    with pytest.raises(UserError, match="No pair of one cluster and of two files or sessions was met"):
        target_pairs(labels, groups, 2, seed=0)


@pytest.mark.parametrize("nearest", [0.01, 0.25, 0.5, 1.0])
def test_impostors_are_of_the_nearest_clusters(nearest):
    rng = np.random.default_rng(0)
    labels, directions = np.repeat(np.arange(9), 3), directions_of(rng.normal(size=(27, 4)))
    means = directions_of(np.array([directions[labels == cluster].sum(0) for cluster in range(9)]))
    wanted = set()
    for one in range(9):
        others = sorted(set(range(9)) - {one}, key=lambda other: -means[one] @ means[other])
        wanted |= {(one, other) for other in others[: max(1, int(np.ceil(nearest * 8)))]}
    first, second = impostor_pairs(labels, directions, 20_000, nearest, seed=0)
    assert set(zip(labels[first].tolist(), labels[second].tolist())) == wanted
    assert set(first.tolist()) == set(range(27))


def test_clusters_of_impostors_count_by_the_root_of_their_size():
    labels = np.repeat([0, 1, 2], [49, 4, 1])
    directions = directions_of(np.random.default_rng(0).normal(size=(54, 3)))
    first, second = impostor_pairs(labels, directions, 60_000, 1.0, seed=0)
    roots = np.array([7, 2, 1]) / 10
    assert np.bincount(labels[first]) / 60_000 == pytest.approx(roots, abs=0.01)
    for cluster in range(3):
        others = np.bincount(labels[second[labels[first] == cluster]], minlength=3)
        wanted = np.where(np.arange(3) == cluster, 0, roots)
        assert others / others.sum() == pytest.approx(wanted / wanted.sum(), abs=0.02)
    assert set(labels[first[:50]].tolist()) == {0, 1, 2}  # in no order


def test_one_cluster_gives_no_impostors():
    with pytest.raises(UserError, match="one cluster"):
        impostor_pairs(np.zeros(3, dtype=np.int64), np.eye(3), 5, 0.5, seed=0)


def test_the_seed_decides_the_pairs():
    labels, directions = np.repeat(np.arange(20), 3), directions_of(np.random.default_rng(0).normal(size=(60, 8)))
    for draw in (
        lambda seed: target_pairs(labels, range(60), 50, seed),
        lambda seed: impostor_pairs(labels, directions, 50, 0.5, seed),
    ):
        one, again, other = draw(1), draw(1), draw(2)
        assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_silhouette_finds_speakers_of_all_sizes():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(12), [30, 20, 12, 8, 6, 5, 4, 3, 3, 2, 2, 2])
    directions = directions_of(rng.normal(size=(12, 32))[speakers] + 0.2 * rng.normal(size=(len(speakers), 32)))
    labels = clusters_by_silhouette(directions)
    assert all((labels[i] == labels[j]) == (speakers[i] == speakers[j]) for i, j in combinations(range(97), 2))


def test_two_domains_are_no_speakers():
    rng = np.random.default_rng(0)
    speakers, domain = np.repeat(np.arange(40), 4), np.repeat([0, 1], 80)
    rows = 6 * np.eye(32)[domain] + rng.normal(size=(40, 32))[speakers] + 0.2 * rng.normal(size=(160, 32))
    labels = clusters_by_silhouette(directions_of(rows - rows.mean(0)))
    assert 30 <= labels.max() + 1 <= 50
    assert (
        np.mean([(labels[i] == labels[j]) == (speakers[i] == speakers[j]) for i, j in combinations(range(160), 2)])
        > 0.99
    )
