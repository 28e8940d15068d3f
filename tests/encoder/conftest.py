"""A tiny encoder whose batch norm has statistics of its own, as after training."""

import pytest
import torch
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.processing.features import InputNormalization

from speechbrain_cadino.encoder.model import SpeakerEncoderNet

SMALL_WAV2VEC2 = dict(
    extractor_conv_layer_config=[[8, 10, 5], *[[8, 3, 2]] * 4, *[[8, 2, 2]] * 2],
    encoder_embed_dim=16,
    encoder_num_heads=2,
    encoder_num_layers=3,
    encoder_ff_interm_features=16,
    encoder_pos_conv_kernel=8,
    encoder_pos_conv_groups=2,
)
SMALL_WAVLM = {**SMALL_WAV2VEC2, "encoder_num_buckets": 8, "encoder_max_distance": 16}


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


@pytest.fixture
def make_net():
    """Give `tiny_encoder`."""
    return tiny_encoder


def tiny_encoder(fbank=None, trained=True):
    """An encoder of 12 dimensions in evaluation mode; ``fbank`` holds settings of the filterbank."""
    features = Fbank(**{"n_mels": 20, **(fbank or {})})
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    sizes = dict(channels=[16, 16, 16, 16, 24], attention_channels=8, res2net_scale=4, se_channels=8, lin_neurons=12)
    net = SpeakerEncoderNet(features, norm, ECAPA_TDNN(features.compute_fbanks.n_mels, **sizes), 12)
    if trained:
        for _ in range(20):  # running statistics far from those of a fresh batch norm
            net(torch.randn(8, 4000) * torch.rand(8, 1))
        torch.nn.init.uniform_(net.embedding_norm.weight, 0.5, 2.0)
        torch.nn.init.normal_(net.embedding_norm.bias)
    return net.eval()
