"""The losses against plain double loops over the pairs."""

import math
from collections import Counter

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from speechbrain_cadino.dino.loss import CosineConsistencyLoss, DINOLoss

SHAPES = [  # teacher views, student views, batch, prototypes
    (1, 2, 3, 5),
    (1, 5, 2, 7),
    (2, 2, 4, 11),
    (2, 3, 1, 2),
    (2, 6, 8, 33),
    (3, 7, 5, 16),
    (4, 4, 2, 9),
    (3, 1, 2, 4),
]
TEMPERATURES = [(0.1, 0.04), (0.1, 0.07), (1.0, 1.0), (0.05, 0.3)]


def views(num, *shape, scale=1.0, requires_grad=False):
    return [(scale * torch.randn(*shape)).requires_grad_(requires_grad) for _ in range(num)]


def plain_loss(student, teacher, center, student_temp, teacher_temp):
    """Caron et al.'s definition, word by word, in double precision."""
    terms = []
    for t, teacher_view in enumerate(teacher):
        p = F.softmax((teacher_view.double() - center.double()) / teacher_temp, dim=-1)
        for s, student_view in enumerate(student):
            if s != t:
                q = F.softmax(student_view.double() / student_temp, dim=-1)
                terms.append(-(p * q.log()).sum(dim=-1).mean())
    return torch.stack(terms).mean()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("temperatures", TEMPERATURES)
def test_loss_and_gradient_equal_the_double_loop(shape, temperatures):
    n_teachers, n_students, batch, dim = shape
    student_temp, teacher_temp = temperatures
    torch.manual_seed(n_students * dim)
    teacher = views(n_teachers, batch, dim, requires_grad=True)
    student = views(n_students, batch, dim, requires_grad=True)
    dino_loss = DINOLoss(dim, student_temp=student_temp)
    dino_loss.center.normal_()
    center = dino_loss.center.clone()

    loss, _ = dino_loss(student, teacher, teacher_temp)
    expected = plain_loss(student, [view.detach() for view in teacher], center, student_temp, teacher_temp)

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    gradients = torch.autograd.grad(expected, student, allow_unused=True)
    for view, gradient in zip(student, gradients):
        gradient = torch.zeros_like(view) if gradient is None else gradient  # its own is the only teacher view
        torch.testing.assert_close(view.grad, gradient, rtol=1e-4, atol=1e-6)
    assert all(view.grad is None for view in teacher)


@pytest.mark.parametrize("counts", [(1, 1), (0, 3), (2, 0), (0, 0)])
def test_no_pair_left(counts):
    n_teachers, n_students = counts
    teacher, student = views(n_teachers, 2, 4), views(n_students, 2, 4)
    with pytest.raises(ValueError, match="No pair"):
        DINOLoss(4)(student, teacher, 0.04)
    with pytest.raises(ValueError, match="No pair"):
        CosineConsistencyLoss()(student, teacher)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 1.0])
def test_center_is_a_moving_average_of_the_teachers_mean_logits(momentum):
    dino_loss = DINOLoss(6, center_momentum=momentum)
    expected = torch.zeros(1, 6)
    for _ in range(4):
        teacher = views(2, 5, 6)
        dino_loss(views(3, 5, 6), teacher, 0.04)
        expected = momentum * expected + (1 - momentum) * torch.cat(teacher).mean(dim=0, keepdim=True)
    assert dino_loss.center.shape == (1, 6)
    torch.testing.assert_close(dino_loss.center, expected)


def test_center_moves_after_the_loss():
    teacher, student = views(2, 5, 6), views(3, 5, 6)
    trained, evaluated = DINOLoss(6), DINOLoss(6).eval()
    assert trained(student, teacher, 0.04)[0] == evaluated(student, teacher, 0.04)[0]
    assert trained(student, teacher, 0.04)[0] != evaluated(student, teacher, 0.04)[0]


def test_evaluation_leaves_the_center():
    dino_loss = DINOLoss(6).eval()
    dino_loss.center.normal_()
    before = dino_loss.center.clone()
    dino_loss(views(3, 5, 6), views(2, 5, 6), 0.04)
    assert torch.equal(dino_loss.center, before)


