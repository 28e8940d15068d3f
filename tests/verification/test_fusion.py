"""Scores of several modalities on one scale, against a plain loop over trials."""

import numpy as np
import pytest
import torch

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import (
    ScoreScale,
    eer,
    fuse_scores,
    fusion_rows,
    min_dcf,
    scale_of_pairs,
    score_trials,
    side_scores,
)


def fused_by_hand(scores, scales, weights):
    """Trial by trial: the weighted mean of the normalised scores that are there, over the spread of such a mean."""
    fused = []
    for trial in range(len(next(iter(scores.values())))):
        there = [name for name in scores if not np.isnan(scores[name][trial])]
        if not there:
            fused.append(np.nan)
            continue
        total = sum(weights[name] for name in there)
        mean = sum(weights[name] * (scores[name][trial] - scales[name].center) / scales[name].spread for name in there)
        spread = sum(weights[name] ** 2 for name in there) ** 0.5
        fused.append(mean / total * (total / spread))
    return np.array(fused)


@pytest.mark.parametrize("names", [["voice"], ["voice", "face"], ["voice", "face", "gait"]])
@pytest.mark.parametrize("seed", range(5))
def test_fused_scores_equal_a_loop_over_trials(seed, names):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    scores = {name: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)) for name in names}
    scales = {name: ScoreScale(rng.normal(), rng.uniform(0.1, 3)) for name in names}
    weights = {name: rng.uniform(0.1, 3) for name in names}
    np.testing.assert_allclose(fuse_scores(scores, scales, weights), fused_by_hand(scores, scales, weights), rtol=1e-5)
    equal = fused_by_hand(scores, scales, dict.fromkeys(names, 1.0))
    np.testing.assert_allclose(fuse_scores(scores, scales), equal, rtol=1e-5)
    np.testing.assert_allclose(fuse_scores(scores, scales, dict.fromkeys(names, 7)), equal, rtol=1e-5)


def test_where_both_are_there_the_order_is_that_of_the_weighted_mean():
    rng = np.random.default_rng(0)
    scores = {"voice": rng.normal(size=50), "face": rng.normal(size=50)}
    fused = fuse_scores(scores, dict.fromkeys(scores, ScoreScale(0.0, 1.0)), {"voice": 3, "face": 1})
    assert fused.argsort().tolist() == (0.75 * scores["voice"] + 0.25 * scores["face"]).argsort().tolist()


def test_impostors_lie_alike_whichever_sides_are_there():
    rng = np.random.default_rng(1)
    n = 30_000
    voice, face = rng.normal(0.2, 0.1, n), rng.normal(-3, 4.0, n)
    scales = {"voice": ScoreScale.of(rng.normal(0.2, 0.1, n)), "face": ScoreScale.of(rng.normal(-3, 4.0, n))}
    voice[:10_000], face[20_000:] = np.nan, np.nan
    fused = fuse_scores({"voice": voice, "face": face}, scales, {"voice": 1, "face": 2})
    for part in np.split(fused, 3):  # the face alone, both, the voice alone
        assert abs(part.mean()) < 0.05 and abs(part.std() - 1) < 0.05


def test_a_scale_is_that_of_normal_scores_and_of_them_with_some_targets_among():
    scores = np.random.default_rng(0).normal(0.3, 0.2, 50_000)
    for given in (scores, torch.from_numpy(scores), np.where(np.arange(50_000) < 1500, 5.0, scores)):
        scale = ScoreScale.of(given)
        assert scale.center == pytest.approx(0.3, abs=0.02) and scale.spread == pytest.approx(0.2, rel=0.06)


def test_scores_that_are_all_alike_have_a_spread_over_0():
    assert ScoreScale.of(np.ones(5)).spread > 0


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, np.nan, 2.0]])
def test_scales_of_too_few_or_not_finite_scores_are_refused(scores):
    with pytest.raises(UserError, match="two scores at least"):
        ScoreScale.of(np.array(scores))


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("normed", [False, True])
def test_a_scale_of_pairs_is_that_of_all_pairs(normed, as_tensor):
    rng = np.random.default_rng(3)
    x, mean = rng.normal(0.5, 1, (300, 20)), np.full(20, 0.5)
    scoring = {"mean": mean} | ({"cohort": rng.normal(0.5, 1, (200, 20)), "top_n": 50} if normed else {})
    first, second = np.triu_indices(300, 1)
    trials = Trials(np.zeros(len(first), bool), first, second, [str(row) for row in range(300)])
    every = ScoreScale.of(score_trials(x, trials, **scoring))
    drawn = scale_of_pairs(torch.from_numpy(x) if as_tensor else x, seed=5, **scoring)
    assert drawn.center == pytest.approx(every.center, abs=0.05 * every.spread)
    assert drawn.spread == pytest.approx(every.spread, rel=0.05)
    assert drawn == scale_of_pairs(x, seed=5, **scoring) != scale_of_pairs(x, seed=6, **scoring)


