"""Batched augmentation against the same operations in numpy and scipy, crop by crop, in float64."""

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from speechbrain_cadino.augmentation import augmenter
from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.batch import stack_parameters
from speechbrain_cadino.augmentation.clipping import clip
from speechbrain_cadino.augmentation.filters import GAIN_HERTZ, filter_crops
from speechbrain_cadino.augmentation.levels import rms, set_level
from speechbrain_cadino.augmentation.modulated_noise import add_modulated_noise
from speechbrain_cadino.augmentation.mulaw import quantise_mulaw
from speechbrain_cadino.augmentation.noise import SimulatedNoise, add_noise
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings

AUGMENTER = ViewAugmenter()
NOISE = SimulatedNoise(n_tracks=2, seconds=0.3)


def level(wave):
    return np.sqrt(np.mean(wave**2))


def plain_filter(wave, gain=None, response=None):
    """Filters as convolutions: the room's as it is, the channel's as the symmetric response of its gain."""
    filtered = wave
    if response is not None:
        filtered = fftconvolve(filtered, response)
    if gain is not None:
        size = 2**16
        symmetric = np.fft.fftshift(np.fft.irfft(np.interp(np.fft.rfftfreq(size, 1 / 16000), GAIN_HERTZ, gain)))
        filtered = fftconvolve(filtered, symmetric)[size // 2 :]
    filtered = filtered[: len(wave)]
    return filtered * level(wave) / max(level(filtered), 1e-20)


def plain_mulaw(wave, bits):
    steps = 2 ** (int(bits) - 1) - 1
    wave = np.clip(wave, -1, 1)
    codes = np.round(np.sign(wave) * np.log(1 + 255 * np.abs(wave)) / np.log(256) * steps)
    return np.sign(codes) * (256 ** (np.abs(codes) / steps) - 1) / 255


def plain_augment(wave, drawn):
    """All that `ViewAugmenter` does to one crop (time,), operation by operation."""
    wave = wave.astype(np.float64)
    drawn = {name: value.astype(np.float64) for name, value in drawn.items()}
    if "noise" in drawn:
        noise = drawn["noise"]
        wave = wave + noise * level(wave) / max(level(noise), 1e-20) * 10 ** (-drawn["snr_db"] / 20)
    if "rir" in drawn:
        wave = plain_filter(wave, drawn.get("rir_gain"), drawn["rir"])
    if "gain" in drawn:
        wave = plain_filter(wave, drawn["gain"])
    if "level_db" in drawn:
        wave = wave * 10 ** (drawn["level_db"] / 20) / max(level(wave), 1e-20)
    if "clip_db" in drawn:
        limit = np.abs(wave).max() * 10 ** (-drawn["clip_db"] / 20)
        wave = np.clip(wave, -limit, limit)
    if "mulaw_bits" in drawn:
        wave = plain_mulaw(wave, drawn["mulaw_bits"])
    if "mnru_db" in drawn:
        white = AUGMENTER.white.numpy()
        noise = white[(int(drawn["mnru_offset"]) + np.arange(len(wave))) % len(white)]
        wave = wave * (1 + 10 ** (-drawn["mnru_db"] / 20) * noise)
    return wave


def speechlike(rng, shape):
    """Noise that comes and goes, so that operations that look at level have something to see."""
    waves = rng.normal(size=shape) * np.exp(np.sin(np.linspace(0, 20, shape[-1])) * 2)
    return (waves * 10 ** rng.uniform(-3, -1, size=(*shape[:-1], 1))).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_a_batch_equals_its_crops_one_by_one(seed):
    rng = np.random.default_rng(seed)
    batch, length = int(rng.integers(1, 9)), int(rng.integers(2000, 20000))
    # Mu-law's steps turn a rounding error into a step: it is compared with its formula alone, below.
    channel = ChannelSettings(channel_prob=rng.random(), clip_prob=0.5, mulaw_prob=0.0, mnru_prob=0.5)
    settings = AugmentationSettings(0.4, 0.4, channel=channel if seed % 3 else None)
    drawer = AugmentationSampler(settings, NOISE)
    waves, drawn = speechlike(rng, (batch, length)), [drawer(rng, length) for _ in range(batch)]
    found = AUGMENTER.augment(torch.from_numpy(waves), stack_parameters(drawn)).numpy()
    for wave, one, draw in zip(waves, found, drawn):
        expected = plain_augment(wave, draw)
        assert level(one - expected) < 2e-3 * level(expected), sorted(draw)


def test_what_was_not_drawn_is_left_alone():
    waves = torch.randn(3, 500)
    before = waves.clone()
    assert AUGMENTER.augment(waves, {}).equal(waves)
    found = AUGMENTER.augment(waves, stack_parameters([{}, {"level_db": np.array(-20, np.float32)}, {}]))
    assert found[[0, 2]].equal(waves[[0, 2]]) and not found[1].allclose(waves[1]) and waves.equal(before)


def test_blocks_do_not_show(monkeypatch):
    drawer = AugmentationSampler(AugmentationSettings(channel=ChannelSettings(clip_prob=0.5)), NOISE)
    rng = np.random.default_rng(0)
    waves, drawn = (
        torch.from_numpy(speechlike(rng, (30, 3000))),
        stack_parameters([drawer(rng, 3000) for _ in range(30)]),
    )
    results = []
    for samples in (1, 3000 * 4, 10**9):
        monkeypatch.setattr(augmenter, "CACHED_SAMPLES", samples)
        results.append(AUGMENTER.augment(waves, drawn))
    # Mu-law's steps make a jump of a rounding error, on few samples.
    assert all(((result - results[0]).abs() > 1e-5).float().mean() < 1e-3 for result in results[1:])


def test_the_ratio_of_noise_is_exact():
    waves, noise = torch.randn(20, 4000, dtype=torch.float64) * 0.01, torch.rand(20, 4000, dtype=torch.float64) * 50
    snr_db = torch.linspace(-10, 40, 20, dtype=torch.float64)
    added = add_noise(waves, noise, snr_db) - waves
    assert torch.allclose(10 * torch.log10((waves**2).mean(1) / (added**2).mean(1)), snr_db)


@pytest.mark.parametrize("kind", ["crop", "noise"])
def test_silence_stays_silence(kind):
    length = 4000
    drawer = AugmentationSampler(AugmentationSettings(channel=ChannelSettings(clip_prob=0.5)), NOISE)
    drawn = [drawer(np.random.default_rng(seed), length) for seed in range(30)]
    waves = torch.zeros(30, length)
    if kind == "noise":
        waves = torch.randn(30, length)
        for draw in drawn:
            draw.update({"noise": np.zeros_like(draw["noise"])} if "noise" in draw else {})
    found = AUGMENTER.augment(waves, stack_parameters(drawn))
    assert found.isfinite().all() and (kind == "noise" or not found.any())


@pytest.mark.parametrize("lengths", [(1, 1), (5, 3), (400, 1000), (2000, 300)])
def test_reverberation_is_convolution_without_delay(lengths):
    rng = np.random.default_rng(0)
    wave, response = rng.normal(size=lengths[0]), rng.normal(size=lengths[1])
    found = filter_crops(torch.from_numpy(wave)[None], responses=torch.from_numpy(response)[None])[0].numpy()
    expected = np.convolve(wave, response)[: lengths[0]]
    assert np.allclose(found, expected * level(wave) / level(expected)) and level(found) == pytest.approx(level(wave))


def test_a_flat_channel_is_no_channel():
    waves = torch.randn(2, 3000, dtype=torch.float64)
    flat = torch.full((2, 257), 0.3, dtype=torch.float64)
    assert torch.allclose(filter_crops(waves, flat), waves)


def test_a_band_pass_takes_away_what_lies_outside():
    time = np.arange(16000) / 16000
    tones = sum(np.sin(2 * np.pi * hertz * time) for hertz in (100, 1000, 6000))
    gain = (np.abs(GAIN_HERTZ - 1500) < 1250).astype(np.float64)
    found = filter_crops(torch.from_numpy(tones)[None], torch.from_numpy(gain)[None])[0].numpy()
    spectrum = np.abs(np.fft.rfft(found))
    assert spectrum[1000] > 200 * spectrum[100] and spectrum[1000] > 200 * spectrum[6000]


def test_the_end_of_a_crop_does_not_come_back_at_its_begin():
    waves = torch.zeros(1, 4000, dtype=torch.float64)
    waves[0, -1] = 1
    telephone = torch.from_numpy((np.abs(GAIN_HERTZ - 1800) < 1500).astype(np.float64))[None]
    assert filter_crops(waves, telephone)[0, :2000].abs().max() < 2e-3


@pytest.mark.parametrize("bits", [2, 6, 7, 8])
def test_mulaw_is_its_formula(bits):
    waves = torch.cat([torch.linspace(-1.5, 1.5, 5000), torch.logspace(-6, 0, 1000)])[None]
    found = quantise_mulaw(waves, torch.tensor([float(bits)]))[0]
    # A value on the border of two steps may go either way by rounding.
    differs = np.abs(found.numpy() - plain_mulaw(waves[0].double().numpy(), bits)) > 1e-6
    assert differs.sum() <= 2 and len(found.abs().unique()) <= 2 ** (bits - 1)
    assert quantise_mulaw(torch.zeros(1, 3), torch.tensor([8.0])).tolist() == [[0, 0, 0]]
    if bits == 8:  # as good as a telephone: about 38 dB over a wide range of levels
        speech = torch.from_numpy(speechlike(np.random.default_rng(0), (1, 20000)))
        error = quantise_mulaw(speech, torch.tensor([8.0])) - speech
        assert 30 < 20 * torch.log10(speech.norm() / error.norm()) < 42


def test_level_clipping_and_modulated_noise_do_what_they_say():
    waves = torch.from_numpy(speechlike(np.random.default_rng(1), (3, 50000)))
    decibels = torch.tensor([-30.0, -20.0, -6.0])
    assert torch.allclose(20 * torch.log10(rms(set_level(waves, decibels))[:, 0]), decibels, atol=1e-4)
    clipped = clip(waves, -decibels)
    peaks = waves.abs().amax(1)
    assert torch.allclose(20 * torch.log10(clipped.abs().amax(1) / peaks), decibels, atol=1e-4)
    inside = waves.abs() < clipped.abs().amax(1, keepdim=True)
    assert clipped[inside].equal(waves[inside])
    white = AUGMENTER.white[:150000].view(3, 50000)
    error = add_modulated_noise(waves, -decibels, white) - waves
    assert torch.allclose(20 * torch.log10(waves.norm(dim=1) / error.norm(dim=1)), -decibels, atol=0.3)


def test_white_noise_is_repeated_for_long_crops_and_long_offsets():
    offsets = torch.tensor([0, 2**31 - 1, augmenter.N_WHITE - 1])
    found = AUGMENTER._add_modulated_noise(torch.ones(3, augmenter.N_WHITE + 5), torch.zeros(3), offsets) - 1
    for row, offset in zip(found, offsets.tolist()):
        assert row[:5].equal(row[-5:])
        assert row[0] == pytest.approx(AUGMENTER.white[offset % augmenter.N_WHITE].item(), abs=1e-6)
    assert AUGMENTER.white.std() == pytest.approx(1, abs=0.01) and ViewAugmenter().white.equal(AUGMENTER.white)
    assert "white" not in ViewAugmenter().state_dict()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same():
    drawer = AugmentationSampler(AugmentationSettings(channel=ChannelSettings(mulaw_prob=0.0)))
    rng = np.random.default_rng(0)
    waves, parameters = (
        torch.from_numpy(speechlike(rng, (16, 32000))),
        stack_parameters([drawer(rng, 32000) for _ in range(16)]),
    )
    on_gpu = {name: type(rows)(*(tensor.cuda() for tensor in rows)) for name, rows in parameters.items()}
    found = ViewAugmenter().cuda().augment(waves.cuda(), on_gpu).cpu()
    assert torch.allclose(found, AUGMENTER.augment(waves, parameters), atol=1e-5)
