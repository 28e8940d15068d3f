"""Label correction against plain softmaxes."""

import pytest
import torch

from speechbrain_cadino.dlg_lc.correction import LabelCorrector
from speechbrain_cadino.utils.errors import UserError


def make_cosines(seed):
    generator = torch.Generator().manual_seed(seed)
    batch, classes = [int(torch.randint(low, high, (), generator=generator)) for low, high in ((1, 12), (1, 40))]
    return 2 * torch.rand(batch, classes, generator=generator) - 1


@pytest.mark.parametrize("logit_scale, temperature", [(1.0, 0.1), (32.0, 0.1), (32.0, 1.0), (8.0, 0.5), (3.0, 2.0)])
@pytest.mark.parametrize("sharpen_first", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_equals_plain_softmaxes(logit_scale, temperature, sharpen_first, seed):
    cosines = make_cosines(seed)
    settings = {"logit_scale": logit_scale, "temperature": temperature, "sharpen_first": sharpen_first}
    soft, hard = [LabelCorrector(hard=hard, **settings)(cosines) for hard in (False, True)]
    for row, cosine in enumerate(cosines.double()):
        sharp = torch.softmax(logit_scale * cosine / temperature, 0)
        judged = sharp if sharpen_first else torch.softmax(logit_scale * cosine, 0)
        torch.testing.assert_close(soft.targets[row].double(), sharp, rtol=1e-4, atol=1e-7)
        assert hard.targets[row] == sharp.argmax()
        for correction in (soft, hard):
            assert correction.confidences[row].item() == pytest.approx(judged.max().item(), rel=1e-4)
            assert correction.passed[row] == (judged.max() > 0.5)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"logit_scale": 1.0}, 0.0003),
        ({"logit_scale": 1.0, "sharpen_first": True}, 0.13),
        ({"logit_scale": 32.0}, 1.0),
    ],
)
def test_which_logits_decides_everything(settings, expected):
    """The metrics of the docstring."""
    cosines = torch.zeros(1, 7500)
    cosines[0, 7] = 0.7
    correction = LabelCorrector(**settings)(cosines)
    assert correction.confidences.item() == pytest.approx(expected, rel=0.12)
    assert correction.passed.item() == (expected == 1.0)


@pytest.mark.parametrize("tau_2, passed", [(0.0, [True, True]), (0.6, [True, False]), (0.99, [False, False])])
def test_tau_2_decides_who_passes(tau_2, passed):
    cosines = torch.tensor([[0.9, 0.0], [0.1, 0.0]])
    assert LabelCorrector(logit_scale=4.0, tau_2=tau_2)(cosines).passed.tolist() == passed


def test_no_gradient_and_no_nan_passes():
    cosines = torch.tensor([[0.9, 0.0], [torch.nan, 0.0]], requires_grad=True)
    for hard in (False, True):
        correction = LabelCorrector(hard=hard)(cosines)
        assert not correction.targets.requires_grad and not correction.confidences.requires_grad
        assert correction.passed.tolist() == [True, False]


def test_single_precision_under_autocast():
    cosines = make_cosines(0).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        correction = LabelCorrector()(cosines)
    expected = LabelCorrector()(cosines.float())
    assert correction.targets.dtype == correction.confidences.dtype == torch.float32
    assert all(torch.equal(*pair) for pair in zip(correction, expected))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"temperature": 0.0}, "temperature of the label correction is 0.0"),
        ({"logit_scale": -1.0}, "logit_scale of the label correction is -1.0"),
        ({"tau_2": 1.5}, "tau_2 is 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_a_sentence(settings, message):
    with pytest.raises(UserError, match=message):
        LabelCorrector(**settings)
