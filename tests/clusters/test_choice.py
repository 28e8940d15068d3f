"""Clusters chosen without labels: the silhouette against the plain sum, and what it chooses on known corpora."""

import tracemalloc

import numpy as np
import pytest
import torch

from speechbrain_cadino.clusters import choice
from speechbrain_cadino.clusters.choice import SIZE_POWERS, candidates, choose_clusters, silhouette
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.merging import merge_tree
from speechbrain_cadino.clusters.pairs import clusters_by_silhouette
from speechbrain_cadino.utils.errors import UserError


def directions_of(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def plain_silhouette(x, labels):
    values = []
    for row in range(len(x)):
        others = {label: x[(labels == label) & (np.arange(len(x)) != row)] for label in set(labels)}
        if not len(others[labels[row]]):
            values.append(0.0)
            continue
        far = {label: 1 - x[row] @ directions_of(y.sum(0, keepdims=True))[0] for label, y in others.items() if len(y)}
        own = far.pop(labels[row])
        values.append((min(far.values()) - own) / max(min(far.values()), own))
    return np.mean(values)


@pytest.mark.parametrize("seed", range(10))
def test_silhouette_equals_the_plain_sum(seed, monkeypatch):
    monkeypatch.setattr(choice, "BLOCK", 7)
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(6, 50)), int(rng.integers(2, 6))
    x = directions_of(rng.standard_normal((n, 5)))
    labels = np.concatenate([np.arange(k), rng.integers(k, size=n - k)])
    sums = np.stack([x[labels == cluster].sum(0) for cluster in range(k)])
    assert silhouette(x, labels, sums, np.bincount(labels)) == pytest.approx(plain_silhouette(x, labels))


def corpus(sizes, seed=0, dim=30, spread=0.45):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return directions_of(
        directions_of(rng.standard_normal((len(sizes), dim)))[truth]
        + spread * rng.standard_normal((len(truth), dim)) / np.sqrt(dim) * 2
    ), truth


@pytest.mark.parametrize("sizes", [[9] * 40, [80, 40, 27, 20, 16, 13, 11, 10, 9, 8] + [3] * 30])
@pytest.mark.parametrize("seed", range(3))
def test_the_number_of_speakers_is_found(sizes, seed):
    x, truth = corpus(sizes, seed)
    labels, _ = Clustering(n_clusters="auto", n_fine=len(x), size_power="auto")(x.astype(np.float32))
    assert abs(len(np.unique(labels)) - len(sizes)) <= 0.2 * len(sizes)


def test_all_powers_and_numbers_are_tried_and_the_best_is_taken():
    x, _ = corpus([6] * 15)
    trees = {power: merge_tree(x, size_power=power) for power in SIZE_POWERS}
    mapping, tried = choose_clusters(x, np.arange(len(x)), trees, [5, 15, 40])
    assert [(row["size_power"], row["clusters"]) for row in tried] == [(p, k) for p in SIZE_POWERS for k in (5, 15, 40)]
    best = max(tried, key=lambda row: row["silhouette"])
    assert len(np.unique(mapping)) == best["clusters"] == 15


@pytest.mark.parametrize("seed", range(3))
def test_two_halves_do_not_hide_the_speakers(seed):
    x, truth = corpus([6] * 20, seed)
    halves = np.where(truth % 2, 1.0, -1.0)[:, None] * np.eye(x.shape[1])[0]
    x = directions_of(x + 4 * halves)
    trees = {power: merge_tree(x, size_power=power) for power in SIZE_POWERS}
    mapping, tried = choose_clusters(x, np.arange(len(x)), trees, candidates(len(x)))
    assert max(tried, key=lambda row: row["silhouette"])["clusters"] == 2
    assert abs(mapping.max() + 1 - 20) <= 2


