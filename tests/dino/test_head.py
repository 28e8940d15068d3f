"""The projection head: its layers, its start, its cosines."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from speechbrain_cadino.dino.head import DINOHead, PrototypeLayer


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


def test_under_autocast_the_prototypes_are_compared_in_float32():
    torch.manual_seed(0)
    layer, head = PrototypeLayer(256, 2048), DINOHead(32, 2048, hidden_dim=64, bottleneck_dim=256)
    x = torch.nn.functional.normalize(torch.randn(64, 256), dim=1)
    plain = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        layer_logits, head_logits = layer(x), head(torch.randn(64, 32))
        half = torch.nn.functional.linear(x, layer.weight)
        rounded = layer(x.bfloat16())
    assert half.dtype == torch.bfloat16  # autocast was at work
    assert layer_logits.dtype == head_logits.dtype == torch.float32
    assert torch.equal(layer_logits, plain)
    assert (rounded - plain).abs().max() < 5e-3
    assert head_logits.unique().numel() > 0.5 * head_logits.numel()  # bfloat16 has some 400 values here


def test_under_autocast_the_vectors_that_are_compared_have_length_1():
    torch.manual_seed(0)
    head, seen = DINOHead(32, 8, hidden_dim=64, bottleneck_dim=256), []
    head.last_layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.autocast("cpu", torch.bfloat16):
        head(torch.randn(64, 32)).sum().backward()
    torch.testing.assert_close(seen[0].norm(dim=1), torch.ones(64))
    assert all(parameter.grad.dtype == torch.float32 for parameter in head.parameters())
