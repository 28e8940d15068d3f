"""The moving average, its gradients and its batch norm."""

import copy

import pytest
import torch
from torch import nn

from speechbrain_cadino.dino.head import DINOHead
from speechbrain_cadino.training.teacher import EMATeacher


def make_student():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


def disturb(module):
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.copy_(torch.rand_like(tensor) + 0.5 if tensor.is_floating_point() else tensor + 7)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.996, 1.0])
def test_update_is_the_moving_average(momentum):
    student = make_student()
    teacher = EMATeacher(student)
    expected = [p.clone() for p in student.parameters()]
    for _ in range(3):
        disturb(student)
        teacher.update(student, momentum)
        expected = [momentum * old + (1 - momentum) * new for old, new in zip(expected, student.parameters())]
    for parameter, value in zip(teacher.model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.data, value.data)


def test_teacher_starts_as_the_student_and_shares_nothing():
    student = make_student()
    teacher = EMATeacher(student)
    x = torch.randn(5, 4)
    torch.testing.assert_close(teacher(x), student(x))
    before = copy.deepcopy(teacher.state_dict())
    disturb(student)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_no_gradient_reaches_the_teacher_nor_leaves_the_student_without():
    student = make_student()
    teacher = EMATeacher(student)
    teacher.update(student, 0.9)
    assert not teacher(torch.randn(5, 4)).requires_grad
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in student.parameters())


def test_own_batch_norm_by_default():
    student = make_student()
    teacher = EMATeacher(student)
    batch_norm = teacher.model[1]
    assert teacher.training and batch_norm.training
    x = torch.randn(50, 4)
    teacher(x)
    expected = 0.1 * teacher.model[0](x).mean(dim=0)
    torch.testing.assert_close(batch_norm.running_mean, expected)
    disturb(student)
    teacher.update(student, 0.5)
    torch.testing.assert_close(batch_norm.running_mean, expected)
    assert not teacher.eval().model[1].training


def test_averaged_batch_norm():
    student = make_student()
    teacher = EMATeacher(student, batch_norm="ema")
    assert student.training and not teacher.model.training
    disturb(student)
    teacher.update(student, 0.25)
    batch_norm = teacher.model[1]
    torch.testing.assert_close(batch_norm.running_mean, 0.75 * student[1].running_mean)
    torch.testing.assert_close(batch_norm.running_var, 0.25 + 0.75 * student[1].running_var)
    assert batch_norm.num_batches_tracked == student[1].num_batches_tracked == 7
    teacher.train()
    x = torch.randn(50, 4)
    torch.testing.assert_close(teacher(x)[:1], teacher(x[:1]))  # one item's answer doesn't depend on the others


def test_unknown_batch_norm():
    with pytest.raises(ValueError, match="'own' or 'ema'"):
        EMATeacher(make_student(), batch_norm="ours")


def test_student_that_has_run_can_be_copied():
    student = DINOHead(4, 8, hidden_dim=16, bottleneck_dim=4)
    student(torch.randn(5, 4)).sum().backward()
    teacher = EMATeacher(student)
    torch.testing.assert_close(teacher(torch.ones(2, 4)), student(torch.ones(2, 4)))
    assert all(p.grad is None for p in teacher.parameters())


@pytest.mark.parametrize("batch_norm", ["own", "ema"])
def test_resumes_from_its_state(batch_norm):
    student = make_student()
    teacher, other = EMATeacher(student, batch_norm), EMATeacher(student, batch_norm)
    disturb(student)
    teacher.update(student, 0.5)
    other.load_state_dict(teacher.state_dict())
    x = torch.randn(5, 4)
    torch.testing.assert_close(other(x), teacher(x))


def test_the_teacher_drops_nothing_and_its_frozen_norms_stay():
    student = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.BatchNorm1d(6))
    teacher, x = EMATeacher(student), torch.randn(50, 4)
    state = torch.get_rng_state()
    assert torch.equal(teacher(x), teacher(x)) and torch.equal(torch.get_rng_state(), state)
    assert teacher.training and teacher.model[2].training and student[1].training
    assert not torch.equal(student(x), student(x))

    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    assert not EMATeacher(nn.Sequential(Frozen(3))).model[0].training