def test_where_no_number_stands_out_it_is_told(caplog):
    x = np.eye(30, dtype=np.float32)
    labels, _ = Clustering(n_clusters="auto", n_fine=12)(x)
    assert labels.max() == 1 and "No number of clusters stands out" in caplog.text
    caplog.clear()
    Clustering(n_clusters=3, n_fine=8, size_power="auto")(x)
    assert "stands out" not in caplog.text
    Clustering(n_clusters="auto", n_fine=8)(x[:3])  # only 2 could be chosen
    assert "No number of clusters stands out" in caplog.text and "3 utterances" in caplog.text


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(n_clusters="abc"), "n_clusters is abc: set a whole number, or auto"),
        (dict(n_clusters=[3, 4]), "n_clusters is "),
        (dict(n_clusters=2.5), "n_clusters is 2.5"),
        (dict(n_clusters=True), "n_clusters is True"),
        (dict(n_clusters=False), "n_clusters is False: set a whole number"),
        (dict(n_fine="auto"), "n_fine is auto: set a whole number, or null"),
        (dict(n_fine=3), "which leaves no choice: set n_fine higher"),
        (dict(size_power="abc"), "size_power is abc"),
        (dict(size_power=None), "size_power is None"),
    ],
)
def test_settings_of_other_kinds_are_one_sentence(settings, said):
    with pytest.raises(UserError, match=said):
        Clustering(**{"n_clusters": "auto", "n_fine": 12, **settings})


def test_a_call_without_a_number_is_one_sentence():
    with pytest.raises(UserError, match="n_clusters is null"):
        Clustering(n_fine=12)(np.eye(20, dtype=np.float32))


@pytest.mark.parametrize("rows", [np.ones((20, 4)), np.zeros((20, 4)), np.eye(20)])
def test_clusters_without_structure_are_none(rows):
    with pytest.raises(UserError, match="No number of clusters of the 20"):
        clusters_by_silhouette(choice.directions_of(rows))


def test_two_groups_that_lie_apart_are_clusters():
    rows = directions_of(np.repeat([[1.0, 0.0], [0.0, 1.0]], 2, axis=0) + 0.01 * np.eye(4, 2))
    assert clusters_by_silhouette(rows).tolist() == [0, 0, 1, 1]


def test_a_tree_without_a_summit_is_taken_only_if_none_has_one():
    """Two halves lie further apart than their speakers; one tree knows the speakers, another one the halves alone."""
    x, truth = corpus([6] * 20)
    halves = np.where(truth % 2, 1.0, -1.0)[:, None] * np.eye(x.shape[1])[0]
    x, numbers = directions_of(x + 4 * halves), [2, 8, 20]
    speakers = merge_tree(x, size_power=1.0)
    falling = merge_tree(9 * halves + np.random.default_rng(0).standard_normal(x.shape), size_power=1.0)
    mapping, tried = choose_clusters(x, np.arange(len(x)), {0.5: falling}, numbers)
    values = [row["silhouette"] for row in tried]
    assert mapping.max() == 1 and values == sorted(values, reverse=True)
    mapping, tried = choose_clusters(x, np.arange(len(x)), {0.5: falling, 1.0: speakers}, numbers)
    assert values[0] > tried[-1]["silhouette"]
    assert [row["taken"] for row in tried] == [False] * 5 + [True] and mapping.max() == 19


@pytest.mark.parametrize(
    "summits, taken",
    [
        ([(0.02, 3, 0.34), (0.20, 18, 0.27), (0.10, 9, 0.26)], 18),  # three clusters, of halves
        ([(0.02, 3, 0.34), (0.10, 18, 0.27), (0.20, 9, 0.26)], 18),
        ([(0.20, 38, 0.26), (0.10, 20, 0.27), (0.15, 42, 0.25)], 20),  # alike: the highest silhouette
        ([(0.0, 2, 0.6), (0.1, 3, 0.3)], 3),
        ([(0.0, 2, 0.5), (0.0, 2, 0.6)], 2),
    ],
)
def test_a_tree_of_far_fewer_clusters_is_no_rival_of_the_one_that_stands_out(summits, taken):
    rows = [choice._Summit(rise, None, {"clusters": number, "silhouette": value}) for rise, number, value in summits]
    assert choice._best(rows).row["clusters"] == taken


def test_a_cluster_without_items_is_no_rival():
    x = directions_of(np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]]))
    labels, sums = np.array([0, 0, 1, 1]), np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]])
    wanted = silhouette(x, labels, sums[:2], np.array([2, 2]))
    assert silhouette(x, labels, sums, np.array([2, 2, 0])) == wanted
    assert silhouette(x[:2], labels[:2], sums[[0, 2]], np.array([2, 0])) == 0  # there is no other


def test_a_leaf_without_items_changes_nothing():
    x, _ = corpus([6] * 10)
    points = np.concatenate([x, -x[:1]])
    mapping, tried = choose_clusters(x, np.arange(len(x)), {0.5: merge_tree(points)}, [11])
    wanted, others = choose_clusters(x, np.arange(len(x)), {0.5: merge_tree(x)}, [10])
    assert same_partition(mapping[:-1], wanted) and tried[0]["silhouette"] == pytest.approx(others[0]["silhouette"])


