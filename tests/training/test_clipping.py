"""Gradient clipping against the plain loop, over every parameter group."""

import pytest
import torch

from speechbrain_cadino.training.clipping import GradientClipper

SHAPES = [(3, 4), (5,), (2, 3, 4), (1,), (7,)]


def make_optimizer(scale, groups=3):
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    for number, parameter in enumerate(parameters):
        parameter.grad = scale * 10.0 ** (number - 2) * torch.randn(parameter.shape)
    return torch.optim.SGD([{"params": parameters[start::groups]} for start in range(groups)], lr=0.1)


def gradients_of(optimizer):
    return [p.grad.clone() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.0, 1e4])
@pytest.mark.parametrize("max_norm", [0.5, 3.0])
def test_each_parameter_on_its_own(scale, max_norm):
    optimizer = make_optimizer(scale)
    before = gradients_of(optimizer)
    norms = GradientClipper(max_norm=max_norm)(optimizer)
    for norm, old, new in zip(norms, before, gradients_of(optimizer), strict=True):
        assert norm.item() == pytest.approx(old.norm().item(), rel=1e-5)
        torch.testing.assert_close(new, old * min(1.0, max_norm / old.norm().item()), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 0.3, 1.0, 1e4])
@pytest.mark.parametrize("max_norm", [0.5, 3.0])
def test_all_as_one_vector(scale, max_norm):
    optimizer = make_optimizer(scale)
    before = gradients_of(optimizer)
    whole = torch.cat([gradient.flatten() for gradient in before]).norm().item()
    norms = GradientClipper(max_norm=max_norm, per_parameter=False)(optimizer)
    for norm, old, new in zip(norms, before, gradients_of(optimizer), strict=True):
        assert norm.item() == pytest.approx(old.norm().item(), rel=1e-5)
        torch.testing.assert_close(new, old * min(1.0, max_norm / whole), rtol=1e-4, atol=1e-6)


def test_three_by_default_and_per_parameter():
    optimizer = make_optimizer(1e4)
    GradientClipper()(optimizer)
    assert [g.norm().item() for g in gradients_of(optimizer)] == pytest.approx([3.0] * len(SHAPES), rel=1e-3)


@pytest.mark.parametrize("per_parameter", [True, False])
def test_parameters_without_a_gradient(per_parameter):
    optimizer = make_optimizer(1e4)
    optimizer.param_groups[1]["params"][0].grad = None
    assert len(GradientClipper(per_parameter=per_parameter)(optimizer)) == len(SHAPES) - 1
    optimizer.zero_grad()
    assert len(GradientClipper(per_parameter=per_parameter)(optimizer)) == 0


@pytest.mark.parametrize("per_parameter", [True, False])
def test_zero_gradients_stay_zero(per_parameter):
    optimizer = make_optimizer(0.0)
    GradientClipper(per_parameter=per_parameter)(optimizer)
    assert not any(gradient.any() for gradient in gradients_of(optimizer))
