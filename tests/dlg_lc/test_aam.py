"""AAM-softmax against SpeechBrain's and against a plain loop in double precision."""

import math
from collections import Counter

import pytest
import torch
from speechbrain.nnet.losses import AdditiveAngularMargin, LogSoftmaxWrapper
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from speechbrain_cadino.dlg_lc.aam import AAMSoftmax, CosineClassifier

SETTINGS = [(0.0, 1.0), (0.2, 32.0), (0.5, 32.0), (0.3, 64.0), (1.0, 8.0)]  # margin, scale


def make_batch(seed, wide=False):
    """Cosines (batch, classes) and labels; wide ones reach -1 and 1, past pi with the margin."""
    generator = torch.Generator().manual_seed(seed)
    batch, classes = [int(torch.randint(low, high, (), generator=generator)) for low, high in ((1, 12), (2, 40))]
    cosines = (math.pi if wide else 1.0) * torch.rand(batch, classes, generator=generator)
    return cosines.cos() if wide else 2 * cosines - 1, torch.randint(classes, (batch,), generator=generator)


def plain_loss(cosines, label, margin, scale):
    """One sample, word by word, in double precision."""
    logits = []
    for number, cosine in enumerate(cosines.double()):
        angle = torch.arccos(cosine)
        if number != label:
            logits.append(scale * cosine)
        elif angle + margin <= math.pi:
            logits.append(scale * torch.cos(angle + margin))
        else:
            logits.append(scale * (cosine - margin * math.sin(margin)))
    others = [logit for number, logit in enumerate(logits) if number != label]
    return torch.log1p(sum(torch.exp(other - logits[label]) for other in others))


