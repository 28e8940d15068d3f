"""Numbers that follow the corpus: bounds, order, what was measured, and what is given."""

import numpy as np
import pytest

from speechbrain_cadino.training.budget import MIN_UTTERANCES, stage_one, stage_two
from speechbrain_cadino.utils.errors import UserError


def corpus(n, seconds):
    return np.full(n, float(seconds))


def steps(numbers, n):
    return numbers["number_of_epochs"] * (n // numbers["batch_size"])


def test_the_corpora_that_were_tried():
    calls, demo = stage_one(corpus(1058, 7.32)), stage_one(corpus(900, 4.5))
    names = ("number_of_epochs", "batch_size", "n_prototypes", "warmup_epochs", "momentum_start")
    assert [calls[name] for name in names] == [8, 32, 1024, 1, 0.97]
    assert (demo["batch_size"], demo["n_prototypes"], demo["global_seconds"], demo["local_seconds"]) == (
        32,
        1024,
        2,
        1.2,
    )
    iteration = stage_two(corpus(1058, 7.32))
    assert (iteration["number_of_epochs"], iteration["correction_start_epoch"]) == (20, 10)


def test_calls_median_gives_its_views():
    durations = np.concatenate([np.full(530, 4.5), np.full(528, 9.0)])  # skewed as calls is; its median is 5.3 s
    durations[:200] = 2.0
    assert stage_one(np.where(durations == 4.5, 5.3, durations))["global_seconds"] == 2.0


def test_the_published_schedule_at_the_published_size():
    numbers = stage_one(corpus(1_090_000, 7.6))
    names = ("number_of_epochs", "batch_size", "n_prototypes", "momentum_start", "global_seconds")
    assert [numbers[name] for name in names] == [150, 256, 65536, 0.996, 3.0]
    assert stage_two(corpus(1_090_000, 7.6))["number_of_epochs"] == 40


SIZES = [16, 20, 50, 100, 200, 400, 1058, 2000, 4983, 10_000, 50_000, 200_000, 1_090_000]


@pytest.mark.parametrize("seconds", [1.1, 5.0, 20.0])
def test_nothing_shrinks_as_a_corpus_grows(seconds):
    found = [stage_one(corpus(n, seconds)) for n in SIZES]
    for name in ("batch_size", "n_prototypes", "global_seconds", "n_fine"):
        values = [numbers[name] for numbers in found]
        assert values == sorted(values), name
    enough = [n for n in SIZES if n >= 100]  # under that, epochs are cut at 150
    made = [steps(stage_one(corpus(n, seconds)), n) for n in enough]
    assert all(later >= 0.9 * earlier for earlier, later in zip(made, made[1:])), made  # whole epochs


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("seconds", [1.0, 2.5, 7.0, 60.0])
def test_bounds(n, seconds):
    for numbers in (stage_one(corpus(n, seconds)), stage_two(corpus(n, seconds))):
        assert 16 <= numbers["batch_size"] <= min(256, n) and 2 <= numbers["number_of_epochs"] <= 150
        assert numbers["batch_size"] & (numbers["batch_size"] - 1) == 0
        assert 0 <= numbers["warmup_epochs"] < numbers["number_of_epochs"]
        assert 1 <= numbers["evaluate_every"] <= numbers["number_of_epochs"]
        assert 0.3 <= numbers["local_seconds"] < numbers["global_seconds"] <= max(0.5, 0.5 * seconds)
        assert numbers["n_fine"] == n if n <= 5000 else 5000 <= numbers["n_fine"] <= min(n, 50_000)
    assert 256 <= stage_one(corpus(n, seconds))["n_prototypes"] <= 65536
    assert 0.97 <= stage_one(corpus(n, seconds))["momentum_start"] <= 0.996


def test_small_steps_of_size_are_small_steps_of_the_run():
    """No jump but those of rounding: an epoch, or a power of two."""
    for n in range(300, 6000, 50):
        one, other = steps(stage_one(corpus(n, 6)), n), steps(stage_one(corpus(n + 50, 6)), n + 50)
        assert 0.75 < other / one < 1.5, n


def test_what_is_given_stays_and_the_rest_follows():
    numbers = stage_one(corpus(1058, 7.32), {"batch_size": 16})
    assert numbers["batch_size"] == 16 and numbers["number_of_epochs"] == 4  # 66 steps each: 264 in all
    numbers = stage_one(corpus(1058, 7.32), {"number_of_epochs": 80, "global_seconds": 1.0})
    assert numbers["warmup_epochs"] == 10 and numbers["local_seconds"] == 0.6 and numbers["momentum_start"] > 0.97
    numbers = stage_one(corpus(1058, 7.32), {"n_clusters": [2000, 1058]})
    assert numbers["n_fine"] == 2001
    assert stage_two(corpus(1058, 7.32), {"number_of_epochs": 4})["margin_warmup_epochs"] == 3


@pytest.mark.parametrize("budget", [stage_one, stage_two])
def test_telephones_are_simulated_for_telephone_speech_alone(budget):
    found = [budget(corpus(1058, 7.32), given)["channel_prob"] for given in ({"f_max": 3800}, {"f_max": 7600}, {})]
    assert found == [1.0, 0.0, 0.0]
    assert budget(corpus(1058, 7.32), {"f_max": 3800, "channel_prob": 0.5})["channel_prob"] == 0.5


def test_too_few_are_refused():
    with pytest.raises(UserError, match="15 utterances are too few to train on: give 16"):
        stage_one(corpus(MIN_UTTERANCES - 1, 10))
