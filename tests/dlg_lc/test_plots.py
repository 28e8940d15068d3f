"""The gate's plot: what is drawn, and that anything can be."""

import json
import math

import matplotlib.image
import numpy as np
import pytest

from speechbrain_cadino.dlg_lc.gate import DynamicLossGate
from speechbrain_cadino.dlg_lc.plots import loss_histogram, losses_histogram
from speechbrain_cadino.dlg_lc.simple_gates import OpenGate
from speechbrain_cadino.utils.plots import write_figure


@pytest.fixture(scope="module")
def epoch():
    """Losses, whether their labels are right, and the gate fitted to them."""
    rng = np.random.default_rng(0)
    losses = np.exp(np.concatenate([rng.normal(-2, 1.2, 3000), rng.normal(2.5, 0.4, 2000)]))
    gate = DynamicLossGate(10, start_epoch=2)
    gate.update(losses)
    return losses, np.arange(5000) < 3000, gate


def areas(figure):
    """From a label to the area, and the mean of x over it, of the bars that have it."""
    found = {}
    for polygon in figure.axes[0].patches:
        x, y = polygon.get_xy().T
        crosses = x[:-1] * y[1:] - x[1:] * y[:-1]
        found[polygon.get_label()] = (abs(crosses.sum()) / 2, ((x[:-1] + x[1:]) * crosses).sum() / (3 * crosses.sum()))
    return found


def test_the_bars_are_a_density_of_the_log_losses(epoch):
    ((area, mean),) = areas(loss_histogram(epoch[0])).values()
    assert area == pytest.approx(1)
    assert mean == pytest.approx(np.log(epoch[0]).mean(), abs=0.05)


def test_right_and_wrong_labels_are_stacked_in_their_shares(epoch):
    losses, right, _ = epoch
    figure = loss_histogram(losses, right=right)
    fractions = {label: area for label, (area, _) in areas(figure).items()}
    assert fractions == {"right label, 3000": pytest.approx(0.6), "wrong label, 2000": pytest.approx(0.4)}
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["wrong label, 2000", "right label, 3000"]


def test_the_gaussians_lie_on_the_bars_and_the_line_at_the_threshold(epoch):
    losses, _, gate = epoch
    figure = loss_histogram(losses, gate.mixture, gate.threshold, title="epoch 5")
    *gaussians, line = figure.axes[0].lines
    assert line.get_xdata() == pytest.approx([math.log(gate.threshold)] * 2)
    x = gaussians[0].get_xdata()
    total = sum(gaussian.get_ydata() for gaussian in gaussians)
    assert np.trapezoid(total, x) == pytest.approx(1, abs=0.01)
    assert gaussians[0].get_ydata().max() == pytest.approx(0.6 / (1.2 * math.sqrt(2 * math.pi)), rel=0.1)
    assert figure.axes[0].get_title() == "epoch 5"


@pytest.mark.parametrize(
    "losses, title",
    [
        ([], "epoch 5"),
        ([np.nan], "epoch 5 (1 losses left out)"),
        ([0.0], "epoch 5 (1 losses left out)"),
        ([1.0], "epoch 5"),
        ([1.0, np.inf, 0.0, -1.0], "epoch 5 (1 losses left out)"),
        (np.full(100, 0.1), "epoch 5"),
    ],
)
@pytest.mark.parametrize("threshold", [0.0, 1.0, math.inf])
def test_whatever_the_losses_there_is_a_picture(losses, title, threshold, tmp_path):
    figure = loss_histogram(np.array(losses), None, threshold, np.zeros(len(losses), bool), "epoch 5")
    assert figure.axes[0].get_title() == title
    write_figure(figure, tmp_path / "plots" / "gate.png")
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["gate.png"]
    assert matplotlib.image.imread(tmp_path / "plots" / "gate.png").shape[:2] == (480, 720)


def test_the_same_as_plain_values():
    losses = np.concatenate([np.exp(np.random.default_rng(0).normal(-1, 1, 200)), [np.nan]])
    gate = DynamicLossGate(n_classes=10)
    gate.update(losses)
    right = np.arange(201) < 150
    found = json.loads(json.dumps(losses_histogram(losses, gate, right), allow_nan=False))
    edges = np.linspace(found["low"], found["high"], len(found["counts"]["right"]) + 1)
    logs = np.log(losses[:200])
    np.testing.assert_array_equal(found["counts"]["right"], np.histogram(logs[:150], edges)[0])
    assert sum(found["counts"]["wrong"]) == 50 and found["left_out"] == 1 and found["threshold"] is None
    assert found["mixture"] == [list(column) for column in gate.mixture] and found["reason"] == gate.reason
    nothing = losses_histogram(np.array([np.nan]), OpenGate())
    assert sum(nothing["counts"]["all"]) == 0 and nothing["mixture"] is None
