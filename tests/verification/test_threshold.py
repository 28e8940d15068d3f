"""Thresholds accept what they promise, from trials and from random pairs."""

import numpy as np
import pytest
import torch

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cosine_scores, threshold_from_trials, threshold_without_labels
from speechbrain_cadino.verification.threshold import random_pairs, threshold_at_false_acceptance


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize("seed", range(5))
def test_lowest_threshold_within_the_rate(seed, dtype):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(0, 2, rng.integers(1, 60)), seed % 3).astype(dtype)
    for wanted in range(len(scores) + 1):
        threshold = threshold_at_false_acceptance(scores, wanted / len(scores))
        # In the scores' own type, as a comparison with them would have it.
        assert np.sum(scores >= scores.dtype.type(threshold) if dtype != np.int64 else scores >= threshold) <= wanted
        lower = scores[scores < threshold]
        assert not lower.size or np.sum(scores >= lower.max()) > wanted


def test_every_percentage_counts_exactly():
    scores = np.arange(100.0)
    for percent in range(1, 101):
        assert threshold_at_false_acceptance(scores, percent / 100) == 100 - percent


def test_threshold_from_trials():
    labels = np.array([True, True, False, True, False, False])
    scores = torch.tensor([0.9, 0.7, 0.8, 0.6, 0.2, 0.1])
    assert threshold_from_trials(scores, labels) == pytest.approx(0.7)  # 1 of 3 on both sides
    assert threshold_from_trials(scores, labels, false_acceptance=0.7) == pytest.approx(0.2)
    assert threshold_from_trials(scores, labels, false_acceptance=0) > 0.8


@pytest.mark.parametrize("seed", range(8))
def test_random_pairs_are_of_different_groups(seed):
    rng = np.random.default_rng(seed)
    groups = np.r_[["x", "y"], rng.choice(list("xyzw")[: 2 + seed % 3], rng.integers(0, 50))]
    first, second = random_pairs(groups, 500, seed)
    assert first.shape == second.shape == (500,)
    assert (groups[first] != groups[second]).all()


def test_random_pairs_are_all_equally_likely():
    groups = np.array(["a", "b", "a", "c", "c", "c"])
    pairs = [(i, j) for i in range(6) for j in range(6) if groups[i] != groups[j]]
    first, second = random_pairs(groups, 220_000, seed=1)
    counts = np.zeros((6, 6))
    np.add.at(counts, (first, second), 1)
    assert counts.sum() == sum(counts[pair] for pair in pairs)
    expected = 220_000 / len(pairs)
    np.testing.assert_allclose([counts[pair] for pair in pairs], expected, atol=5 * np.sqrt(expected))


def test_random_pairs_take_the_manifests_string_columns():
    groups = np.array(["a", "b", "a"], dtype=np.dtypes.StringDType())
    first, second = random_pairs(groups, 50, seed=0)
    assert (groups[first] != groups[second]).all()


def test_the_seed_decides_the_draw():
    groups = list(range(100))
    draws = [random_pairs(groups, 50, seed) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])


def speakers_with_sessions(n_speakers=200, seed=0):
    """Two sessions of two utterances a speaker; utterances of a session are alike, speakers otherwise are not."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(n_speakers), 4)
    session = np.repeat(np.arange(2 * n_speakers), 2)
    embeddings = (
        rng.normal(size=(n_speakers, 32))[speaker]
        + 0.7 * rng.normal(size=(2 * n_speakers, 32))[session]
        + 0.3 * rng.normal(size=(4 * n_speakers, 32))
    )
    return embeddings, speaker, session


def test_without_labels_the_rate_holds_among_impostors():
    embeddings, speaker, session = speakers_with_sessions()
    threshold = threshold_without_labels(embeddings, range(len(speaker)), session, n_pairs=50_000)
    enrol, test = random_pairs(speaker, 50_000, seed=9)  # other pairs, surely impostors
    rate = np.mean(cosine_scores(embeddings, enrol, test) >= threshold)
    assert 0.01 - 1 / 200 - 0.002 < rate < 0.01 + 0.002  # strict by the true pairs' share, as documented


def test_sessions_keep_one_session_out_of_the_pairs():
    embeddings, _, session = speakers_with_sessions(n_speakers=5)
    files = range(len(session))
    with_sessions = threshold_without_labels(embeddings, files, session, n_pairs=20_000, false_acceptance=0.02)
    assert with_sessions < threshold_without_labels(embeddings, files, n_pairs=20_000, false_acceptance=0.02)


def test_pieces_of_one_file_are_never_paired():
    embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert threshold_without_labels(embeddings, ["a", "a", "b", "b"], false_acceptance=1) == 0
    assert threshold_without_labels(embeddings, ["a", "a", "b", "b"], false_acceptance=0) < 1e-6
    assert threshold_without_labels(embeddings, ["a", "b", "c", "d"], false_acceptance=0) > 1


def test_the_mean_is_subtracted():
    rng = np.random.default_rng(0)
    embeddings, shift = rng.normal(size=(50, 4)), 10 * np.ones(4)
    plain = threshold_without_labels(embeddings, range(50))
    assert threshold_without_labels(embeddings + shift, range(50), mean=shift) == pytest.approx(plain, abs=1e-5)
    assert threshold_without_labels(embeddings + shift, range(50)) > 0.95


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: threshold_without_labels(np.eye(3), ["a", "a", "a"]), "from 1 file"),
        (lambda: threshold_without_labels(np.eye(3), ["a", "b", "c"], ["s", "s", "s"]), "from 1 file or session"),
        (lambda: threshold_without_labels(np.eye(3), ["a", "b"]), "3 embeddings for 2 utterances"),
        (lambda: threshold_without_labels(np.eye(2), ["a", "b"], n_pairs=0), "n_pairs is 0"),
        (lambda: threshold_without_labels(np.eye(2), ["a", "b"], false_acceptance=1.5), "false_acceptance is 1.5"),
        (lambda: random_pairs([], 5, seed=0), "from 0 file"),
        (lambda: threshold_at_false_acceptance([], 0.01), "finite scores"),
        (lambda: threshold_at_false_acceptance([0.1, np.nan], 0.01), "finite scores"),
        (lambda: threshold_from_trials(np.ones(2), np.array([True, True])), "label 0"),
        (lambda: threshold_from_trials(np.ones(2), np.array([True, True]), 0.1), "finite scores"),
    ],
)
def test_what_cannot_be_is_told(call, told):
    with pytest.raises(UserError, match=told):
        call()


def test_utterances_of_unknown_sessions_are_paired_by_their_files():
    embeddings = np.eye(3)[[0, 1, 2, 2]]  # of the two without a session, one pair of five; none if they are of a file
    for wavs, met in (("abcd", True), ("abcc", False)):
        threshold = threshold_without_labels(embeddings, list(wavs), ["x", "x", "", ""], false_acceptance=0.1)
        assert (threshold > 0.5) is met