@pytest.mark.parametrize("margin, scale", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_losses_and_gradients_equal_a_plain_loop(margin, scale, seed):
    cosines, labels = make_batch(seed, wide=seed % 2)
    cosines.requires_grad_()
    losses, nothing = AAMSoftmax(margin, scale)(cosines, labels)
    expected = torch.stack([plain_loss(row, label, margin, scale) for row, label in zip(cosines, labels)])
    assert nothing is None and losses.shape == labels.shape
    torch.testing.assert_close(losses.double(), expected, rtol=2e-5, atol=1e-12)
    found, plain = [torch.autograd.grad(one.sum(), cosines)[0] for one in (losses, expected)]
    torch.testing.assert_close(found, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("margin, scale", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_the_mean_is_speechbrains(margin, scale, seed):
    cosines, labels = make_batch(seed, wide=seed % 2)
    cosines.requires_grad_()
    losses, _ = AAMSoftmax(margin, scale)(cosines, labels)
    reference = LogSoftmaxWrapper(AdditiveAngularMargin(margin, scale))(cosines[:, None], labels[:, None])
    torch.testing.assert_close(losses.mean(), reference, rtol=1e-5, atol=1e-5)
    found, plain = [torch.autograd.grad(loss, cosines)[0] for loss in (losses.mean(), reference)]
    torch.testing.assert_close(found, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("margin, scale", SETTINGS)
@pytest.mark.parametrize("value", [-1.0, 1.0, -1 - 1e-6, 1 + 1e-6])
def test_at_the_ends_losses_and_gradients_are_finite(margin, scale, value):
    cosines = torch.full((2, 3), value).requires_grad_()
    losses, _ = AAMSoftmax(margin, scale)(cosines, torch.tensor([0, 2]))
    losses.sum().backward()
    assert torch.isfinite(losses).all() and torch.isfinite(cosines.grad).all()
    reference = LogSoftmaxWrapper(AdditiveAngularMargin(margin, scale))(cosines[:, None], torch.tensor([[0], [2]]))
    assert losses.mean().item() == pytest.approx(reference.item(), abs=2e-2)


def test_the_label_logit_falls_with_the_angle_all_the_way():
    for margin in (0.2, 0.5, 1.0):
        cosines = torch.stack([torch.linspace(0, math.pi, 10001).cos(), torch.zeros(10001)], dim=1)
        losses, _ = AAMSoftmax(margin, 32.0)(cosines, torch.zeros(10001, dtype=torch.long))
        assert (losses.diff() >= 0).all()


def test_small_losses_keep_their_digits():
    """Their logarithms are what the gate looks at; a log-softmax would give zero."""
    cosines, labels = torch.zeros(4, 10), torch.zeros(4, dtype=torch.long)
    cosines[:, 0] = torch.tensor([0.7, 0.8, 0.9, 0.99])
    losses, _ = AAMSoftmax(0.2, 32.0)(cosines, labels)
    expected = torch.stack([plain_loss(row, 0, 0.2, 32.0) for row in cosines])
    assert 1e-13 < expected.min() < 1e-12
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=0)
    assert F.cross_entropy(32 * cosines, labels, reduction="none").min() == 0


@pytest.mark.parametrize("seed", range(8))
def test_targets_are_compared_without_margin(seed):
    cosines, labels = make_batch(seed, wide=seed % 2)
    cosines.requires_grad_()
    hard = torch.randint(cosines.shape[1], labels.shape)
    soft = torch.rand_like(cosines).softmax(1)
    for targets in (hard, soft, F.one_hot(labels, cosines.shape[1]).float()):
        _, found = AAMSoftmax(0.2, 32.0)(cosines, labels, targets)
        plain = F.cross_entropy(
            32 * cosines.double(), targets.double() if targets.is_floating_point() else targets, reduction="none"
        )
        torch.testing.assert_close(found.double(), plain, rtol=1e-5, atol=1e-4)
        gradients = [torch.autograd.grad(one.sum(), cosines)[0] for one in (found, plain)]
        torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_targets_do_not_change_the_losses_of_the_labels():
    cosines, labels = make_batch(0)
    aam = AAMSoftmax()
    assert torch.equal(aam(cosines, labels)[0], aam(cosines, labels, labels)[0])


def test_the_margin_can_be_set_at_any_step():
    cosines, labels = make_batch(1)
    aam = AAMSoftmax(margin=0.0)
    losses, target_losses = aam(cosines, labels, labels)
    torch.testing.assert_close(losses, target_losses, rtol=1e-5, atol=1e-5)
    aam.margin = 0.2
    assert torch.equal(aam(cosines, labels)[0], AAMSoftmax(0.2)(cosines, labels)[0])
    assert (aam(cosines, labels)[0] > losses).all()


def test_single_precision_under_autocast():
    torch.manual_seed(0)
    classifier, embeddings = CosineClassifier(16, 50), torch.randn(8, 16)
    cosines, labels = classifier(embeddings), torch.arange(8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        same = classifier(embeddings)
        losses, target_losses = AAMSoftmax()(same, labels, labels)
        half, _ = AAMSoftmax()(same.bfloat16(), labels)
    assert same.dtype == losses.dtype == target_losses.dtype == half.dtype == torch.float32
    assert torch.equal(same, cosines)
    assert torch.equal(losses, AAMSoftmax()(cosines, labels)[0])
    assert torch.equal(half, AAMSoftmax()(same.bfloat16().float(), labels)[0])


def test_the_classifier_gives_cosines():
    torch.manual_seed(0)
    classifier, embeddings = CosineClassifier(5, 7), torch.randn(3, 5)
    expected = F.cosine_similarity(embeddings[:, None], classifier.weight[None], dim=2)
    torch.testing.assert_close(classifier(embeddings), expected)
    torch.testing.assert_close(classifier(100 * embeddings), expected)
    assert [tuple(parameter.shape) for parameter in classifier.parameters()] == [(7, 5)]


class CountBlocks(TorchDispatchMode):
    """Count the operations whose result is as large as all the cosines, in-place ones included."""

    def __init__(self, size):
        super().__init__()
        self.size, self.counts = size, Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        views = ("aten.t.", "aten.view", "aten.detach", "aten.unsqueeze", "aten.squeeze", "aten.expand", "aten.alias")
        if isinstance(result, torch.Tensor) and result.numel() == self.size and not str(function).startswith(views):
            self.counts[str(function)] += 1
        return result


def count_blocks(loss):
    cosines = torch.rand(4, 1000).requires_grad_()
    with CountBlocks(cosines.numel()) as blocks:
        loss(cosines).backward()
    return sum(blocks.counts.values())


def test_fewer_passes_over_the_cosines_than_speechbrains():
    labels, targets = torch.arange(4), torch.rand(4, 1000).softmax(1)
    reference = LogSoftmaxWrapper(AdditiveAngularMargin(0.2, 32.0))
    theirs = count_blocks(lambda cosines: reference(cosines[:, None], labels[:, None]))
    ours = count_blocks(lambda cosines: AAMSoftmax()(cosines, labels)[0].mean())
    both = count_blocks(lambda cosines: sum(part.mean() for part in AAMSoftmax()(cosines, labels, targets)))
    assert ours < theirs / 2 and both < theirs
