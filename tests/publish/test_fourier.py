"""The transform as a convolution against torch's own."""

import pytest
import torch
from speechbrain.lobes.features import Fbank
from speechbrain.processing.features import STFT

from speechbrain_cadino.publish.fourier import FourierConvolution, without_fast_transform

SETTINGS = [
    {},
    {"n_fft": 512, "win_length": 25, "hop_length": 20},  # a window shorter than the frame
    {"n_fft": 401, "win_length": 20},
    {"center": False},
    {"pad_mode": "reflect", "normalized_stft": True},
    {"onesided": False, "window_fn": torch.hann_window},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: ",".join(settings) or "plain")
@pytest.mark.parametrize("samples", [1600, 1601, 8037])
def test_it_is_the_transform(settings, samples):
    waves = torch.randn(3, samples)
    stft = STFT(sample_rate=16000, **{"n_fft": 400, **settings})
    wanted, found = stft(waves), FourierConvolution(stft)(waves)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6 * float(wanted.abs().max()))


def test_loud_and_quiet_tones_in_one_frame():
    """What a filterbank's 80 dB show: a tone 70 dB below another keeps its level."""
    time = torch.arange(16000) / 16000
    waves = (torch.sin(2 * torch.pi * 300 * time) + 10**-3.5 * torch.sin(2 * torch.pi * 5000 * time))[None]
    fbank = Fbank(n_mels=80)
    copy = without_fast_transform(fbank)
    assert isinstance(fbank.compute_STFT, STFT) and isinstance(copy.compute_STFT, FourierConvolution)
    torch.testing.assert_close(copy(waves), fbank(waves), rtol=0, atol=0.02)  # of dB
