"""Learning rates of their own: groups of parameters, and nothing new where no module asks for it."""

import functools

import torch
from speechbrain.core import rm_vector_weight_decay
from torch import nn

from speechbrain_cadino.training.rates import rate_factors, set_rate, with_rates

SGD = functools.partial(torch.optim.SGD, lr=1.0, weight_decay=0.1)


def network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Linear(4, 2))
    net[1].lr_factor, net[1][1].lr_factor = 0.5, 0.0
    net[1][1].requires_grad_(False)
    return net


def test_an_inner_factor_counts_more():
    net = network()
    factors = rate_factors(net)
    assert [factors.get(one) for one in net.parameters()] == [None, None, 0.5, 0.5, 0.0, 0.0, None, None]


def test_without_a_factor_the_class_is_given_back():
    assert with_rates(SGD, nn.Linear(2, 2)) is SGD


def test_each_parameter_learns_at_its_rate_with_its_decay():
    for parameters in (lambda net: net.parameters(), rm_vector_weight_decay):
        net = network()
        before = [one.detach().clone() for one in net.parameters()]
        optimizer = with_rates(SGD, net)(parameters(net))
        set_rate(optimizer, 0.2)
        assert optimizer.param_groups[0]["lr"] == 0.2
        decays = {one: group["weight_decay"] for group in optimizer.param_groups for one in group["params"]}
        net(torch.randn(5, 3)).sum().backward()
        gradients = [one.grad for one in net.parameters()]
        optimizer.step()
        for one, old, gradient, rate in zip(
            net.parameters(), before, gradients, [0.2] * 2 + [0.1] * 2 + [0] * 2 + [0.2] * 2
        ):
            wanted = old - rate * (gradient + decays[one] * old) if rate else old
            torch.testing.assert_close(one.detach(), wanted)
        if parameters is rm_vector_weight_decay:
            assert {decays[one] for one in decays if one.dim() == 1} == {0.0}
        other = with_rates(SGD, net)(parameters(net))
        other.load_state_dict(optimizer.state_dict())
        set_rate(other, 1.0)
        assert {group.get("lr_factor", 1.0): group["lr"] for group in other.param_groups} == {1.0: 1.0, 0.5: 0.5}
