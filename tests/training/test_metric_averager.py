"""Means over an epoch, and over a kill in its middle."""

import math

import pytest
import torch

from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.metric_averager import MetricAverager


def test_each_epoch_has_its_own_means():
    means = MetricAverager()
    for values in ([1.0, 2.0, 6.0], [5.0]):
        for value in values:
            means.add({"a": torch.tensor(value), "b": torch.tensor(-value, requires_grad=True)})
        mean = sum(values) / len(values)
        assert means.finish_epoch() == {"a": pytest.approx(mean), "b": pytest.approx(-mean)}
    assert means.epochs == 2


def test_an_epoch_that_is_resumed_in_its_middle(tmp_path):
    values = torch.rand(20, generator=torch.Generator().manual_seed(0))
    whole, means = MetricAverager(), MetricAverager()
    for value in values:
        whole.add({"a": value})
    for value in values[:7]:
        means.add({"a": value})
    SafeCheckpointer(tmp_path, {"means": means}).save_checkpoint(end_of_epoch=False)
    resumed = MetricAverager()
    SafeCheckpointer(tmp_path, {"means": resumed}).recover_if_possible()
    for value in values[7:]:
        resumed.add({"a": value})
    assert resumed.finish_epoch() == whole.finish_epoch() and resumed.epochs == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out_of_its_own_mean_alone(bad):
    means = MetricAverager()
    for a, b in ((1.0, 1.0), (bad, 2.0), (4.0, bad)):
        means.add({"a": torch.tensor(a), "b": torch.tensor(b)})
    assert means.finish_epoch() == {"a": 2.5, "b": 1.5}
    means.add({"a": torch.tensor(bad)})
    assert math.isnan(means.finish_epoch()["a"])


def test_metrics_that_come_in_some_steps_alone():
    means = MetricAverager()
    means.add({"a": torch.tensor(1.0)})
    means.add({"a": torch.tensor(3.0), "b": torch.tensor(5.0)})
    assert means.finish_epoch() == {"a": 2.0, "b": 5.0}


def test_an_epoch_without_a_step_has_no_means(tmp_path):
    means = MetricAverager()
    means.add({})
    SafeCheckpointer(tmp_path, {"means": means}).save_checkpoint(end_of_epoch=False)
    resumed = MetricAverager()
    SafeCheckpointer(tmp_path, {"means": resumed}).recover_if_possible()
    assert resumed.finish_epoch() == {} and resumed.epochs == 1


def test_an_epoch_that_is_resumed_at_its_last_step(tmp_path):
    means, resumed = MetricAverager(), MetricAverager()
    means.add({"a": torch.tensor(1.0)})
    SafeCheckpointer(tmp_path, {"means": means}).save_checkpoint(end_of_epoch=False)
    SafeCheckpointer(tmp_path, {"means": resumed}).recover_if_possible()
    assert resumed.finish_epoch() == {"a": 1.0}