def test_a_power_of_one_is_wards_method_given_a_number_or_not():
    """Where each centroid is one item; where they have many, auto weighs them, and a number does not."""
    x = corpus([6] * 15)[0].astype(np.float32)
    found, _ = Clustering(n_clusters="auto", n_fine=90, size_power=1)(x)
    given, _ = Clustering(n_clusters=int(found.max()) + 1, n_fine=90, size_power=1)(x)
    assert same_partition(found, given) and found.max() == 14


def test_fewer_embeddings_than_n_fine_are_all_merged(caplog):
    """Nobody wrote n_clusters 900, so nobody is told of it."""
    x = corpus([6] * 10)[0].astype(np.float32)
    more, _ = Clustering(n_clusters="auto", n_fine=900)(x)
    as_many, _ = Clustering(n_clusters="auto", n_fine=60)(x)
    np.testing.assert_array_equal(more, as_many)
    assert "n_clusters" not in caplog.text


def same_partition(one, other):
    return len(set(zip(one.tolist(), other.tolist()))) == len(set(one.tolist())) == len(set(other.tolist()))


def test_some_items_are_enough():
    x, _ = corpus([6] * 15)
    trees = {1.0: merge_tree(x, size_power=1.0)}
    few = choose_clusters(x, np.arange(len(x)), trees, candidates(len(x)), max_items=60)[1]
    every = choose_clusters(x, np.arange(len(x)), trees, candidates(len(x)))[1]
    assert few != every
    assert np.corrcoef([[row["silhouette"] for row in rows] for rows in (few, every)])[0, 1] > 0.95


@pytest.mark.parametrize("as_given", [np.asarray, torch.from_numpy])
def test_embeddings_of_any_length_are_read_in_blocks_and_give_the_same(as_given, monkeypatch):
    """Bit for bit what one copy of all in float64 gives, without that copy."""
    monkeypatch.setattr(choice, "SUM_BLOCK", 700)
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((20_000, 64)).astype(np.float32)
    embeddings[5] = 0
    fine = rng.integers(20, size=len(embeddings))
    trees = {1.0: merge_tree(rng.standard_normal((20, 64)))}
    directions = choice.directions_of(embeddings.astype(np.float64))
    sums = np.zeros((20, 64))
    np.add.at(sums, fine, directions)
    np.testing.assert_array_equal(choice.sums_of(embeddings, fine, 20, normalise=True), sums)
    wanted = choose_clusters(directions, fine, trees, [2, 7, 12], max_items=300)
    given = as_given(embeddings)
    tracemalloc.start()
    found = choose_clusters(given, fine, trees, [2, 7, 12], max_items=300, normalise=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found[0], wanted[0])
    assert found[1] == wanted[1] and peak < embeddings.nbytes / 2


def test_one_of_both_may_be_given():
    x = corpus([6] * 15)[0].astype(np.float32)
    assert len(np.unique(Clustering(n_clusters=7, n_fine=90, size_power="auto")(x)[0])) == 7
    found = len(np.unique(Clustering(n_clusters="auto", n_fine=90, size_power=0.5)(x)[0]))
    assert abs(found - 15) <= 2
    assert len(np.unique(Clustering(n_clusters=7, n_fine=30, size_power=0.5)(x)[0])) == 7


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(n_clusters="auto"), "n_clusters is auto, n_fine None and linkage ward"),
        (dict(n_clusters="auto", n_fine=50, linkage="average"), "n_clusters is auto, n_fine 50 and linkage average"),
        (
            dict(n_clusters=5, size_power=0.5),
            "size_power is 0.5, and linkage ward with n_fine None knows none.*size_power: 1}",
        ),
        (dict(n_clusters=5, n_fine=50, linkage="average", size_power=0.5), "linkage average with n_fine 50 knows none"),
        (dict(n_clusters=5, n_fine=50, size_power=1.5), "size_power is 1.5: set 1"),
    ],
)
def test_what_cannot_be_chosen_is_refused(settings, said):
    with pytest.raises(UserError, match=said):
        Clustering(**settings)


def test_candidates_rise_to_two_thirds():
    numbers = candidates(900)
    assert numbers[:3] == [2, 3, 4] and 540 < numbers[-1] <= 600 and numbers == sorted(set(numbers))
    assert candidates(3) == [2]
