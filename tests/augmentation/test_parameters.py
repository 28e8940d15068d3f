from dataclasses import replace

import numpy as np
import pytest

from speechbrain_cadino.augmentation.parameters import (
    GAIN_HERTZ,
    AugmentationSampler,
    band_pass_db,
    draw_channel,
    equaliser_db,
)
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.utils.errors import UserError

PLAIN_CHANNEL = ChannelSettings(
    eq_db=0.0, band_prob=0.0, level_db=None, clip_prob=0.0, mulaw_prob=0.0, mnru_prob=0.0
)  # a channel that does nothing; each test turns on one thing


def noise(rng, length):
    return np.full(length, rng.random(), np.float32), ("noise", "speech", "music")[rng.integers(3)]


def rirs(rng):
    return np.array([1, rng.random()], np.float32)


def draws(settings, n=1000, length=4):
    drawer = AugmentationSampler(settings, noise, rirs)
    return [drawer(np.random.default_rng(seed), length) for seed in range(n)]


def channels(**changes):
    settings = replace(PLAIN_CHANNEL, **changes)
    return [draw_channel(np.random.default_rng(seed), settings, "gain") for seed in range(1000)]


def fraction(name, found):
    return sum(name in drawn for drawn in found) / len(found)


@pytest.mark.parametrize("rir_prob, noise_prob", [(0.5, 0.5), (0.2, 0.3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_a_crop_gets_a_room_or_noise_as_often_as_said(rir_prob, noise_prob):
    found = draws(AugmentationSettings(rir_prob, noise_prob))
    assert fraction("rir", found) == pytest.approx(rir_prob, abs=0.05)
    assert fraction("noise", found) == pytest.approx(noise_prob, abs=0.05)
    assert not any("rir" in drawn and "noise" in drawn for drawn in found)
    assert all(("noise" in drawn) == ("snr_db" in drawn) for drawn in found)


def test_the_ratio_of_noise_follows_its_kind():
    limits = {"noise": (0, 1), "speech": (10, 11), "music": (20, 21)}
    found = np.array([float(drawn["snr_db"]) for drawn in draws(AugmentationSettings(0.0, 1.0, limits))])
    whole, part = np.divmod(found, 10)
    assert set(whole) == {0, 1, 2} and part.max() <= 1 and part.min() < 0.1 and part.max() > 0.9


def test_an_unknown_kind_of_noise_is_an_error():
    with pytest.raises(UserError, match="snr_db has no range"):
        draws(AugmentationSettings(0.0, 1.0, {"babble": (0, 1)}))


def test_draws_hang_on_the_generator_alone():
    settings = AugmentationSettings(channel=ChannelSettings())
    for one, two in zip(draws(settings, 50), draws(settings, 50)):
        assert one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)


def test_nothing_given_means_generated_noise_and_rooms():
    drawer = AugmentationSampler(AugmentationSettings())
    found = [drawer(np.random.default_rng(seed), 300) for seed in range(10)]
    assert any(len(drawn.get("rir", ())) > 1000 for drawn in found)
    assert any(drawn["noise"].shape == (300,) and drawn["noise"].std() > 0 for drawn in found if "noise" in drawn)


@pytest.mark.parametrize("channel_prob", [0.0, 0.3, 1.0])
def test_channel_gains_go_with_what_they_filter(channel_prob):
    found = draws(AugmentationSettings(0.5, 0.3, channel=replace(PLAIN_CHANNEL, channel_prob=channel_prob, eq_db=5.0)))
    assert all(("rir" in drawn) == ("rir_gain" in drawn) for drawn in found)
    filtered = [drawn for drawn in found if "gain" in drawn or (drawn.get("rir_gain", np.ones(1)) != 1).any()]
    assert len(filtered) / len(found) == pytest.approx(channel_prob, abs=0.05)
    assert not any("gain" in drawn and "rir" in drawn for drawn in found)


def test_a_channel_with_all_off_does_nothing():
    assert not any(channels())


def test_equaliser_spreads_as_said():
    for eq_db in (2.0, 8.0):
        gains = 20 * np.log10([drawn["gain"] for drawn in channels(eq_db=eq_db)])
        assert gains[:, [0, -1]].std() == pytest.approx(eq_db, rel=0.07)  # at both ends there is a knot
    assert len(equaliser_db(np.zeros(3))) == len(GAIN_HERTZ)


def test_knots_are_spaced_in_log_frequency():
    coarse = equaliser_db(np.array([0.0, 10.0]))
    octaves = coarse[[16, 32, 64, 128, 256]]  # 500 to 8000 Hz
    assert np.allclose(np.diff(octaves), 10 / np.log2(80)) and (coarse[:4] == 0).all() and coarse[-1] == 10
    wiggles = [np.abs(np.diff(np.sign(np.diff(drawn["gain"])))).sum() for drawn in channels(eq_db=5.0, n_knots=12)]
    smooth = [np.abs(np.diff(np.sign(np.diff(drawn["gain"])))).sum() for drawn in channels(eq_db=5.0, n_knots=3)]
    assert np.mean(wiggles) > 3 * np.mean(smooth)


def test_band_pass_has_its_edges_where_said():
    gain = band_pass_db(312.5, 3406.25)
    assert gain[10] == pytest.approx(-3.01, abs=0.01) and gain[109] == pytest.approx(-3.01, abs=0.01)
    assert np.abs(gain[20:80]).max() < 0.1 and gain[5] < -40 and gain[218] < -40 and gain.min() >= -100
    found = channels(band_prob=0.4, band_low=(100, 200), band_high=(3000, 3300))
    assert fraction("gain", found) == pytest.approx(0.4, abs=0.05)
    half = np.array([drawn["gain"] for drawn in found if drawn]) >= 0.5**0.5
    lows, highs = GAIN_HERTZ[half.argmax(1)], GAIN_HERTZ[len(GAIN_HERTZ) - 1 - half[:, ::-1].argmax(1)]
    assert 100 <= lows.min() < 130 and 190 < lows.max() < 232  # the frequencies lie 31.25 Hz apart
    assert 2968 < highs.min() < 3030 and 3260 < highs.max() <= 3300


def test_level_clipping_and_codec_are_drawn_as_said():
    found = channels(level_db=(-30, -20), clip_prob=0.3, clip_db=(2, 4))
    assert fraction("level_db", found) == 1 and fraction("clip_db", found) == pytest.approx(0.3, abs=0.05)
    for name, low, high in (("level_db", -30, -20), ("clip_db", 2, 4)):
        values = [drawn[name] for drawn in found if name in drawn]
        margin = 0.02 * (high - low)
        assert low <= min(values) < low + margin and high - margin < max(values) <= high

    found = channels(mulaw_prob=0.2, mulaw_bits=(5, 7), mnru_prob=0.5, mnru_db=(8, 9))
    assert fraction("mulaw_bits", found) == pytest.approx(0.2, abs=0.05)
    assert fraction("mnru_db", found) == fraction("mnru_offset", found) == pytest.approx(0.5, abs=0.05)
    assert {int(drawn["mulaw_bits"]) for drawn in found if "mulaw_bits" in drawn} == {5, 7}
    assert all(8 <= drawn["mnru_db"] <= 9 for drawn in found if "mnru_db" in drawn)
    assert not any("mulaw_bits" in drawn and "mnru_db" in drawn for drawn in found)
    assert len({int(drawn["mnru_offset"]) for drawn in found if "mnru_db" in drawn}) > 400
