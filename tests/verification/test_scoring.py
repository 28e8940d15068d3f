"""Cosine, mean subtraction and AS-norm against a plain loop over trials."""

import math

import numpy as np
import pytest
import torch

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cosine_scores, fit_plda, score_trials, scoring


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def scores_by_hand(embeddings, trials, mean=None, cohort=None, top_n=300):
    """Trial by trial in double precision."""
    mean = np.zeros(embeddings.shape[1]) if mean is None else mean
    scores = []
    for enrol, test in zip(trials.enrol, trials.test):
        enrol, test = embeddings[enrol] - mean, embeddings[test] - mean
        score = cosine(enrol, test)
        if cohort is not None:
            tops = [sorted(cosine(side, member - mean) for member in cohort)[-top_n:] for side in (enrol, test)]
            score = sum((score - np.mean(top)) / np.std(top) for top in tops) / 2
        scores.append(score)
    return np.array(scores)


def random_case(seed):
    rng = np.random.default_rng(seed)
    n, dim, n_trials, n_cohort = rng.integers([2, 2, 1, 2], [9, 12, 40, 15])
    embeddings = rng.normal(0.5, 3, (n, dim))
    trials = Trials(np.zeros(n_trials, bool), *rng.integers(n, size=(2, n_trials)), [f"{i}.wav" for i in range(n)])
    return rng, embeddings, trials, rng.normal(0.5, 3, (n_cohort, dim))


@pytest.mark.parametrize("block_floats", [1, 20, 2**24])
@pytest.mark.parametrize("seed", range(12))
def test_scores_equal_a_loop_over_trials(monkeypatch, seed, block_floats):
    monkeypatch.setattr(scoring, "BLOCK_FLOATS", block_floats)
    rng, embeddings, trials, cohort = random_case(seed)
    mean = rng.normal(size=embeddings.shape[1])
    top_n = int(rng.integers(2, len(cohort) + 3))
    for settings in [{}, {"mean": mean}, {"cohort": cohort, "top_n": top_n}, {"mean": mean, "cohort": cohort}]:
        expected = scores_by_hand(embeddings, trials, **settings)
        scores = score_trials(embeddings, trials, **settings)
        assert scores.dtype == np.float32 and scores.shape == expected.shape
        np.testing.assert_allclose(scores, expected, rtol=2e-4, atol=2e-4)


def test_as_norm_takes_the_highest_of_a_large_cohort():
    rng = np.random.default_rng(0)
    embeddings, cohort = rng.normal(size=(5, 8)), rng.normal(size=(3000, 8))
    trials = Trials(None, np.array([0, 1, 2]), np.array([3, 4, 3]), list("abcde"))
    units, others = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (embeddings, cohort))
    top = np.sort(units @ others.T, axis=1)[:, -200:]
    expected = [
        np.mean([(units[a] @ units[b] - top[side].mean()) / top[side].std() for side in (a, b)])
        for a, b in zip(trials.enrol, trials.test)
    ]
    scores = score_trials(embeddings, trials, cohort=cohort, top_n=200)
    np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_cosine_scores_of_pairs():
    rng, embeddings, trials, _ = random_case(0)
    mean = rng.normal(size=embeddings.shape[1])
    for options in ({}, {"mean": mean}):
        expected = scores_by_hand(embeddings, trials, **options)
        scores = cosine_scores(embeddings, trials.enrol, trials.test, **options)
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_tensors_score_like_arrays():
    _, embeddings, trials, cohort = random_case(3)
    embeddings, cohort = embeddings.astype(np.float32), cohort.astype(np.float32)
    mean = embeddings.mean(0)
    expected = score_trials(embeddings, trials, mean, cohort, top_n=4)
    tensors = [torch.tensor(array, requires_grad=True) for array in (embeddings, mean, cohort)]
    assert (score_trials(tensors[0], trials, tensors[1], tensors[2], top_n=4) == expected).all()


def test_as_norm_is_symmetric_and_blind_to_length():
    rng, embeddings, trials, cohort = random_case(5)
    swapped = trials._replace(enrol=trials.test, test=trials.enrol)
    lengths = rng.uniform(0.1, 10, (len(embeddings), 1))
    scores = score_trials(embeddings, trials, cohort=cohort)
    np.testing.assert_allclose(score_trials(embeddings, swapped, cohort=cohort), scores, rtol=1e-6)
    np.testing.assert_allclose(score_trials(embeddings * lengths, trials, cohort=5 * cohort), scores, atol=1e-3)


