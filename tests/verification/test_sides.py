"""Recordings of trial lists by what they have: each side's scores, the fused ones, and what is absent."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.verification.scoring import score_trials
from speechbrain_cadino.verification.sides import Side, fused, with_scores

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def trials():
    return Trials(np.array([True, False, True, False]), np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3]), NAMES)


def side(names, seed):
    rng = np.random.default_rng(seed)
    return Side({name: row for row, name in enumerate(names)}, rng.standard_normal((len(names), 5)), {})


def test_a_side_scores_the_trials_of_which_both_recordings_have_it(trials):
    voice = side(["d", "a", "b"], 0)  # in another order than the list
    whole = np.zeros((4, 5))
    whole[[3, 0, 1]] = voice.embeddings
    whole[2] = 1.0
    scores = voice.scores(trials)
    assert np.isnan(scores).tolist() == [False, True, False, True]
    np.testing.assert_allclose(scores[[0, 2]], score_trials(whole, trials)[[0, 2]], atol=1e-6)


def test_a_cohort_normalises_and_gives_the_scale(trials):
    cohort = np.random.default_rng(3).standard_normal((50, 5))
    plain = side(NAMES, 0)
    normalised = plain._replace(scoring=dict(cohort=cohort, top_n=20))
    np.testing.assert_allclose(normalised.scores(trials), score_trials(plain.embeddings, trials, None, cohort, 20))
    assert normalised.scale() != plain.scale()


def test_where_one_side_is_missing_the_other_counts_alone(trials):
    sides = {"voice": side(["a", "b", "d"], 0), "face": side(["a", "b", "c"], 1)}
    ((scores, rows),) = fused(sides, [trials], {"face": 2.0})
    scales = {name: one.scale() for name, one in sides.items()}
    z = {name: (scores[name] - scales[name].center) / scales[name].spread for name in sides}
    wanted = [(z["voice"][0] + 2 * z["face"][0]) / 5**0.5, z["face"][1], z["voice"][2], np.nan]
    np.testing.assert_allclose(scores["together"], wanted, rtol=1e-5)
    assert [(row["scored by"], row["trials"]) for row in rows] == [("voice", 2), ("face", 2), ("together", 3)]
    kept, own = with_scores(trials, scores["together"])
    assert kept.enrol.tolist() == [0, 0, 1] and not np.isnan(own).any()


def test_lists_without_labels_have_scores_and_no_error_rates(trials):
    sides = {"voice": side(["a", "b", "d"], 0), "face": side(["a", "b", "c"], 1)}
    bare = trials._replace(labels=None)
    ((scores, rows),) = fused(sides, [bare])
    ((wanted, _),) = fused(sides, [trials])
    for name in wanted:
        np.testing.assert_array_equal(scores[name], wanted[name])
    assert rows == [{"scored by": name, "trials": n} for name, n in (("voice", 2), ("face", 2), ("together", 3))]
    kept, _ = with_scores(bare, scores["together"])
    assert kept.labels is None and kept.enrol.tolist() == [0, 0, 1]
