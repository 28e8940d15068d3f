"""Settings read from live modules build the same modules again."""

import pytest
import torch
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.utils.errors import UserError

FBANKS = [
    dict(n_mels=24, f_min=100, f_max=3800, n_fft=512, win_length=32, hop_length=8),
    dict(deltas=True, filter_shape="gaussian"),
    dict(context=True, left_frames=1, right_frames=2),
]
ECAPAS = [
    dict(channels=[8, 8, 12], kernel_sizes=[3, 5, 1], dilations=[2, 3, 1], groups=[1, 2, 1], dropout=0.1),
    dict(channels=[16, 16, 16, 24], kernel_sizes=[5, 3, 3, 3], dilations=[1, 2, 3, 1], groups=[1] * 4, res2net_scale=2),
    dict(channels=[8, 8, 12], kernel_sizes=[3, 3, 1], dilations=[1, 1, 1], groups=[1] * 3, res2net_scale=1),
    dict(attention_channels=4, se_channels=6, lin_neurons=5, global_context=False, activation=torch.nn.LeakyReLU),
]


@pytest.mark.parametrize("wanted", FBANKS)
def test_filterbank(make_net, wanted):
    features = Fbank(**{"n_mels": 20, **wanted})
    net = make_net(trained=False)
    net.compute_features = features
    found = encoder_settings(net)["compute_features"]
    assert {name: found[name] for name in wanted} == wanted
    waves = torch.randn(2, 8000)
    torch.testing.assert_close(Fbank(**found)(waves), features(waves), rtol=0, atol=0)


@pytest.mark.parametrize("wanted", ECAPAS)
def test_ecapa(make_net, wanted):
    net = make_net(trained=False)
    base = dict(input_size=20, channels=[16, 16, 16, 16, 24], res2net_scale=4)
    net.embedding_model = ECAPA_TDNN(**{**base, **wanted}).eval()
    found = encoder_settings(net)["embedding_model"]
    assert {name: found[name] for name in wanted} == wanted
    again = ECAPA_TDNN(**found).eval()
    again.load_state_dict(net.embedding_model.state_dict())
    features = torch.randn(2, 50, 20)
    torch.testing.assert_close(again(features), net.embedding_model(features), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["compute_features", "mean_var_norm", "embedding_model"])
def test_unknown_module_is_one_sentence(make_net, name):
    net = make_net(trained=False)
    setattr(net, name, torch.nn.Identity())
    with pytest.raises(UserError, match=f"{name} is a Identity.*build it from SpeechBrain's"):
        encoder_settings(net)
