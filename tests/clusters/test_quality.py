"""Metrics of a refresh against scikit-learn and against counting all pairs."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from speechbrain_cadino.clusters.mutual_information import adjusted_mutual_information
from speechbrain_cadino.clusters.quality import (
    cluster_metrics,
    cluster_sizes,
    majority_speakers,
    same_speaker_fractions,
)
from speechbrain_cadino.corpus.layout import STRING


def random_labels(n_items, n_clusters, seed):
    """A labelling with clusters of very different sizes, and another that half agrees with it."""
    rng = np.random.default_rng(seed)
    fractions = rng.gamma(0.5, size=n_clusters) + 1e-9
    first = rng.choice(n_clusters, n_items, p=fractions / fractions.sum())
    return first, np.where(rng.random(n_items) < 0.5, first, rng.integers(0, n_clusters // 2 + 1, n_items))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("n_items", "n_clusters"), [(1, 1), (2, 2), (3, 2), (10, 3), (100, 100), (700, 20), (3000, 2), (3000, 300)]
)
def test_adjusted_mutual_information_is_scikit_learns(n_items, n_clusters, seed):
    first, second = random_labels(n_items, n_clusters, seed)
    found = adjusted_mutual_information(first, second)
    assert found == pytest.approx(adjusted_mutual_info_score(first, second), abs=1e-8)
    assert adjusted_mutual_information(second, first) == pytest.approx(found, abs=1e-8)


def test_adjusted_mutual_information_of_large_clusters():
    """Sizes at which the distribution of the overlap is cut off: 40 and ten deviations are far under 10,000."""
    rng = np.random.default_rng(0)
    first = np.repeat([0, 1, 2, 3], [20000, 15000, 4990, 10])
    second = np.where(rng.random(40000) < 0.3, first, rng.permutation(first))
    expected = adjusted_mutual_info_score(first, second)
    assert adjusted_mutual_information(first, second) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 1, 1], [5, 5, 2, 2], 1),
        ([0, 0, 0], [1, 1, 1], 1),
        ([0, 1, 2], [2, 0, 1], 1),
        ([0, 1, 2], [4, 4, 4], 0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
    ],
)
def test_adjusted_mutual_information_at_the_edges(first, second, expected):
    found = adjusted_mutual_information(np.array(first), np.array(second))
    assert found == pytest.approx(expected, abs=1e-12)
    assert found == pytest.approx(adjusted_mutual_info_score(first, second), abs=1e-12)


def test_labellings_that_have_nothing_to_do_with_each_other():
    rng = np.random.default_rng(0)
    assert abs(adjusted_mutual_information(rng.integers(0, 500, 4000), rng.integers(0, 500, 4000))) < 0.02
    assert np.isnan(adjusted_mutual_information(np.array([]), np.array([])))


@pytest.mark.parametrize("seed", range(5))
def test_shares_equal_a_count_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    labels, speakers = rng.integers(0, 6, 120), rng.integers(0, 9, 120)
    sessions = rng.integers(0, 3, 120)  # the same names for every speaker
    pairs = [(i, j) for i, j in combinations(range(120), 2) if speakers[i] == speakers[j]]
    kinds = {
        "same_spk": pairs,
        "same_spk_within": [(i, j) for i, j in pairs if sessions[i] == sessions[j]],
        "same_spk_across": [(i, j) for i, j in pairs if sessions[i] != sessions[j]],
    }
    expected = {name: np.mean([labels[i] == labels[j] for i, j in chosen]) for name, chosen in kinds.items()}
    found = same_speaker_fractions(labels, speakers, sessions)
    assert found == pytest.approx(expected)
    words = [np.array([f"n{value}" for value in column], dtype=STRING) for column in (speakers, sessions)]
    assert same_speaker_fractions(labels, *words) == found
    assert same_speaker_fractions(labels, speakers) == {"same_spk": found["same_spk"]}


@pytest.mark.parametrize("seed", range(3))
def test_wrong_labels_are_those_of_fewer_of_a_cluster(seed):
    rng = np.random.default_rng(seed)
    labels, speakers = rng.integers(-1, 8, 60), rng.integers(0, 6, 60)
    most = {label: np.bincount(speakers[labels == label]).max() for label in set(labels) - {-1}}
    found = cluster_metrics(labels, spk_ids=np.array([f"id{i}" for i in speakers], dtype=STRING))["wrong_labels"]
    assert found == pytest.approx(1 - sum(most.values()) / np.count_nonzero(labels >= 0))


def test_no_such_pairs():
    fractions = same_speaker_fractions(np.array([0, 0]), np.array(["a", "b"]), np.array(["x", "x"]))
    assert all(np.isnan(fraction) for fraction in fractions.values())


def test_clusters_that_are_channels_show():
    speakers = np.repeat(np.arange(10), 20)
    sessions = np.tile(np.repeat([0, 1], 10), 10)
    channels, good = speakers * 2 + sessions, speakers
    assert same_speaker_fractions(channels, speakers, sessions)["same_spk_within"] == 1
    assert same_speaker_fractions(channels, speakers, sessions)["same_spk_across"] == 0
    assert set(same_speaker_fractions(good, speakers, sessions).values()) == {1}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([3, 3, 3, 7, 7, 9], (3, 2.0, 3, 1)),
        ([0] * 5, (1, 5.0, 5, 0)),
        ([4, 2, 0, 1], (4, 1.0, 1, 4)),
        ([0, 0, -1, 1, -1], (2, 1.5, 2, 1)),
        ([-1, -1], (0, 0.0, 0, 0)),
    ],
)
def test_sizes(labels, expected):
    assert tuple(cluster_sizes(labels).values()) == expected


def test_figures_are_those_that_can_be_had():
    rng = np.random.default_rng(0)
    labels, previous = random_labels(400, 20, 0)
    speakers = np.array([f"id{i}" for i in rng.integers(0, 15, 400)], dtype=STRING)
    sessions = np.array([f"s{i}" for i in rng.integers(0, 5, 400)], dtype=STRING)
    sizes = ["clusters", "median_size", "largest", "singletons"]
    assert list(cluster_metrics(labels)) == sizes
    assert list(cluster_metrics(labels, previous)) == [*sizes, "ami_previous"]
    assert list(cluster_metrics(labels, None, speakers)) == [*sizes, "ami_speakers", "wrong_labels", "same_spk"]
    everything = cluster_metrics(labels, previous, speakers, sessions)
    assert list(everything) == [
        *sizes, "ami_previous", "ami_speakers", "wrong_labels", "same_spk", "same_spk_within", "same_spk_across"
    ]  # fmt: skip
    assert all(type(value) in (int, float) for value in everything.values())
    assert everything["ami_previous"] == pytest.approx(adjusted_mutual_info_score(previous, labels))
    assert everything["ami_speakers"] == pytest.approx(adjusted_mutual_info_score(speakers.tolist(), labels))


def test_items_without_a_cluster_or_a_speaker_count_nowhere():
    rng = np.random.default_rng(0)
    labels, previous = random_labels(300, 10, 0)
    speakers = np.array([f"id{i}" for i in rng.integers(0, 15, 300)], dtype=STRING)
    expected = cluster_metrics(labels, previous, speakers, speakers)
    longer = [np.append(column, more) for column, more in ((labels, [-1, -1, 0]), (previous, [0, -1, -1]))]
    speakers = np.append(speakers, np.array(["id1", "", ""], dtype=STRING))
    found = cluster_metrics(*longer, speakers, speakers)
    for name in ("ami_previous", "ami_speakers", "same_spk"):
        assert found[name] == pytest.approx(expected[name])
    assert np.isnan(cluster_metrics(np.array([-1]), spk_ids=np.array(["a"]))["ami_speakers"])


@pytest.mark.parametrize("seed", range(25))
def test_majority_equals_plain_counting(seed):
    rng = np.random.default_rng(seed)
    n, classes, speakers = rng.integers(1, 200), rng.integers(1, 30), rng.integers(1, 30)
    labels, speakers = rng.integers(classes, size=n), rng.integers(speakers, size=n)
    found = majority_speakers(labels, speakers)
    assert found.shape == (labels.max() + 1,)
    for cluster, speaker in enumerate(found.tolist()):
        counts = Counter(speakers[labels == cluster].tolist())
        wanted = min((s for s in counts if counts[s] == max(counts.values())), default=-1)
        assert speaker == wanted