def test_inputs_are_left_alone():
    _, embeddings, trials, cohort = random_case(1)
    embeddings, cohort = embeddings.astype(np.float32), cohort.astype(np.float32)
    copies = embeddings.copy(), cohort.copy()
    score_trials(embeddings, trials, embeddings.mean(0), cohort)
    assert (embeddings == copies[0]).all() and (cohort == copies[1]).all()


def test_degenerate_embeddings_score_finitely():
    trials = Trials(None, np.array([0, 0]), np.array([1, 0]), ["a", "b"])
    assert score_trials(np.array([[0.0, 0.0], [1.0, 0.0]]), trials).tolist() == [0, 0]
    collapsed = np.full((2, 3), 0.7)
    assert np.isfinite(score_trials(collapsed, trials, cohort=np.full((5, 3), 0.7))).all()


def test_as_norm_in_bounded_memory(monkeypatch):
    """A cohort score block is never larger than the block size, however many utterances there are."""
    monkeypatch.setattr(scoring, "BLOCK_FLOATS", 5000)
    sizes = []
    blocks = scoring._blocks

    def spy(n_rows, row_floats):
        for rows in blocks(n_rows, row_floats):
            sizes.append(len(range(n_rows)[rows]) * row_floats)
            yield rows

    monkeypatch.setattr(scoring, "_blocks", spy)
    rng = np.random.default_rng(0)
    trials = Trials(None, np.arange(400), np.arange(400)[::-1], [str(i) for i in range(400)])
    score_trials(rng.normal(size=(400, 8)), trials, cohort=rng.normal(size=(50, 8)))
    assert max(sizes) <= 5000 and sum(sizes) == 400 * 8 + 400 * 50


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"mean": np.zeros(3)}, r"mean has the shape \(3,\)"),
        ({"cohort": np.ones((5, 3))}, "cohort has 3 dimensions"),
        ({"cohort": np.ones((1, 4))}, "cohort of 1"),
        ({"cohort": np.ones((0, 4))}, "cohort of 0"),
        ({"cohort": np.ones((5, 4)), "top_n": 1}, "top_n 1"),
        ({"cohort": np.full((5, 4), np.nan)}, "5 cohort embeddings are not finite"),
        ({"cohort": np.ones(4)}, r"cohort embeddings have the shape \(4,\)"),
        ({"embeddings": np.ones((3, 4))}, "3 embeddings for 2 utterances"),
        ({"embeddings": np.array([[1.0] * 4, [np.inf] * 4])}, "1 embeddings are not finite, first row 1"),
        ({"embeddings": np.ones((2, 4, 1))}, r"shape \(2, 4, 1\)"),
    ],
)
def test_what_does_not_fit_is_told(settings, told):
    trials = Trials(np.array([True]), np.array([0]), np.array([1]), ["a.wav", "b.wav"])
    with pytest.raises(UserError, match=told):
        score_trials(**{"embeddings": np.eye(2, 4), "trials": trials, **settings})


def test_plda_has_a_mean_of_its_own():
    x = np.random.default_rng(0).normal(size=(40, 4))
    plda, trials = fit_plda(x, np.arange(40) // 4), Trials(np.array([True]), np.array([0]), np.array([1]), ["a", "b"])
    with pytest.raises(UserError, match="give no other mean"):
        score_trials(x[:2], trials, mean=np.zeros(4), plda=plda)


@pytest.mark.parametrize("seed", range(3))
def test_as_norm_of_plda_is_a_loop_over_trials(monkeypatch, seed):
    monkeypatch.setattr(scoring, "BLOCK_FLOATS", 50)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(15, 5))[np.arange(90) // 6] + 0.5 * rng.normal(size=(90, 5))
    plda, cohort = fit_plda(x, np.arange(90) // 6), rng.normal(size=(30, 5))
    trials = Trials(rng.random(40) < 0.5, *rng.integers(0, 20, (2, 40)), [str(row) for row in range(20)])
    latent, others = plda.latent(x[:20]), plda.latent(cohort)
    top = [np.sort([plda.score(one, other) for other in others])[-7:] for one in latent]
    wanted = [
        sum((plda.score(latent[a], latent[b]) - top[side].mean()) / top[side].std() for side in (a, b)) / 2
        for a, b in zip(trials.enrol, trials.test)
    ]
    found = score_trials(x[:20], trials, cohort=cohort, top_n=7, plda=plda)
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
