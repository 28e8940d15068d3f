"""The MFCC baseline: what its dimensions mean and that it tells voices apart."""

import numpy as np
import pytest
import scipy.fft
import torch

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cosine_scores
from speechbrain_cadino.verification.mfcc import mfcc_statistics, standardise


def vowel(seed, formants, seconds=0.6):
    """A buzz of wandering pitch through resonances: crude, but a voice's spectrum."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(16000 * seconds)) / 16000
    pitch = 110 * (1 + 0.2 * np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    wave = np.zeros_like(time)
    for harmonic in range(1, 60):
        gain = sum(np.exp(-(((harmonic * 110 - formant) / 200) ** 2)) for formant in formants)
        wave += gain * np.sin(harmonic * phase)
    return (0.1 * wave + 0.003 * rng.normal(size=len(time))).astype(np.float32)


def statistics_by_hand(wave, n_mels=24, n_mfcc=20):
    """After the textbook: Hamming frames, triangles on the mel scale, dB, orthonormal DCT, regression differences."""
    frames = torch.stft(
        torch.tensor(wave), 400, 160, window=torch.hamming_window(400), pad_mode="constant", return_complex=True
    )
    power = frames.abs().numpy().T ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, 8000, 201)
    # SpeechBrain's triangles are symmetric: as wide upwards as downwards.
    triangles = [np.maximum(0, 1 - np.abs(bins - mid) / (mid - low)) for low, mid in zip(edges, edges[1:-1])]
    level = 10 * np.log10(np.maximum(power @ np.transpose(triangles), 1e-10))
    cepstra = scipy.fft.dct(np.maximum(level, level.max() - 80), norm="ortho")[:, :n_mfcc]
    first = differences(cepstra)
    return np.concatenate([cepstra.mean(0), cepstra.std(0), first.std(0), differences(first).std(0)])


def differences(frames):
    """Slope of the line through five frames, the first and the last one repeated at the ends."""
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    return sum(n * (padded[2 + n : len(frames) + 2 + n] - padded[2 - n : len(frames) + 2 - n]) for n in (1, 2)) / 10


@pytest.mark.parametrize("seed, seconds", [(0, 0.6), (1, 0.313), (2, 0.02)])
def test_statistics_equal_the_textbook(seed, seconds):
    wave = vowel(seed, [500, 1500], seconds)
    np.testing.assert_allclose(mfcc_statistics([wave])[0], statistics_by_hand(wave), rtol=1e-3, atol=2e-2)


def test_each_utterance_is_described_alone_and_lazily():
    waves = [vowel(seed, [500, 1500], 0.2 + 0.1 * seed) for seed in range(4)]
    together = mfcc_statistics(wave for wave in waves)
    assert together.shape == (4, 80) and together.dtype == np.float32
    for row, wave in zip(together, waves):
        np.testing.assert_array_equal(row, mfcc_statistics([torch.tensor(wave)])[0])


def test_voices_are_told_apart():
    formants = {"a": [700, 1200, 2600], "b": [400, 2000, 2900], "c": [300, 900, 2300]}
    names = list(formants) * 6
    statistics = mfcc_statistics(vowel(seed, formants[name]) for seed, name in enumerate(names))
    embeddings = standardise(statistics, statistics)
    pairs = np.array([(i, j) for i in range(18) for j in range(i)])
    same = np.array([names[i] == names[j] for i, j in pairs])
    scores = cosine_scores(embeddings, *pairs.T)
    assert scores[same].min() > scores[~same].max()


def test_upper_frequency_shuts_out_what_is_above():
    rng = np.random.default_rng(0)
    low = vowel(0, [500, 1500])
    high = np.fft.irfft(np.fft.rfft(rng.normal(size=len(low))) * (np.fft.rfftfreq(len(low), 1 / 16000) > 5500))
    with_high = (low + 0.5 * high).astype(np.float32)
    moved = [np.abs(np.subtract(*mfcc_statistics([low, with_high], f_max))).max() for f_max in (8000, 3800)]
    assert moved[1] < 0.1 * moved[0]


def test_standardise_takes_the_training_corpus_alone():
    rng = np.random.default_rng(0)
    training, other = rng.normal(3, 2, (50, 6)), rng.normal(-1, 4, (7, 6))
    expected = (other - training.mean(0)) / training.std(0)
    np.testing.assert_allclose(standardise(other, training), expected, rtol=1e-5)
    training[:, 2] = 5  # constant: centered only
    np.testing.assert_allclose(standardise(other, training)[:, 2], other[:, 2] - 5, rtol=1e-5)


def test_edges():
    assert mfcc_statistics([]).shape == (0, 80)
    assert np.isfinite(mfcc_statistics([np.zeros(16000), np.ones(1), np.random.default_rng(0).normal(size=50)])).all()
    with pytest.raises(UserError, match="Utterance 1 .*at least one"):
        mfcc_statistics([np.ones(16000), np.ones(0)])
    with pytest.raises(UserError, match=r"shape \(2, 100\)"):
        mfcc_statistics([np.ones((2, 100))])
