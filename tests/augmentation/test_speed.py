"""Speed: the samples that were asked for, at another pitch."""

import numpy as np
import pytest

from speechbrain_cadino.augmentation.speed import change_speed, length_before_speed


@pytest.mark.parametrize("factor", [0.5, 0.9, 0.95, 1.0, 1.07, 1.1, 2.0])
def test_speed_gives_exactly_the_samples_asked_for(factor):
    for length in (1, 2, 333, 16000, 48000):
        wave = np.zeros(length_before_speed(length, factor), np.float32)
        assert change_speed(wave, factor, length).shape == (length,)


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_speed_shifts_the_pitch(factor):
    time = np.arange(length_before_speed(16000, factor)) / 16000
    wave = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    shifted = change_speed(wave, factor, 16000)
    assert np.abs(np.fft.rfft(shifted)).argmax() == round(1000 * factor)
    if factor == 1:
        assert (shifted == wave).all()
