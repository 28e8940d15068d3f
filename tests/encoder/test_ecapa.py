"""The faster forward against SpeechBrain's own, values, gradients and running statistics.

SpeechBrain takes its means with weights rounded to float32, in double precision too: hence the tolerance of 1e-7.
"""

import copy

import pytest
import torch
from speechbrain.lobes.models import ECAPA_TDNN as speechbrain_ecapa

from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
from speechbrain_cadino.utils.errors import UserError

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


WIDE = dict(channels=[16, 16, 16, 16, 48], lin_neurons=7)


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(channels=[8, 8, 8]), "has 5 kernel_sizes for 3 channels"),
        (dict(kernel_sizes=[5, 3, 3, 1]), "has 4 kernel_sizes for 5 channels"),
        (dict(dilations=[1, 2]), "has dilations [1, 2], and must have a list of three"),
        (dict(dilations=[1, 2, 3, 4, 5, 6]), "has 6 dilations for 5 channels"),
        (dict(groups=[1, 1, 1]), "has 3 groups for 5 channels"),
        (dict(groups=[1, 3, 1, 1, 1]), "3 does not divide a layer of 16 to 16"),
        (dict(groups=[3, 1, 1, 1, 1]), "3 does not divide a layer of 20 to 16"),
        (dict(channels=[8, 8], kernel_sizes=[1, 1], dilations=[1, 1]), "has channels [8, 8], and must have a list"),
        (dict(channels=16), "has channels 16, and must have a list"),
        (dict(channels=[16, 16, 0, 16, 48]), "each from 1 on"),
        (dict(channels=[16, 16, 8.5, 16, 48]), "each from 1 on"),
        (dict(channels=[16, 16, 32, 16, 48]), "must be equal"),
        (dict(channels=[16, 12, 12, 12, 48]), "res2net_scale 8: those between must be a multiple of it"),
        (dict(kernel_sizes=[5, 4, 3, 3, 1]), "an even one shifts the frames"),
        (dict(kernel_sizes=[0, 3, 3, 3, 1]), "has kernel_sizes [0, 3, 3, 3, 1], and must"),
        (dict(dilations=[1, 0, 1, 1, 1]), "has dilations [1, 0, 1, 1, 1], and must"),
        (dict(res2net_scale=0), "has res2net_scale 0, and must"),
        (dict(attention_channels=0), "has attention_channels 0, and must"),
        (dict(se_channels=-1), "has se_channels -1, and must"),
        (dict(lin_neurons=0), "has lin_neurons 0, and must"),
        (dict(input_size=0), "has input_size 0, and must"),
        (dict(dropout=1.5), "has dropout 1.5, and must"),
    ],
)
def test_settings_that_do_not_go_together_are_named(settings, said):
    with pytest.raises(UserError) as error:
        ECAPA_TDNN(**{"input_size": 20, **WIDE, **settings})
    assert str(error.value).startswith("embedding_model has ") and said in str(error.value)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["plain", "speechbrain"])
def test_too_few_frames_for_the_widest_layer(shape, mode):
    net = ECAPA_TDNN(20, lin_neurons=7, **shape).eval()
    edge = max(d * (k - 1) // 2 for k, d in zip(shape["kernel_sizes"], shape["dilations"]))
    lengths = None if mode == "plain" else torch.ones(2)
    assert net(torch.randn(2, edge + 1, 20), lengths).isfinite().all()
    with pytest.raises(UserError, match=f"sees {edge} frames to either side.* there are {edge} in all"):
        net(torch.randn(2, edge, 20), lengths)
