"""Means over an epoch, and over a kill in its middle."""

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