def test_center_is_saved_and_loaded():
    dino_loss, other = DINOLoss(6), DINOLoss(6)
    dino_loss(views(3, 5, 6), views(2, 5, 6), 0.04)
    other.load_state_dict(dino_loss.state_dict())
    assert torch.equal(other.center, dino_loss.center)
    assert list(dino_loss.parameters()) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_stats_equal_plain_sums(shape):
    n_teachers, n_students, batch, dim = shape
    teacher, student = views(n_teachers, batch, dim, scale=0.1), views(n_students, batch, dim)
    dino_loss = DINOLoss(dim)
    center = dino_loss.center.normal_(std=0.1).clone()
    _, stats = dino_loss(student, teacher, 0.04)

    p = [F.softmax((view.double() - center.double()) / 0.04, dim=-1) for view in teacher]
    q = [F.softmax(view.double() / 0.1, dim=-1) for view in student]
    mean_p = torch.cat(p).mean(dim=0)
    mean_entropy = torch.cat([-(x * x.log()).sum(dim=-1) for x in p]).mean()
    entropy_of_mean = -(mean_p * mean_p.log()).sum()
    kl = [(x * (x / y).log()).sum(dim=-1).mean() for t, x in enumerate(p) for s, y in enumerate(q) if s != t]
    expected = {
        "entropy_of_mean": entropy_of_mean,
        "mean_entropy": mean_entropy,
        "entropy_gap": entropy_of_mean - mean_entropy,
        "kl": torch.stack(kl).mean(),
        "max_entropy": torch.tensor(math.log(dim)),
    }
    assert stats.keys() == expected.keys()
    for name, value in expected.items():
        assert stats[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5), name
        assert stats[name].shape == () and not stats[name].requires_grad


def test_one_hot_and_uniform_teachers_have_finite_stats():
    one_hot = [1e4 * F.one_hot(torch.zeros(5, dtype=torch.long), 6).float()] * 2
    for teacher, entropy in ((one_hot, 0.0), (views(2, 5, 6, scale=0.0), math.log(6))):
        loss, stats = DINOLoss(6)(views(3, 5, 6), teacher, 0.04)
        assert torch.isfinite(loss)
        assert stats["entropy_of_mean"].item() == pytest.approx(entropy, abs=1e-5)
        assert stats["entropy_gap"].item() == pytest.approx(0.0, abs=1e-5)


def test_single_precision_under_autocast():
    teacher, student = views(2, 5, 64), views(3, 5, 64)
    halved = [[view.bfloat16() for view in group] for group in (student, teacher)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, stats = DINOLoss(64)(*halved, 0.04)
        cosine = CosineConsistencyLoss()(*halved)
    expected, _ = DINOLoss(64)(*[[view.float() for view in group] for group in halved], 0.04)
    assert loss.dtype == cosine.dtype == stats["kl"].dtype == torch.float32
    assert loss == expected
    assert cosine == CosineConsistencyLoss()(*[[view.float() for view in group] for group in halved])


class CountOperations(TorchDispatchMode):
    """Count the calls of each ATen operation."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counts[function] += 1
        return function(*args, **(kwargs or {}))


def test_cost_is_linear_in_the_views():
    """Full-size products and softmaxes are counted: one for each view, not one for each pair."""
    teacher, student = views(4, 2, 8), views(20, 2, 8)
    with CountOperations() as operations:
        DINOLoss(8)(student, teacher, 0.04)
    assert operations.counts[torch.ops.aten._log_softmax.default] == 24
    assert operations.counts[torch.ops.aten.mul.Tensor] < 2 * 24


@pytest.mark.parametrize("shape", SHAPES)
def test_cosine_consistency_equals_the_double_loop(shape):
    n_teachers, n_students, batch, dim = shape
    teacher = views(n_teachers, batch, dim, requires_grad=True)
    student = views(n_students, batch, dim, requires_grad=True)
    loss = CosineConsistencyLoss()(student, teacher)
    expected = sum(
        (1 - F.cosine_similarity(x.detach(), y, dim=-1)).mean()
        for t, x in enumerate(teacher)
        for s, y in enumerate(student)
        if s != t
    )
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    loss.backward()
    gradients = torch.autograd.grad(expected, student, allow_unused=True)
    for view, gradient in zip(student, gradients):
        gradient = torch.zeros_like(view) if gradient is None else gradient
        torch.testing.assert_close(view.grad, gradient, rtol=1e-4, atol=1e-6)
    assert all(view.grad is None for view in teacher)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", [(0, 0), (3, 5)])
def test_the_center_takes_in_nothing_that_is_not_finite(bad, where):
    torch.manual_seed(0)
    dino_loss, views = DINOLoss(8), [torch.randn(4, 8) for _ in range(2)]
    dino_loss(views, views, 0.04)
    before = dino_loss.center.clone()
    spoilt = [view.clone() for view in views]
    spoilt[1][where] = bad
    dino_loss(views, spoilt, 0.04)
    assert torch.equal(dino_loss.center, before)
    loss, _ = dino_loss(views, views, 0.04)
    assert loss.isfinite() and not torch.equal(dino_loss.center, before)
