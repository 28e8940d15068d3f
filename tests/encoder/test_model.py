"""The encoder against its parts called one by one."""

import pytest
import torch
from speechbrain.lobes.features import Fbank

from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.errors import UserError


@pytest.mark.parametrize("batch, time", [(1, 16000), (3, 8000), (2, 12345)])
def test_equals_its_parts(make_net, batch, time):
    net = make_net()
    waves = torch.randn(batch, time)
    features = net.compute_features(waves)
    features = features - features.mean(dim=1, keepdim=True)
    last = net.embedding_model(features)[:, 0]
    norm = net.embedding_norm
    plain = (last - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(net(waves), plain, rtol=1e-4, atol=1e-5)


def test_batch_norm_can_be_left_out(make_net):
    net = make_net()
    bare = SpeakerEncoderNet(net.compute_features, net.mean_var_norm, net.embedding_model, 12, batch_norm=False)
    waves = torch.randn(2, 8000)
    torch.testing.assert_close(net.embedding_norm(bare(waves)), net(waves))
    assert not torch.allclose(bare(waves), net(waves), atol=0.1)
    assert not any(name.startswith("embedding_norm") for name in bare.state_dict())


def test_loudness_does_not_matter(make_net):
    net, waves = make_net(), torch.randn(2, 8000)
    torch.testing.assert_close(net(waves * 0.01), net(waves), rtol=1e-3, atol=1e-4)


def test_features_are_float32_and_without_gradient_under_autocast(make_net):
    net, waves = make_net(), torch.randn(2, 8000, requires_grad=True)
    wanted = net.features(waves)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features, embeddings = net.features(waves), net(waves)
    assert features.dtype == torch.float32 and not features.requires_grad
    torch.testing.assert_close(features, wanted, rtol=0, atol=0)
    assert embeddings.dtype == torch.float32 and embeddings.requires_grad


def test_gradient_reaches_every_parameter(make_net):
    net = make_net().train()
    net(torch.randn(4, 8000)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_upper_frequency_is_heard(make_net):
    narrow, wide = make_net(fbank=dict(f_max=3800)), make_net()
    time = torch.arange(16000) / 16000
    low = torch.sin(2 * torch.pi * 500 * time)[None] + 0.01 * torch.randn(1, 16000)
    tone = low + 0.5 * torch.sin(2 * torch.pi * 6000 * time) * (time > 0.5)
    narrow, wide = ((net.features(tone) - net.features(low)).abs().mean() for net in (narrow, wide))
    assert wide > 1 and narrow < 0.2


@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(sample_rate=8000, f_max=4000), "sample_rate 8000, but all audio is read at 16000 Hz"),
        (dict(sample_rate=44100), "sample_rate 44100"),
        (dict(f_max=11025), "from f_min 0 to f_max 11025 Hz"),
        (dict(f_min=4000, f_max=3800), "f_min 4000 to f_max 3800 Hz"),
        (dict(f_max=10), "20 bands from f_min 0 to f_max 10 Hz, of which 20 lie between the frequencies"),
        (dict(f_min=7900, f_max=8000), "and are always empty: set a higher f_max, or a smaller n_mels"),
    ],
)
def test_a_filterbank_of_another_rate_is_refused(make_net, settings, words):
    net = make_net()
    with pytest.raises(UserError, match=words):
        SpeakerEncoderNet(Fbank(n_mels=20, **settings), net.mean_var_norm, net.embedding_model, 12)