def test_a_pair_is_of_two_recordings():
    assert scale_of_pairs(np.eye(2), n_pairs=1000).center == 0  # 1 if one met itself
    with pytest.raises(UserError, match="there are 1 embeddings"):
        scale_of_pairs(np.eye(1))


@pytest.mark.parametrize("seed", range(6))
def test_a_side_scores_the_trials_that_have_it(seed):
    rng = np.random.default_rng(seed)
    n, n_trials = 8, 30
    trials = Trials(rng.random(n_trials) < 0.5, *rng.integers(n, size=(2, n_trials)), [f"{i}" for i in range(n)])
    has, x, mean = rng.random(n) < 0.6, rng.normal(size=(n, 5)), rng.normal(size=5)
    scoring = [{}, {"mean": mean}, {"mean": mean, "cohort": rng.normal(size=(9, 5)), "top_n": 4}][seed % 3]
    expected = score_trials(x, trials, **scoring)
    expected[~(has[trials.enrol] & has[trials.test])] = np.nan
    np.testing.assert_allclose(side_scores(x[has], has, trials, **scoring), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_has", [0, 1])
def test_a_side_that_no_trial_has_scores_none(n_has):
    trials = Trials(np.array([True, False]), np.array([0, 0]), np.array([1, 2]), ["a", "b", "c"])
    assert np.isnan(side_scores(np.ones((n_has, 4)), np.arange(3) < n_has, trials)).all()


def test_without_faces_the_error_rates_are_those_of_the_voice():
    rng = np.random.default_rng(2)
    labels = rng.random(400) < 0.3
    voice = (rng.normal(size=400) + 2 * labels).astype(np.float32)
    scores = {"voice": voice, "face": np.full(400, np.nan, np.float32)}
    fused = fuse_scores(scores, {"voice": ScoreScale(0.1, 0.7), "face": ScoreScale(0.0, 1.0)})
    by_voice, by_face, together = fusion_rows(scores, fused, labels)
    assert by_voice["EER %"] == together["EER %"] == 100 * eer(voice[labels], voice[~labels])[0]
    assert by_voice["minDCF(0.01)"] == min_dcf(voice[labels], voice[~labels])[0]
    assert by_face == {"scored by": "face", "trials": 0}


def test_two_sides_whose_errors_differ_are_better_than_one():
    rng = np.random.default_rng(4)
    labels = rng.random(4000) < 0.5
    scores = {name: rng.normal(size=4000) + 2 * labels for name in ("voice", "face")}
    scores["face"][:1000] = np.nan
    scales = {name: ScoreScale(0.0, 1.0) for name in scores}
    by_voice, by_face, together = fusion_rows(scores, fuse_scores(scores, scales), labels)
    assert (by_voice["trials"], by_face["trials"], together["trials"]) == (4000, 3000, 4000)
    assert together["EER %"] < 0.75 * min(by_voice["EER %"], by_face["EER %"])


def test_trials_without_any_side_are_left_out_and_told(caplog):
    scores = {"voice": np.array([1.0, np.nan, 0.0]), "face": np.array([np.nan, np.nan, 1.0])}
    fused = fuse_scores(scores, dict.fromkeys(scores, ScoreScale(0.0, 1.0)))
    rows = fusion_rows(scores, fused, np.array([True, True, False]))
    assert rows[-1]["trials"] == 2 and "EER %" not in rows[1]
    assert "1 of 3 trials have no modality" in caplog.text and "by face are not of both kinds" in caplog.text


@pytest.mark.parametrize("weights", [{"face": 0}, {"face": -1}, {"voice": np.inf}, {"voice": np.nan}, {"nose": 1}])
def test_weights_that_make_no_sense_are_refused(weights):
    scores = {"voice": np.zeros(2), "face": np.zeros(2)}
    with pytest.raises(UserError, match=f"weight of {next(iter(weights))}"):
        fuse_scores(scores, dict.fromkeys(scores, ScoreScale(0.0, 1.0)), weights)
