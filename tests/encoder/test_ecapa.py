"""The faster forward against SpeechBrain's own, values, gradients and running statistics.

SpeechBrain takes its means with weights rounded to float32, in double precision too: hence the tolerance of 1e-7.
"""

import copy

import pytest
import torch
from speechbrain.lobes.models import ECAPA_TDNN as speechbrain_ecapa

from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN

SHAPES = [
    dict(channels=[16, 16, 16, 16, 48], kernel_sizes=[5, 3, 3, 3, 1], dilations=[1, 2, 3, 4, 1], res2net_scale=8),
    dict(channels=[8, 16, 16, 16, 40], kernel_sizes=[3, 5, 3, 3, 1], dilations=[2, 1, 2, 3, 1], res2net_scale=4),
    dict(channels=[8, 8, 8], kernel_sizes=[5, 3, 1], dilations=[1, 2, 1], res2net_scale=2),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_equals_speechbrain(shape, training):
    torch.manual_seed(0)
    settings = dict(attention_channels=6, se_channels=5, lin_neurons=7, **shape)
    ours = ECAPA_TDNN(20, **settings).double().train(training)
    theirs = speechbrain_ecapa.ECAPA_TDNN(20, **settings).double().train(training)
    theirs.load_state_dict(ours.state_dict())
    features, weights = torch.randn(5, 40, 20, dtype=torch.float64), torch.randn(5, 1, 7, dtype=torch.float64)
    got, wanted = ours(features), theirs(features)
    torch.testing.assert_close(got, wanted, atol=1e-7, rtol=1e-6)
    (got * weights).sum().backward()
    (wanted * weights).sum().backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters()):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-7, rtol=1e-6, msg=name)
    for (name, mine), other in zip(ours.named_buffers(), theirs.named_buffers()):
        torch.testing.assert_close(mine, other[1], atol=1e-7, rtol=1e-6, msg=name)


@pytest.mark.parametrize("settings", [dict(dropout=0.5), dict(global_context=False), dict(groups=[1, 2, 1, 1, 1])])
def test_other_settings_take_speechbrains_way(settings, monkeypatch):
    net = ECAPA_TDNN(20, channels=[16, 16, 16, 16, 48], lin_neurons=7, **settings)
    called = []
    monkeypatch.setattr(
        speechbrain_ecapa.ECAPA_TDNN, "forward", lambda self, x, lengths=None: called.append(lengths) or x
    )
    net(torch.randn(2, 30, 20))
    assert called == [None]


def test_relative_lengths_take_speechbrains_way():
    net = ECAPA_TDNN(20, channels=[16, 16, 16, 16, 48], lin_neurons=7).eval()
    theirs = copy.deepcopy(net)
    theirs.__class__ = speechbrain_ecapa.ECAPA_TDNN
    features, lengths = torch.randn(2, 30, 20), torch.tensor([0.5, 1.0])
    torch.testing.assert_close(net(features, lengths), theirs(features, lengths), rtol=0, atol=0)
