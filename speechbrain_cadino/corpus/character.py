"""What a corpus sounds like, by a few of its utterances: whether it looks like speech, and what band it has. No labels.

Four crude measures, each known from the literature on telling speech from music (Saunders 1996; Scheirer and Slaney,
1997): pauses, a moving envelope, a moving spectrum, and voiced beside unvoiced sounds. Bounds are our choice: of two
corpora of recordings and two synthesised ones 90 to 98 % of the utterances lie within, of noise and music that was
synthesised for the comparison 0 to 37 %.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.store import FileStore

WINDOW, HOP, N_FFT = 400, 160, 512
LOUD_DB = 35  # frames within so many dB of the loudest are heard
PITCH = slice(40, 267)  # lags of 60 to 400 Hz
BOUNDS = {
    "envelope_db": (5.5, np.inf),  # standard deviation of the level of frames
    "low_energy": (0.35, 1.0),  # fraction of frames under half the mean energy
    "centroid_octaves": (0.4, np.inf),  # standard deviation of the spectrum's centroid over loud frames
    "voiced": (0.3, 0.95),  # fraction of loud frames that are periodic
}
NARROW_DB = -45.0  # above 4.3 kHz against the telephone band


class Character(NamedTuple):
    """Fractions of the utterances that were heard.

    ``speechlike``: they look like speech; ``narrow``: with nothing above the telephone's band; ``distinct``: different
    ones, copies counting once.
    """

    speechlike: float
    narrow: float
    distinct: float


def listen_to(manifest: Manifest, seed: int = 0, n_utterances: int = 64, seconds: float = 10.0) -> Character:
    """Listen to some utterances of a manifest, a `Character` of zeros if none can be read.

    Arguments
    ---------
    manifest : Manifest
    seed : int
        Of the draw.
    n_utterances : int
    seconds : float
        How much of each is heard, from its middle.
    """
    store = FileStore(manifest)
    heard, waves = [], set()
    for utterance in np.random.default_rng(seed).permutation(len(store))[:n_utterances].tolist():
        total, most = int(store.lengths[utterance]), round(seconds * SAMPLE_RATE)
        start = max(0, total - most) // 2
        try:
            wave = store.read(utterance, start, min(total, start + most))
        except AudioError:  # training replaces it, and tells
            continue
        measures = measure(wave)
        if measures is not None:
            heard.append((looks_like_speech(measures), measures["high_band_db"] < NARROW_DB))
            waves.add(hashlib.sha256(wave.tobytes()).digest())
    if not heard:
        return Character(0.0, 0.0, 0.0)
    return Character(*np.mean(heard, axis=0).tolist(), distinct=len(waves) / len(heard))


def looks_like_speech(measures: dict[str, float]) -> bool:
    """Whether measures, as of `measure`, are within the bounds."""
    return all(low < measures[name] < high for name, (low, high) in BOUNDS.items())


def measure(wave: np.ndarray) -> dict[str, float] | None:
    """The measures of a wave (time,) at 16 kHz, a dict; None if it is silent or under a tenth of a second.

    Example
    -------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> looks_like_speech(measure(noise))
    False
    """
    wave = np.asarray(wave, dtype=np.float64) - np.mean(wave) if len(wave) else np.zeros(0)
    if len(wave) < SAMPLE_RATE // 10 or not wave.any():
        return None
    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, N_FFT)) ** 2
    hertz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    band = (hertz > 150) & (hertz < 3800)
    energy = power[:, band].sum(axis=1) + 1e-12
    level = 10 * np.log10(energy)
    loud = level > level.max() - LOUD_DB
    centroid = (power[:, band] @ np.log2(hertz[band])) / energy
    total = power.sum(axis=0)
    high, telephone = total[hertz > 4300].sum(), total[(hertz > 300) & (hertz < 3400)].sum()
    return {
        "envelope_db": np.maximum(level, level.max() - 50).std(),
        "low_energy": (energy < 0.5 * energy.mean()).mean(),
        "centroid_octaves": centroid[loud].std(),
        "voiced": _periodicity(frames[loud]),
        "high_band_db": 10 * np.log10((high + 1e-12) / (telephone + 1e-12)),
    }


def _periodicity(frames):
    """Fraction of windowed frames (n, time) whose autocorrelation has a peak over 0.6 at a pitch, window undone."""
    n_fft = 1 << (2 * frames.shape[1] - 1).bit_length()
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(frames.shape[1]), n_fft)) ** 2)
    own = np.fft.irfft(np.abs(np.fft.rfft(frames, n_fft, axis=1)) ** 2, axis=1)
    peak = (own[:, PITCH] / (window[PITCH] / window[0]) / (own[:, :1] + 1e-12)).max(axis=1)
    return (peak > 0.6).mean()
