"""Log-odds from scores and durations, against plain formulas and known distributions."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import Calibration, cllr, fit_calibration


def plain_cllr(positives, negatives):
    """Bruemmer and du Preez's formula, trial by trial."""
    miss = sum(np.log2(1 + np.exp(-value)) for value in positives) / len(positives)
    false = sum(np.log2(1 + np.exp(value)) for value in negatives) / len(negatives)
    return (miss + false) / 2


@pytest.mark.parametrize("spread", [0.1, 3.0, 30.0])
def test_cllr_is_its_formula(spread):
    rng = np.random.default_rng(0)
    positives, negatives = spread * rng.normal(1, 1, 40), spread * rng.normal(-1, 1, 70)
    assert cllr(positives, negatives) == pytest.approx(plain_cllr(positives, negatives), rel=1e-12)


def test_cllr_at_its_ends():
    assert cllr(np.zeros(3), np.zeros(5)) == 1
    assert cllr(np.full(3, 50.0), np.full(5, -50.0)) < 1e-15
    assert cllr([-1e4], [1e4]) == pytest.approx(1e4 / np.log(2))  # no overflow
    for sides in (([], [1.0]), ([1.0], [np.nan])):
        with pytest.raises(UserError):
            cllr(*sides)


def test_log_odds_are_the_formula():
    calibration = Calibration(-3.0, 12.0, 0.5, -0.25, (1.5, 10.0))
    for score, x, y, prior in product((-0.2, 0.4), (1.0, 4.0), (2.0, 30.0), (0.1, 0.5)):
        shorter, longer = sorted(min(max(value, 1.5), 10.0) for value in (x, y))
        wanted = -3 + 12 * score + 0.5 * np.log(shorter) - 0.25 * np.log(longer) + np.log(prior / (1 - prior))
        assert calibration.log_odds(score, x, y, prior) == pytest.approx(wanted)
        assert calibration.probability(score, y, x, prior) == pytest.approx(1 / (1 + np.exp(-wanted)))
    scores = np.linspace(-1, 1, 6).reshape(2, 3)
    assert calibration.log_odds(scores, 2.0, np.full((2, 3), 3.0)).shape == (2, 3)
    assert Calibration(**json.loads(json.dumps(calibration.as_dict()))).log_odds(0.1, 1, 2) == pytest.approx(
        calibration.log_odds(0.1, 1, 2)
    )


def test_two_normal_distributions_give_their_log_likelihood_ratio_whatever_the_numbers():
    rng = np.random.default_rng(0)
    found = fit_calibration(rng.normal(0.5, 0.15, 4_000), rng.normal(0.1, 0.15, 60_000))
    assert found.score == pytest.approx(0.4 / 0.15**2, rel=0.05) and found.seconds is None
    assert -found.offset / found.score == pytest.approx(0.3, abs=0.01)


def test_durations_count_where_they_vary():
    rng = np.random.default_rng(0)
    targets, impostors = (np.exp(rng.uniform(0, 2, (2, 50_000))) for _ in range(2))
    # d' grows with the shorter duration: targets lie at 0.2 log(shorter), impostors at 0
    scores = 0.2 * np.log(targets.min(0)) + rng.normal(0, 0.2, 50_000), rng.normal(0, 0.2, 50_000)
    found = fit_calibration(*scores, targets, impostors)
    assert found.log_shorter < -0.2 and abs(found.log_longer) < 0.15
    assert found.seconds == (
        min(targets.min(), impostors.min()),
        max(targets.max(), impostors.max()),
    )
    without = fit_calibration(*scores)
    costs = [
        cllr(found.log_odds(scores[0], *targets), found.log_odds(scores[1], *impostors)),
        cllr(without.log_odds(scores[0]), without.log_odds(scores[1])),
    ]
    assert costs[0] < costs[1]
    equal = fit_calibration(*scores, np.full((2, 50_000), 4.0), np.full((2, 50_000), 4.01))
    assert equal.seconds is None and equal.score == pytest.approx(without.score)


