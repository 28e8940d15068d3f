"""Stage II's loss against a plain loop over the samples."""

import math

import pytest
import torch
from torch.nn import functional as F

from speechbrain_cadino.dlg_lc.aam import AAMSoftmax
from speechbrain_cadino.dlg_lc.correction import LabelCorrector
from speechbrain_cadino.dlg_lc.gate import DynamicLossGate
from speechbrain_cadino.dlg_lc.loss import DLGLCLoss, epoch_ratios

SCALE, MARGIN, TEMPERATURE, TAU_2 = 8.0, 0.2, 0.1, 0.4
THRESHOLD = 7.0  # which about half of the random losses are under


def make_loss(hard=False, tau_2=TAU_2):
    return DLGLCLoss(AAMSoftmax(MARGIN, SCALE), LabelCorrector(SCALE, TEMPERATURE, tau_2, hard=hard))


def make_batch(seed, batch=None):
    generator = torch.Generator().manual_seed(seed)
    drawn, classes = [int(torch.randint(low, high, (), generator=generator)) for low, high in ((1, 24), (2, 40))]
    augmented, clean = 1.8 * torch.rand(2, batch or drawn, classes, generator=generator) - 0.9
    return augmented.requires_grad_(), torch.randint(classes, (batch or drawn,), generator=generator), clean


def plain(cosines, labels, threshold, clean=None, hard=False, tau_2=TAU_2):
    """The definition, sample by sample, in double precision."""
    gate, correction, kept, corrected = torch.zeros(()), torch.zeros(()), 0, 0
    for number, label in enumerate(labels.tolist()):
        cosine = cosines[number].double()
        angles = torch.arccos(cosine) + MARGIN * F.one_hot(torch.tensor(label), len(cosine))
        loss = -F.log_softmax(SCALE * torch.cos(angles), 0)[label]
        if loss < threshold:
            kept, gate = kept + 1, gate + loss
        elif clean is not None:
            p = F.softmax(SCALE * clean[number].double(), 0)
            if p.max() > tau_2:
                log_q = F.log_softmax(SCALE * cosine, 0)
                target = F.softmax(SCALE * clean[number].double() / TEMPERATURE, 0)
                corrected += 1
                correction = correction - (log_q[p.argmax()] if hard else (target * log_q).sum())
    return (gate + correction) / len(labels), kept / len(labels), corrected / len(labels)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_equals_the_plain_loop(seed, hard):
    cosines, labels, clean = make_batch(seed)
    threshold = [4.0, 7.0, 10.0][seed % 3]
    loss, _, stats = make_loss(hard)(cosines, labels, threshold, clean)
    expected, kept, corrected = plain(cosines, labels, threshold, clean, hard)
    assert stats["fraction_kept"].item() == pytest.approx(kept)
    assert stats["fraction_corrected"].item() == pytest.approx(corrected)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)
    found = torch.autograd.grad(loss, cosines)[0]
    if kept + corrected:
        torch.testing.assert_close(found, torch.autograd.grad(expected, cosines)[0], rtol=1e-3, atol=1e-5)
    else:
        assert not found.any()


def test_random_batches_have_samples_of_all_kinds():
    stats = [make_loss()(*make_batch(seed)[:2], THRESHOLD, make_batch(seed)[2])[2] for seed in range(25)]
    kept, corrected = [
        torch.stack([one[name] for one in stats]).mean() for name in ("fraction_kept", "fraction_corrected")
    ]
    assert 0.2 < kept < 0.8 and 0.1 < corrected < 1 - kept - 0.1


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(
    "threshold, tau_2, kept, corrected",
    [
        (math.inf, 0.0, 1, 0),  # an open gate: nothing is left to correct
        (0.0, 0.0, 0, 1),  # a shut one
        (0.0, 1.0, 0, 0),
        (-1.0, 0.0, 0, 1),
    ],
)
def test_the_ends(batch, threshold, tau_2, kept, corrected):
    cosines, labels, clean = make_batch(3, batch)
    loss, verdicts, stats = make_loss(tau_2=tau_2)(cosines, labels, threshold, clean)
    losses = verdicts.losses
    assert (stats["fraction_kept"], stats["fraction_corrected"]) == (kept, corrected)
    expected, *_ = plain(cosines, labels, threshold, clean, tau_2=tau_2)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert stats["gate_loss"] + stats["correction_loss"] == loss
    if kept:
        torch.testing.assert_close(loss, losses.mean())
    loss.backward()
    assert bool(cosines.grad.any()) == bool(kept or corrected)


def test_without_clean_views_the_others_add_nothing():
    cosines, labels, clean = make_batch(5)
    loss, (losses, kept, corrected, classes), stats = DLGLCLoss(AAMSoftmax(MARGIN, SCALE))(cosines, labels, THRESHOLD)
    assert torch.equal(kept, losses < THRESHOLD) and not corrected.any() and classes is None
    assert set(stats) == {"label_loss", "gate_loss", "fraction_kept"}
    torch.testing.assert_close(loss, losses[losses < THRESHOLD].sum() / len(losses))
    assert 0 < stats["fraction_kept"] < 1


