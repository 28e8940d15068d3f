"""Session channels."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.demo.channel import Channel, apply_channel, draw_channel


def noise(length, seed=0):
    return np.random.default_rng(seed).standard_normal(length).astype(np.float32)


def spectrum(wave):
    """Power in 20 bands, dB, without the overall level."""
    power = np.abs(np.fft.rfft(wave))[: len(wave) // 2] ** 2
    decibels = 10 * np.log10([band.mean() for band in np.array_split(power, 20)])
    return decibels - decibels.mean()


def through(wave, seed, strength=1.0):
    rng = np.random.default_rng(seed)
    return apply_channel(wave, draw_channel(rng, strength), rng)


def test_strength_zero_changes_the_gain_alone():
    wave = noise(16000)
    heard = through(wave, seed=1, strength=0)
    np.testing.assert_allclose(heard / np.abs(heard).max(), wave / np.abs(wave).max(), atol=2e-3)
    assert heard.dtype == np.float32 and len(heard) == len(wave)


def test_gains_differ_between_channels_and_stay_below_full_scale():
    peaks = [np.abs(through(noise(4000), seed)).max() for seed in range(30)]
    assert max(peaks) < 10 ** (-1 / 20) + 1e-4 and min(peaks) > 0.099 and np.std(peaks) > 0.1


@pytest.mark.parametrize("weak, strong", [(0.3, 1.0), (1.0, 2.0)])
def test_more_strength_changes_the_spectrum_more(weak, strong):
    wave = noise(32000)
    change = {
        strength: np.mean([np.std(spectrum(through(wave, seed, strength)) - spectrum(wave)) for seed in range(12)])
        for strength in (weak, strong)
    }
    assert change[strong] > 1.3 * change[weak]


def test_a_channel_is_the_same_for_all_that_a_session_records():
    channel = draw_channel(np.random.default_rng(3))
    one, other = (spectrum(apply_channel(noise(64000, seed), channel, np.random.default_rng(seed))) for seed in (4, 5))
    assert np.corrcoef(one, other)[0, 1] > 0.97
    assert np.corrcoef(one, spectrum(through(noise(64000, 4), seed=6)))[0, 1] < 0.9


@pytest.mark.parametrize("snr", [0, 10, 25])
def test_the_noise_floor_has_its_snr(snr):
    unit = np.zeros(255)
    unit[127] = 1
    wave = np.sin(2 * np.pi * 500 * np.arange(32000) / SAMPLE_RATE).astype(np.float32)
    heard = apply_channel(wave, Channel(unit, unit, snr, 0.5), np.random.default_rng(0))
    scale = heard @ wave / (wave @ wave)
    rest = heard - scale * wave
    assert 20 * np.log10(scale * wave.std() / rest.std()) == pytest.approx(snr, abs=0.3)


def test_the_echo_comes_after_the_direct_sound():
    click = np.zeros(16000, dtype=np.float32)
    click[4000] = 1
    channel = draw_channel(np.random.default_rng(0))._replace(snr=np.inf)
    heard = apply_channel(click, channel, np.random.default_rng(0))
    energy = np.cumsum(heard.astype(np.float64) ** 2)
    assert abs(int(np.abs(heard).argmax()) - 4000) < 20
    assert energy[3860] < 1e-6 * energy[-1] < 1e-3 * (energy[-1] - energy[4500])
