"""The projection head: its layers, its start, its cosines."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speechbrain_cadino.dino.head import DINOHead


@pytest.fixture
def head():
    torch.manual_seed(0)
    return DINOHead(in_dim=12, out_dim=30, hidden_dim=64, bottleneck_dim=8)


def test_logits_are_cosines_with_the_prototypes(head):
    head.eval()
    x = torch.randn(5, 12)
    logits = head(x)
    expected = F.cosine_similarity(head.projection(x)[:, None], head.last_layer.weight[None], dim=-1)
    torch.testing.assert_close(logits, expected)
    assert logits.shape == (5, 30)


def test_gain_stays_one_whatever_the_length_of_the_weights(head):
    head.eval()
    x = torch.randn(5, 12)
    before = head(x)
    with torch.no_grad():
        head.last_layer.weight.mul_(torch.rand(30, 1) * 10 + 0.1)
    torch.testing.assert_close(head(x), before)


def test_layers_and_their_start(head):
    kinds = [type(layer) for layer in head.projection]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.GELU] * 2 + [nn.Linear]
    linears = [layer for layer in head.projection if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linears] == [(12, 64), (64, 64), (64, 8)]
    for layer in linears:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not layer.bias.any()


def test_published_size_by_default():
    head = DINOHead(in_dim=4, out_dim=6)
    shapes = [tuple(parameter.shape) for parameter in head.parameters() if parameter.dim() == 2]
    assert shapes == [(2048, 4), (2048, 2048), (256, 2048), (6, 256)]


def test_only_the_prototypes_are_in_the_last_layer(head):
    assert [tuple(p.shape) for p in head.last_layer.parameters()] == [(30, 8)]
    head(torch.randn(5, 12)).square().sum().backward()
    assert all(p.grad is not None for p in head.parameters())


def test_can_be_copied_after_a_forward_pass(head):
    x = torch.randn(5, 12)
    head(x).sum().backward()
    twin = copy.deepcopy(head).eval()
    torch.testing.assert_close(twin(x), head.eval()(x))