def test_losses_for_the_record_are_those_of_an_open_gate():
    cosines, labels, clean = make_batch(5)
    expected, _ = AAMSoftmax(MARGIN, SCALE)(cosines, labels)
    for threshold in (0.0, THRESHOLD, math.inf):
        _, (losses, kept, corrected, classes), stats = make_loss()(cosines, labels, threshold, clean)
        assert torch.equal(kept, losses < threshold) and torch.equal(classes, clean.argmax(1))
        assert torch.equal(corrected, ~kept & (F.softmax(SCALE * clean, 1).amax(1) > TAU_2))
        assert torch.equal(losses, expected) and not losses.requires_grad
        assert stats["label_loss"] == expected.mean()


def test_no_margin_is_on_the_label_that_was_judged_wrong():
    """The correction is the same whatever the label, and its gradient never pushes the label's angle for a margin."""
    cosines, _, clean = make_batch(5)
    found = [make_loss()(cosines, torch.full((len(cosines),), label), 0.0, clean)[0] for label in (0, 1)]
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*[torch.autograd.grad(loss, cosines)[0] for loss in found])


def test_clean_views_get_no_gradient():
    cosines, labels, clean = make_batch(5)
    clean.requires_grad_()
    make_loss()(cosines, labels, THRESHOLD, clean)[0].backward()
    assert clean.grad is None and cosines.grad.any()


def test_stats_are_detached_scalars():
    cosines, labels, clean = make_batch(5)
    loss, _, stats = make_loss()(cosines, labels, THRESHOLD, clean)
    assert loss.requires_grad
    for value in stats.values():
        assert value.shape == () and not value.requires_grad
    expected = F.softmax(SCALE * clean, 1).amax(1).mean()
    torch.testing.assert_close(stats["confidence"], expected)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_seen_in_the_sum_and_not_by_the_gate(value):
    cosines, labels, clean = make_batch(5, batch=200)
    gate, clean_gate = [DynamicLossGate(10, start_epoch=2, chance_fraction=0.0) for _ in range(2)]
    with torch.no_grad():
        losses = make_loss()(cosines, labels, THRESHOLD, clean)[1].losses
        clean_gate.record(torch.arange(199), losses[:-1])
        cosines[-1] = value
    for threshold, clean_views in ((THRESHOLD, clean), (THRESHOLD, None), (math.inf, None)):
        loss, (losses, *_), _ = make_loss()(cosines, labels, threshold, clean_views)
        assert not torch.isfinite(loss)
        assert torch.isfinite(losses[:-1]).all() and not torch.isfinite(losses[-1])
    gate.record(torch.arange(200), losses)
    assert len(gate.finish_epoch().items) == 200
    clean_gate.finish_epoch()
    assert (gate.threshold, gate.mixture) == (clean_gate.threshold, clean_gate.mixture)


def test_ratios_of_an_epoch():
    batches = [make_batch(seed, batch=8) for seed in range(6)]
    steps = [make_loss()(cosines, labels, THRESHOLD, clean)[1:] for cosines, labels, clean in batches]
    means = {name: torch.stack([stats[name] for _, stats in steps]).mean().item() for name in steps[0][1]}
    losses = torch.cat([verdicts.losses for verdicts, _ in steps])
    ratios = epoch_ratios(means)
    assert ratios["kept_loss"] == pytest.approx(losses[losses < THRESHOLD].mean().item(), rel=1e-5)
    passed = torch.cat([LabelCorrector(SCALE, TEMPERATURE, TAU_2)(clean).passed for *_, clean in batches])
    assert ratios["fraction_passed"] == pytest.approx(passed[losses >= THRESHOLD].float().mean().item(), rel=1e-5)
    assert epoch_ratios({"gate_loss": 0.0, "fraction_kept": 0.0}) == {}
    assert epoch_ratios({"gate_loss": 0.5, "fraction_kept": 1.0, "fraction_corrected": 0.0}) == {"kept_loss": 0.5}
    assert epoch_ratios({"gate_loss": 0.5, "fraction_kept": 0.5, "fraction_wrong": 0.0, "wrong_not_kept": 0.0}) == {
        "kept_loss": 1.0,
        "gate_precision": 0.0,
    }


def test_half_precision_inputs_are_taken_to_float32():
    cosines, labels, clean = make_batch(5)
    halved = cosines.detach().bfloat16(), clean.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, (losses, *_), _ = make_loss()(halved[0], labels, THRESHOLD, halved[1])
    assert loss.dtype == losses.dtype == torch.float32
    assert loss == make_loss()(halved[0].float(), labels, THRESHOLD, halved[1].float())[0]
