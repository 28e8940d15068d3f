"""Gate rule and correction of several modalities, against plain loops over the items."""

import math

import pytest
import torch

from speechbrain_cadino.dlg_lc.aam import AAMSoftmax
from speechbrain_cadino.dlg_lc.correction import LabelCorrector
from speechbrain_cadino.dlg_lc.loss import DLGLCLoss
from speechbrain_cadino.dlg_lc.together import CORRECTIONS, GATE_RULES, joint_correction, kept_labels
from speechbrain_cadino.utils.errors import UserError

NAMES = ("voice", "face", "gait")
SCALES = {"voice": 8.0, "face": 5.0, "gait": 12.0}


def draw(seed, n_sides):
    """Items with cosines of the modalities that each has, and the same as tensors: rows in an order of their own."""
    rng = torch.Generator().manual_seed(seed)
    n, classes = int(torch.randint(1, 20, (), generator=rng)), int(torch.randint(2, 30, (), generator=rng))
    names, items = NAMES[:n_sides], []
    for _ in range(n):
        has = [name for name in names if torch.rand((), generator=rng) < 0.6]
        items.append({name: 1.8 * torch.rand(2, classes, generator=rng) - 0.9 for name in has})
    labels = torch.randint(classes, (n,), generator=rng)
    order = {
        name: [i for i in torch.randperm(n, generator=rng).tolist() if name in items[i]] for name in names
    }  # row -> item
    rows = {
        name: {
            other: torch.tensor([order[other].index(i) if i in order[other] else -1 for i in order[name]]).long()
            for other in names
            if other != name
        }
        for name in names
    }
    return names, items, labels, order, rows, classes


def stacked(items, order, name, view, classes):
    return torch.stack([items[i][name][view] for i in order[name]]) if order[name] else torch.zeros(0, classes)


@pytest.mark.parametrize("n_sides", [1, 2, 3])
@pytest.mark.parametrize("rule", GATE_RULES)
@pytest.mark.parametrize("seed", range(12))
def test_the_gate_rule_equals_a_plain_loop(seed, rule, n_sides):
    names, items, labels, order, rows, classes = draw(seed, n_sides)
    losses = {name: DLGLCLoss(AAMSoftmax(0.2, SCALES[name])) for name in names}
    thresholds = {"voice": 6.0, "face": 4.0, "gait": math.inf if seed % 4 == 0 else 9.0}
    judged = {
        name: losses[name].judge(stacked(items, order, name, 0, classes), labels[order[name]], thresholds[name])
        for name in names
    }
    for name in names:
        others = [(judged[other].trusted, rows[name][other]) for other in names if other != name and order[other]]
        kept = kept_labels(rule, judged[name], others)
        wanted = []
        for item in order[name]:
            says = {
                one: bool(judged[one].losses[order[one].index(item)] < thresholds[one])
                for one in names
                if one in items[item]
            }
            wanted.append({"own": says[name], "and": all(says.values()), "or": any(says.values())}[rule])
        assert kept.tolist() == wanted


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("sharpen_first", [False, True])
@pytest.mark.parametrize("n_sides", [1, 2, 3])
@pytest.mark.parametrize("how", CORRECTIONS)
@pytest.mark.parametrize("seed", range(8))
def test_the_correction_equals_a_plain_loop(seed, how, n_sides, sharpen_first, hard):
    names, items, labels, order, rows, classes = draw(100 + seed, n_sides)
    makers = {name: LabelCorrector(SCALES[name], 0.3, 0.4, sharpen_first, hard) for name in names}
    clean = {name: stacked(items, order, name, 1, classes) for name in names}
    logs = {name: makers[name].log_posteriors(clean[name]) for name in names}
    for name in names:
        if not order[name]:
            continue
        others = [(logs[other], rows[name][other]) for other in names if other != name and order[other]]
        found = joint_correction(how, makers[name], clean[name], others)
        for row, item in enumerate(order[name]):
            p = {one: torch.softmax(SCALES[one] * view[1].double(), 0) for one, view in items[item].items()}
            asked = {"own": [name], "mean": list(p), "other": [one for one in p if one != name] or [name]}[how]
            mean = sum(p[one] for one in asked) / len(asked)
            sharp = mean ** (1 / 0.3) / (mean ** (1 / 0.3)).sum()
            judged = sharp if sharpen_first else mean
            assert found.classes[row] == mean.argmax()
            assert found.confidences[row].item() == pytest.approx(judged.max().item(), rel=1e-4)
            assert found.passed[row] == (judged.max() > 0.4)
            if hard:
                assert found.targets[row] == mean.argmax()
            else:
                torch.testing.assert_close(found.targets[row].double(), sharp, rtol=1e-3, atol=1e-7)


def test_alone_each_way_gives_the_own_correction_bit_for_bit():
    corrector, cosines = LabelCorrector(), 2 * torch.rand(9, 40, generator=torch.Generator().manual_seed(0)) - 1
    elsewhere = corrector.log_posteriors(torch.rand(3, 40)), torch.tensor([-1] * 9)
    for how in CORRECTIONS:
        for others in ([], [elsewhere], [elsewhere, elsewhere]):
            for found, wanted in zip(joint_correction(how, corrector, cosines, others), corrector(cosines)):
                assert torch.equal(found, wanted)


def test_what_is_as_likely_as_nothing_gives_numbers():
    """Posteriors below what float32 holds, of both modalities."""
    corrector = LabelCorrector(200.0, 0.01)
    cosines = torch.tensor([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])
    others = [(corrector.log_posteriors(cosines.flip(1)), torch.tensor([0, 1]))]
    for how in ("other", "mean"):
        targets = joint_correction(how, corrector, cosines, others).targets
        assert targets.isfinite().all() and torch.allclose(targets.sum(1), torch.ones(2))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("rule", GATE_RULES)
def test_a_loss_that_is_not_finite_is_never_hidden_by_another_modality(rule, value):
    cosines = torch.tensor([[0.1, value], [0.2, 0.1]], requires_grad=True)
    loss = DLGLCLoss(AAMSoftmax())
    judged = loss.judge(cosines, torch.tensor([0, 1]), threshold=0.0)
    kept = kept_labels(rule, judged, [(torch.tensor([False, False]), torch.tensor([0, 1]))])
    assert kept.tolist() == [True, False] and not loss.total(judged, kept)[0].isfinite()


def test_what_is_no_choice():
    judged = DLGLCLoss(AAMSoftmax()).judge(torch.zeros(1, 2), torch.tensor([0]), 1.0)
    with pytest.raises(UserError, match="gate_rule is xor: set one of own, and, or"):
        kept_labels("xor", judged)
    with pytest.raises(UserError, match="correction is none: set one of own, other, mean"):
        joint_correction("none", LabelCorrector(), torch.zeros(1, 2))
