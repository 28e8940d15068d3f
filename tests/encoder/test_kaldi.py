"""Kaldi's filterbank of a batch against torchaudio's of one recording."""

import numpy as np
import pytest
import torch
from torchaudio.compliance import kaldi

from speechbrain_cadino.encoder.kaldi import KaldiFbank
from speechbrain_cadino.utils.errors import UserError


@pytest.mark.parametrize("seed", range(6))
def test_against_torchaudio(seed):
    rng = np.random.default_rng(seed)
    n_mels, scale = int(rng.integers(20, 100)), float(rng.choice([1.0, 32768.0]))
    f_min, f_max = float(rng.integers(0, 100)), float(rng.integers(3400, 8001))
    waves = torch.from_numpy(0.1 * rng.standard_normal((3, int(rng.integers(400, 9000)))).astype(np.float32))
    fbank = KaldiFbank(n_mels, f_min, f_max, scale)
    found = fbank(waves)
    for wave, features in zip(waves, found):
        options = dict(num_mel_bins=n_mels, low_freq=f_min, high_freq=f_max, sample_frequency=16000, dither=0.0)
        torch.testing.assert_close(features, kaldi.fbank(scale * wave[None], **options), rtol=1e-4, atol=1e-4)
    assert found.shape[1] == fbank.frames(waves.shape[1])


def test_padding_to_the_longest_of_as_many_frames_changes_nothing():
    fbank, wave = KaldiFbank(), torch.randn(1, 1000)
    assert fbank.frames(1000) == fbank.frames(1039) != fbank.frames(1040)
    assert torch.equal(fbank(wave), fbank(torch.nn.functional.pad(wave, (0, 39))))


@pytest.mark.parametrize(
    "settings",
    [dict(n_mels=0), dict(f_min=-1), dict(f_max=8001), dict(f_min=5000, f_max=4000), dict(scale=0), dict(n_mels="80")],
)
def test_what_makes_no_sense(settings):
    with pytest.raises(UserError, match="compute_features has"):
        KaldiFbank(**settings)


def test_too_short():
    assert KaldiFbank().frames(399) == 0
    with pytest.raises(UserError, match="399 samples are less than one window of 400"):
        KaldiFbank()(torch.zeros(1, 399))
