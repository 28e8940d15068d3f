"""The channel of a recording session: equaliser, echo, noise floor and gain, one draw for all that it records."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import firwin2, oaconvolve

from speechbrain_cadino.corpus.audio import SAMPLE_RATE

EQUALISER_TAPS = 255  # 16 ms: down to about 100 Hz
EQUALISER_POINTS = (0, 150, 300, 600, 1000, 1700, 2800, 4500, 6500, 8000)  # Hz, at which gains are drawn
NOISE_POINTS = (0, 200, 800, 3000, 8000)


class Channel(NamedTuple):
    """A session's channel.

    Arguments
    ---------
    response : np.ndarray
        Equaliser and echo in one impulse response, (taps,) float64.
    noise_filter : np.ndarray
        What colours white noise, (taps,) float64, of unit energy.
    snr : float
        Signal over noise floor, dB; infinite for none.
    gain : float
        Peak of the result, 1 being full scale.
    """

    response: np.ndarray
    noise_filter: np.ndarray
    snr: float
    gain: float


def draw_channel(rng: np.random.Generator, strength: float = 1.0) -> Channel:
    """Draw the channel of a session.

    Arguments
    ---------
    rng : np.random.Generator
    strength : float
        0: only the gain differs between sessions. 1: an equaliser of 6 dB standard deviation, an echo of 0.1 to 0.5 s
        that is 3 to 15 dB below the direct sound, 10 to 30 dB of SNR. Above 1: more of each.

    Returns
    -------
    Channel
    """
    response = _filter(EQUALISER_POINTS, rng.normal(0, 6 * strength, len(EQUALISER_POINTS)))
    decay, level = rng.uniform(0.1, 0.5), rng.uniform(-15, -3)
    time = np.arange(int(decay * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.standard_normal(len(time)) * 10 ** (-3 * time / decay)  # 60 dB down after ``decay`` seconds
    echo *= strength * 10 ** (level / 20) / np.linalg.norm(echo)
    echo[0] = 1
    noise_filter = _filter(NOISE_POINTS, rng.normal(0, 10, len(NOISE_POINTS)))
    snr = rng.uniform(10, 30)
    return Channel(
        response=np.convolve(response, echo),
        noise_filter=noise_filter / np.linalg.norm(noise_filter),
        snr=snr - 20 * np.log10(strength) if strength > 0 else np.inf,
        gain=10 ** (rng.uniform(-20, -1) / 20),
    )


def apply_channel(wave: np.ndarray, channel: Channel, rng: np.random.Generator) -> np.ndarray:
    """What the channel makes of a wave.

    Arguments
    ---------
    wave : np.ndarray
        (time,) float32, not silent.
    channel : Channel
    rng : np.random.Generator
        For the noise floor, which is another one for each utterance.

    Returns
    -------
    np.ndarray
        (time,) float32, with the peak at the channel's gain.
    """
    delay = EQUALISER_TAPS // 2
    signal = oaconvolve(wave, channel.response)[delay : delay + len(wave)]
    noise = oaconvolve(rng.standard_normal(len(wave) + EQUALISER_TAPS), channel.noise_filter, mode="valid")[: len(wave)]
    signal = signal + noise * np.sqrt(np.mean(signal**2)) * 10 ** (-channel.snr / 20)
    return (signal * channel.gain / np.abs(signal).max()).astype(np.float32)


def _filter(points, decibels):
    """A linear-phase FIR filter with these gains at these frequencies, its middle tap the undelayed one."""
    return firwin2(EQUALISER_TAPS, points, 10 ** (np.asarray(decibels) / 20), fs=SAMPLE_RATE)
