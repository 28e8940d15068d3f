"""The schedules: ends, middles, plain formulas, and lengths in epochs."""

import math
import textwrap

import pytest
from hyperpyyaml import load_hyperpyyaml

from speechbrain_cadino.training.schedules import Constant, Cosine, Linear, WarmupCosine
from speechbrain_cadino.utils.errors import UserError


def plain_cosine(start, end, step, steps):
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * min(step, steps) / steps))


def test_constant():
    assert {Constant(0.04).value(step, 7) for step in (0, 1, 10**6)} == {0.04}


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 100])
def test_linear_then_held(steps_per_epoch):
    schedule = Linear(start=0.04, end=0.07, epochs=30)
    steps = 30 * steps_per_epoch
    for step in (0, 1, steps // 3, steps - 1, steps, 2 * steps):
        expected = 0.04 + 0.03 * min(step, steps) / steps
        assert schedule.value(step, steps_per_epoch) == pytest.approx(expected)
    assert schedule.value(steps, steps_per_epoch) == pytest.approx(0.07)


def test_linear_of_no_length_is_at_its_end():
    assert Linear(0.04, 0.07, epochs=0).value(0) == 0.07


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 100])
def test_cosine_of_the_teachers_momentum(steps_per_epoch):
    schedule = Cosine(start=0.996, end=1.0, epochs=150)
    steps = 150 * steps_per_epoch
    values = [schedule.value(step, steps_per_epoch) for step in range(0, steps + 1, 15)]
    assert values == pytest.approx([plain_cosine(0.996, 1.0, step, steps) for step in range(0, steps + 1, 15)])
    assert values == sorted(values) and values[0] == 0.996 and values[-1] == 1.0
    assert schedule.value(2 * steps, steps_per_epoch) == 1.0


@pytest.mark.parametrize("steps_per_epoch", [1, 7, 100])
def test_learning_rate_warms_up_then_falls(steps_per_epoch):
    schedule = WarmupCosine(peak=0.2, end=5e-5, epochs=150, warmup_epochs=20)
    warmup, steps = 20 * steps_per_epoch, 150 * steps_per_epoch
    for step in range(0, steps + 50, 3):
        rising, falling = 0.2 * step / warmup, plain_cosine(0.2, 5e-5, step - warmup, steps - warmup)
        assert schedule.value(step, steps_per_epoch) == pytest.approx(rising if step < warmup else falling)
    assert schedule.value(warmup, steps_per_epoch) == pytest.approx(0.2)
    assert schedule.value(steps, steps_per_epoch) == pytest.approx(5e-5)


def test_learning_rate_without_warmup_starts_at_its_peak():
    assert WarmupCosine(peak=0.2, end=0.0, epochs=3, warmup_epochs=0).value(0) == pytest.approx(0.2)


@pytest.mark.parametrize("warmup_epochs", [10, 20])
def test_warmup_as_long_as_the_run(warmup_epochs):
    with pytest.raises(UserError, match="warmup_epochs is .* 10 epochs"):
        WarmupCosine(peak=0.2, end=0.0, epochs=10, warmup_epochs=warmup_epochs)


@pytest.mark.parametrize("make", [Linear, Cosine, lambda *args: WarmupCosine(0.2, 0.0, 10, args[-1])])
def test_negative_length(make):
    with pytest.raises(UserError, match="-1"):
        make(0.04, 0.07, -1)


def test_built_in_yaml_with_lengths_in_epochs():
    text = """
    number_of_epochs: 150
    batch_size: 128
    learning_rate: !new:speechbrain_cadino.training.schedules.WarmupCosine
        peak: !ref 0.2 * <batch_size> / 256
        end: !ref 0.00005 * <batch_size> / 256
        epochs: !ref <number_of_epochs>
        warmup_epochs: 20
    teacher_temp: !new:speechbrain_cadino.training.schedules.Linear
        start: 0.04
        end: 0.07
        epochs: !ref 0.2 * <number_of_epochs>
    """
    hparams = load_hyperpyyaml(textwrap.dedent(text), overrides={"number_of_epochs": 50})
    assert hparams["learning_rate"].value(step=2000, steps_per_epoch=100) == pytest.approx(0.1)
    assert hparams["learning_rate"].value(step=5000, steps_per_epoch=100) == pytest.approx(2.5e-5)
    assert hparams["teacher_temp"].value(step=500, steps_per_epoch=100) == pytest.approx(0.055)