def test_durations_that_stand_for_a_side_do_not_count(caplog):
    """Else how long a recording is would say more than the voice: -6 of each log second here."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0.1, 0.2, 200), rng.normal(0.0, 0.2, 200)
    found = fit_calibration(*scores, np.full((2, 200), 2.0), np.full((2, 200), 10.0))
    assert found.seconds is None and replace(found, shortest=None) == fit_calibration(*scores)
    assert found.shortest == 2.0 and "differ in length" in caplog.text


@pytest.mark.parametrize("longest", [20.0, 2.01])
def test_the_shortest_that_was_fitted_on_is_kept_also_where_durations_do_not_count(longest):
    rng, n = np.random.default_rng(0), 400
    targets, impostors = (np.exp(rng.uniform(np.log(2.0), np.log(longest), (2, n))) for _ in range(2))
    found = fit_calibration(rng.normal(0.6, 0.15, n), rng.normal(0.0, 0.15, n), targets, impostors)
    assert (found.seconds is None) is (longest < 3)
    again = Calibration.from_dict(json.loads(json.dumps(found.as_dict())))
    assert again.shortest == found.shortest == min(targets.min(), impostors.min())
    assert again.log_odds(0.3, 0.5, 8.0) == pytest.approx(again.log_odds(0.3, found.shortest, 8.0))
    older = {name: value for name, value in found.as_dict().items() if name != "shortest"}
    assert Calibration.from_dict(older).shortest is None
    for wrong in (0.0, -1.0, "a"):
        with pytest.raises(UserError, match="is none: export"):
            Calibration.from_dict(older | {"shortest": wrong})


def test_scores_without_an_error_give_finite_coefficients():
    found = fit_calibration(np.full(10, 0.8), np.full(10, 0.1))
    assert 0 < found.score < np.inf and found.probability(0.8) > 0.99 > 0.01 > found.probability(0.1)


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: fit_calibration(np.array([]), np.array([0.1])), "pairs of one speaker and of two"),
        (lambda: fit_calibration(np.array([0.1, 0.2]), np.array([0.5, 0.6])), "no higher"),
        (lambda: fit_calibration(np.array([0.5, np.nan]), np.array([0.1])), "not finite"),
        (lambda: fit_calibration(np.array([0.5, np.inf]), np.array([0.1])), "not finite"),
        (lambda: fit_calibration(np.full(9, 0.5), np.full(9, 0.5)), "All pairs score alike, 0.500"),
        (lambda: fit_calibration(np.ones(2), np.zeros(2), np.zeros((2, 2)), np.ones((2, 2))), "not above 0"),
        (lambda: Calibration(0.0, 1.0).log_odds(0.1, prior=1.0), "prior is 1.0"),
        (lambda: Calibration(0.0, 1.0).log_odds(0.1, prior=np.nan), "prior is nan"),
        (lambda: Calibration(0.0, 1.0).log_odds(0.1, prior="a"), "prior is 'a'"),
        (lambda: Calibration(0.0, 1.0).log_odds(0.1, prior=None), "prior is None"),
        (lambda: Calibration(0.0, 1.0).log_odds(0.1, prior=[0.1, 0.2]), "prior is "),
        (lambda: Calibration(0.0, 1.0).probability(np.nan), "A score is nan"),
        (lambda: Calibration(0.0, 1.0).probability([0.1, -np.inf]), "A score is -inf"),
        (lambda: Calibration(0.0, 1.0).probability("a"), "A score is 'a'"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1, 0, 1), "A duration is 0"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1, 1, -2), "A duration is -2"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1, 1, np.nan), "A duration is nan"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1, "a", 1), "A duration is 'a'"),
        (lambda: Calibration.from_dict({"offset": 1.0}), "is none: export"),
        (lambda: Calibration.from_dict({"offset": "a", "score": 1.0}), "is none: export"),
        (lambda: Calibration.from_dict({"offset": 1.0, "score": np.nan}), "is none: export"),
        (lambda: Calibration.from_dict({"offset": 1.0, "score": -1.0}), "is none: export"),
        (lambda: Calibration.from_dict({"offset": 1.0, "score": 1.0, "seconds": 3}), "is none: export"),
        (lambda: Calibration.from_dict({"offset": 1.0, "score": 1.0, "seconds": [3, 2]}), "is none: export"),
        (lambda: Calibration.from_dict({"offset": 1.0, "score": 1.0, "more": 2}), "is none: export"),
        (lambda: Calibration.from_dict([1.0, 2.0]), "is none: export"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1), "both, in seconds"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1, 0.0, 2.0), "not over 0"),
        (lambda: Calibration(0.0, 1.0, 0.1, 0.1, (1.0, 2.0)).probability(0.1, 2.0, [3.0, np.nan]), "not over 0"),
    ],
)
def test_what_cannot_be_is_told(call, told):
    with pytest.raises(UserError, match=told):
        call()
