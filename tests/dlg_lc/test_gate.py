"""The gates: what the losses decide, whatever they are, and what of it survives a kill."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from speechbrain_cadino.dlg_lc.gate import (
    CORRECTING_MODES,
    MODES,
    DynamicLossGate,
    FixedLossGate,
    OpenGate,
    lgl_threshold,
    make_gate,
)
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.utils.errors import UserError

CLASSES = 20


def two_kinds(n_right=6000, n_wrong=4000, seed=0):
    """Losses of right labels, then of wrong ones."""
    rng = np.random.default_rng(seed)
    return np.exp(np.concatenate([rng.normal(-2, 1.2, n_right), rng.normal(2.5, 0.4, n_wrong)]))


def one_kind(n=5000):
    return np.random.default_rng(1).exponential(size=n)  # its logarithm is skewed, as losses of right labels are


def with_odd(values):
    losses = two_kinds()
    losses[::20] = values
    return losses


FAULTY = {  # losses that give no threshold, and what the reason must say
    "none": ([], "0 losses can be used"),
    "one": ([1.0], "1 losses"),
    "a few": (np.linspace(0.1, 9, 49), "49 losses"),
    "all equal": (np.full(1000, 0.3), "all losses are equal"),
    "all zero": (np.zeros(1000), "0 losses can be used"),
    "all negative": (-two_kinds(), "0 losses can be used"),
    "all NaN": (np.full(1000, np.nan), "0 losses can be used"),
    "all infinite": (np.full(1000, np.inf), "0 losses can be used"),
    "a few among NaN": (np.append(np.full(1000, np.nan), [1.0, 2.0]), "2 losses"),
    "one skewed mode": (one_kind(), "cross at a loss of 0.2.*, too likely for wrong labels"),
    "one normal mode": (np.exp(np.random.default_rng(0).normal(size=5000)), "one mode|only"),
    "two modes, both likelier than chance": (two_kinds() / 10, "too likely for wrong labels"),
    "equal means": (np.exp(np.random.default_rng(0).normal(0, np.repeat([0.1, 2.0], 3000))), "one mode"),
    "a third of them zero": (np.concatenate([two_kinds(3000, 0), np.zeros(1500)]), "many losses are equal"),
    "two values": (np.repeat([0.1, 5.0], 500), "many losses are equal"),
    "a swallowed Gaussian": (two_kinds(5000, 50), "one Gaussian holds only"),
    "outliers": (np.append(two_kinds(5000, 0), np.full(20, 1e30)), "many losses are equal|one Gaussian holds only"),
}


def test_the_threshold_parts_right_from_wrong():
    losses, gate = two_kinds(), DynamicLossGate(CLASSES, start_epoch=2)
    threshold = gate.update(losses)
    assert threshold == gate.threshold == math.exp(gate.mixture.crossing())
    kept = losses < threshold
    assert kept[:6000].mean() > 0.99 and kept[6000:].mean() < 0.01
    assert gate.reason == f"two Gaussians of 10000 log losses cross at a loss of {threshold:.4g}"


@pytest.mark.parametrize("name", FAULTY)
def test_without_two_kinds_the_gate_stays_open_or_keeps_its_threshold(name):
    losses, fault = FAULTY[name]
    gate = DynamicLossGate(CLASSES, start_epoch=2, min_fraction=0.0)
    assert gate.update(losses) == math.inf
    assert gate.reason.startswith("the gate stays open: ")
    kept = gate.update(two_kinds())
    assert kept < math.inf
    assert gate.update(losses) == kept
    with pytest.raises(AssertionError, match=f"^the last threshold, {kept:.4g}, is kept: .*({fault})"):
        raise AssertionError(gate.reason)


@pytest.mark.parametrize("values", [0.0, -1.0, np.nan, np.inf, -np.inf])
def test_odd_values_among_good_ones_change_little(values):
    kept = two_kinds() < DynamicLossGate(CLASSES, start_epoch=2).update(with_odd(values))
    assert kept[:6000].mean() > 0.99 and kept[6000:].mean() < 0.02


@pytest.mark.parametrize("seed", range(30))
def test_it_never_raises(seed):
    rng, gate = np.random.default_rng(seed), DynamicLossGate(CLASSES, start_epoch=2)
    odd = [0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1e-45, 1e308, 0.3, 0.3000001]
    for _ in range(6):
        parts = [
            np.exp(rng.normal(rng.normal(0, 20), 10 ** rng.uniform(-9, 1.5), rng.integers(0, 300))),
            np.exp(rng.normal(rng.normal(0, 20), 10 ** rng.uniform(-9, 1.5), rng.integers(0, 300))),
            np.repeat(rng.choice(odd, 3), rng.integers(0, 300, 3)),
        ]
        last = gate.threshold
        with np.errstate(over="ignore"):
            losses = np.concatenate(parts).astype(rng.choice([np.float32, np.float64]))
        threshold = gate.update(losses)
        assert threshold > 0 and gate.reason
        assert threshold == last or "cross at" in gate.reason or "opens again" in gate.reason


def test_limits_of_the_fit_are_settings():
    free, gate = [DynamicLossGate(CLASSES, start_epoch=2, chance_fraction=fraction) for fraction in (0.0, 0.5)]
    threshold = free.update(two_kinds() / 2)
    assert 0.5 * math.log(CLASSES) < threshold < math.log(CLASSES)
    assert gate.update(two_kinds() / 2) == threshold
    assert gate.update(two_kinds() / 4) == threshold and free.update(two_kinds() / 4) == pytest.approx(threshold / 2)
    assert (
        DynamicLossGate(CLASSES, start_epoch=2, min_weight=0.001, min_fraction=0).update(two_kinds(5000, 50)) < math.inf
    )


@pytest.mark.parametrize("side, right, wrong", [("below", 1000, 9000), ("above", 9000, 1000)])
def test_it_closes_only_with_enough_samples_on_either_side_and_opens_again(side, right, wrong):
    few, gates = (
        two_kinds(right, wrong),
        [DynamicLossGate(CLASSES, 2, min_fraction=fraction) for fraction in (0.15, 0.05)],
    )
    assert [gate.update(few) < math.inf for gate in gates] == [False, True]
    assert gates[0].reason.startswith(f"the gate stays open: few losses are {side} the crossing at")
    kept = gates[0].update(two_kinds())
    assert kept < math.inf and gates[0].update(few) == math.inf
    assert gates[0].reason.startswith(f"the gate opens again, few losses are {side} the last threshold: few losses")
    assert gates[0].update(two_kinds()) == kept


def test_an_open_gate_closes_once_right_labels_stand_out_and_says_what_it_waits_for():
    gate, plain = DynamicLossGate(CLASSES, 2), DynamicLossGate(CLASSES, 2)
    close = two_kinds()
    assert plain.update(close) < math.inf
    separation = plain.mixture.separation()
    gate.start_separation = separation * 1.01
    assert gate.update(close) == math.inf
    assert gate.reason.endswith(
        f"the Gaussians are {separation:.3g} apart, and {gate.start_separation:g} are needed to begin"
    )
    gate.start_separation = separation * 0.99
    assert gate.update(close) == plain.threshold
    gate.start_separation = separation * 1.01
    assert gate.update(close) == plain.threshold  # once it has begun, less will do


@pytest.mark.parametrize("make", [partial(DynamicLossGate, CLASSES), partial(FixedLossGate, 3.0)])
@pytest.mark.parametrize("start_epoch", [2, 3, 5])
def test_the_gate_is_open_until_its_first_epoch(make, start_epoch):
    gate = make(start_epoch)
    thresholds, reasons = [gate.threshold], [gate.reason]
    for _ in range(5):
        thresholds.append(gate.update(two_kinds()))  # at the end of the first epoch it decides the second
        reasons.append(gate.reason)
    assert [threshold < math.inf for threshold in thresholds] == [epoch >= start_epoch for epoch in range(1, 7)]
    assert all(reason == f"the gate is open until epoch {start_epoch}" for reason in reasons[: start_epoch - 1])
    assert gate.mixture is not None


def test_every_epoch_has_a_mixture_for_its_picture():
    for mode in MODES:
        gate = make_gate(mode, iteration=1, n_classes=CLASSES, start_epoch=9)
        gate.update(two_kinds())
        assert gate.mixture.means == pytest.approx((-2, 2.5), abs=0.2)
        gate.update([])
        assert gate.mixture is None


def test_it_follows_the_losses_of_each_epoch():
    gate = DynamicLossGate(CLASSES, start_epoch=2)
    first = gate.update(two_kinds())
    assert gate.update(10 * two_kinds()) == pytest.approx(10 * first, rel=1e-3)


def test_a_start_too_early_is_a_sentence():
    with pytest.raises(UserError, match="start_epoch is 1: set at least 2"):
        DynamicLossGate(CLASSES, start_epoch=1)


def test_modes():
    settings = {"chance_fraction": 0.1}
    gates = {mode: make_gate(mode, iteration=2, n_classes=6000, start_epoch=2, **settings) for mode in MODES}
    assert {mode: type(gate) for mode, gate in gates.items()} == {
        "none": OpenGate,
        "fixed": FixedLossGate,
        "dynamic": DynamicLossGate,
        "dynamic+correction": DynamicLossGate,
    }
    assert CORRECTING_MODES == ("dynamic+correction",)
    thresholds = {mode: gate.update(two_kinds()) for mode, gate in gates.items()}
    assert thresholds["none"] == math.inf and gates["none"].reason == "every label is trusted"
    assert thresholds["fixed"] == 3.0 and gates["fixed"].reason == "the threshold 3 is set by hand"
    assert thresholds["dynamic"] == thresholds["dynamic+correction"] not in (3.0, math.inf)
    with pytest.raises(UserError, match="'dlg': set one of none, fixed, dynamic, dynamic"):
        make_gate("dlg", 1, 10)


@pytest.mark.parametrize("mode", MODES)
def test_a_setting_that_no_gate_has_is_refused_in_every_mode(mode):
    with pytest.raises(UserError, match="gate has no setting start_separaton, only start_epoch, .*start_separation"):
        make_gate(mode, 1, 10, start_separaton=1.0)
    make_gate(mode, 1, 10, start_separation=1.0)


def test_thresholds_of_loss_gated_learning():
    assert [lgl_threshold(iteration, 6000) for iteration in range(1, 8)] == [1, 3, 3, 5, 6, 6, 6]
    assert lgl_threshold(1, 6000**2) == pytest.approx(2.0)
    assert lgl_threshold(5, 150) == pytest.approx(6 * math.log(150) / math.log(6000))


def test_losses_are_collected_by_item():
    gate = OpenGate()
    gate.record(torch.tensor([5, 2]), torch.tensor([0.5, 0.2], requires_grad=True))
    gate.record(torch.tensor([9, 5]), torch.tensor([0.9, 0.55], dtype=torch.bfloat16))
    epoch = gate.finish_epoch()
    assert epoch.items.tolist() == [2, 5, 9] and epoch.items.dtype == np.int64 and epoch.losses.dtype == np.float32
    assert epoch.losses == pytest.approx([0.2, 0.55, 0.9], abs=2e-3)
    assert gate.epochs == 1
    assert gate.finish_epoch().items.tolist() == []


def fill(gate, losses, batch=100):
    items = torch.randperm(len(losses), generator=torch.Generator().manual_seed(0))
    for part in items.split(batch):
        gate.record(part, torch.from_numpy(losses[part]).float())


@pytest.mark.parametrize("mode", MODES)
def test_a_killed_run_goes_on_to_the_same_thresholds(mode, tmp_path):
    def make():
        return make_gate(mode, iteration=1, n_classes=CLASSES, start_epoch=2)

    gate, losses = make(), two_kinds()
    fill(gate, losses)
    gate.finish_epoch()
    fill(gate, 2 * losses[:5000])
    checkpointer = SafeCheckpointer(tmp_path, {"gate": gate})
    checkpointer.save_checkpoint(end_of_epoch=False)
    resumed = make()
    fill(resumed, losses)  # what it did after the checkpoint is forgotten
    SafeCheckpointer(tmp_path, {"gate": resumed}).recover_if_possible()
    state = [(one.threshold, one.reason, one.mixture, one.epochs) for one in (gate, resumed)]
    assert state[0] == state[1]
    ends = []
    for one in (gate, resumed):
        one.record(torch.tensor([7000, 3]), torch.tensor([1.0, 2.0]))
        ends.append((one.finish_epoch(), one.threshold, one.reason, one.mixture, one.epochs))
    np.testing.assert_array_equal(ends[0][0].items, ends[1][0].items)
    np.testing.assert_array_equal(ends[0][0].losses, ends[1][0].losses)
    assert len(ends[0][0].items) == 5001 and ends[0][1:] == ends[1][1:]


def test_a_new_gate_can_be_saved_and_loaded(tmp_path):
    gate = DynamicLossGate(CLASSES)
    gate.save(tmp_path / "gate.ckpt")
    gate.update(two_kinds())
    gate.load(tmp_path / "gate.ckpt")
    assert (gate.threshold, gate.mixture, gate.epochs) == (math.inf, None, 0)
    assert len(gate.finish_epoch().items) == 0


def test_losses_are_kept_by_utterance(tmp_path):
    ids = [f"u{i:03d}" for i in range(20)]
    gate, other, same = OpenGate(), OpenGate(), OpenGate()
    gate.bind(ids)
    gate.record(torch.arange(5, 15), torch.arange(5, 15).float())
    gate.save(tmp_path / "gate.ckpt")
    left = [name for name in ids[::-1] if name != "u007"]
    other.bind(left)
    other.load(tmp_path / "gate.ckpt")
    epoch = other.finish_epoch()
    found = {left[item]: loss for item, loss in zip(epoch.items.tolist(), epoch.losses.tolist())}
    assert found == {f"u{i:03d}": float(i) for i in range(5, 15) if i != 7}
    same.bind(ids)
    same.load(tmp_path / "gate.ckpt")
    for one, two in zip(same.finish_epoch(), gate.finish_epoch()):
        np.testing.assert_array_equal(one, two)
