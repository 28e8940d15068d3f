"""A small source-filter synthesiser: speakers that differ as speakers do, without any library. For tests, and demos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import lfilter, sosfilt

from speechbrain_cadino.corpus.audio import SAMPLE_RATE

# Formants in Hz of an adult man's vowels, rounded from the usual tables; a letter is a sound.
VOWELS = {"a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010), "o": (570, 840, 2410)}
VOWELS.update({"u": (300, 870, 2240), "y": (390, 1990, 2550)})
VOICED_CONSONANTS = {"m": (250, 1000, 2200), "n": (250, 1500, 2500), "l": (360, 1300, 2700), "r": (330, 1200, 1600)}
VOICED_CONSONANTS.update({"w": (290, 610, 2150), "b": (200, 900, 2300), "d": (200, 1700, 2600), "g": (200, 2000, 2400)})
NOISES = {"s": 5500, "f": 3500, "h": 1500, "c": 3000, "z": 5000, "x": 4500, "v": 3000, "j": 3200}  # Hz, center
STOPS = {"p": 1200, "t": 4000, "k": 2200, "q": 2000}  # Hz, center of the burst
BANDWIDTHS = (80, 110, 160, 250)  # Hz
HIGHER_FORMANT = 3500


class SourceFilterSpeaker(NamedTuple):
    """One speaker: f0 in Hz, its range in octaves, a scale for each formant, spectral tilt (0 to 1), and so on.

    Jitter is in octaves, breath relative to the pulses, the rate in letters a second.
    """

    sex: str
    f0: float
    f0_range: float
    formant_scales: tuple
    tilt: float
    jitter: float
    breath: float
    rate: float


class SourceFilter:
    """Draws speakers and says words; the same numbers every time for the same generators.

    Example
    -------
    >>> synthesiser = SourceFilter()
    >>> speaker = synthesiser.draw_speaker(np.random.default_rng(0), 0)
    >>> synthesiser.say(speaker, ["one", "two"]).dtype
    dtype('float32')
    """

    name = "source_filter 1"
    words_per_second = 2.2

    def draw_speaker(self, rng: np.random.Generator, index: int):
        """A speaker, women and men in turn; the arguments are those of `Espeak.draw_speaker`."""
        female = index % 2 == 0
        return SourceFilterSpeaker(
            sex="female" if female else "male",
            f0=float(rng.uniform(165, 250) if female else rng.uniform(80, 145)),
            f0_range=float(rng.uniform(0.1, 0.5)),
            formant_scales=tuple((1.16 if female else 1.0) * rng.uniform(0.88, 1.12) * rng.uniform(0.9, 1.1, 4)),
            tilt=float(rng.uniform(0.3, 0.95)),
            jitter=float(rng.uniform(0.002, 0.03)),
            breath=float(rng.uniform(0.01, 0.3)),
            rate=float(rng.uniform(9, 14)),
        )

    def say(self, speaker: Any, words: Sequence[str]) -> np.ndarray:
        """Say a list of words; returns the wave at 16 kHz, (time,) float32, peak 0.5."""
        rng = np.random.default_rng(list(" ".join(words).encode()))
        letters = [letter for word in words for letter in word + " "]
        lengths = (SAMPLE_RATE / speaker.rate * rng.uniform(0.7, 1.3, len(letters))).astype(int)
        source = _voice_source(speaker, int(lengths.sum()), rng)
        pieces, start = [], 0
        tract = np.zeros((len(BANDWIDTHS), 2))  # the resonators' state goes on from sound to sound
        for letter, length in zip(letters, lengths):
            sound, tract = _sound(letter, source[start : start + length], tract, speaker, rng)
            pieces.append(sound)
            start += length
        wave = np.concatenate(pieces)
        return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def _voice_source(speaker, length, rng):
    """Glottal pulses with a drifting f0, jitter, tilt and breath, (length,)."""
    knots = rng.normal(0, speaker.f0_range / 2, length // (SAMPLE_RATE // 4) + 2)
    octaves = np.interp(np.arange(length), np.linspace(0, length, len(knots)), knots)
    octaves += speaker.jitter * rng.standard_normal(length // 100 + 1).repeat(100)[:length]
    phase = np.cumsum(speaker.f0 * 2**octaves) / SAMPLE_RATE
    pulses = np.diff(np.floor(phase), prepend=0)
    return lfilter([1 - speaker.tilt], [1, -speaker.tilt], pulses + speaker.breath * rng.standard_normal(length) * 0.3)


def _sound(letter, source, tract, speaker, rng):
    """One letter's sound and the state that the resonators are left in."""
    formants = VOWELS.get(letter) or VOICED_CONSONANTS.get(letter)
    if formants:
        loudness = 1.0 if letter in VOWELS else 0.4
        return _resonate(loudness * source, formants, tract, speaker)
    silence, tract = _resonate(np.zeros(len(source)), VOWELS["a"], tract, speaker)  # what still rings
    noise = rng.standard_normal(len(source))
    if letter in NOISES:
        return silence + 0.05 * _band(noise, NOISES[letter] * speaker.formant_scales[3]), tract
    if letter in STOPS:
        burst = np.exp(-np.arange(len(source))[::-1] / (0.015 * SAMPLE_RATE))
        return silence + 0.2 * _band(noise * burst, STOPS[letter] * speaker.formant_scales[3]), tract
    return silence, tract


def _resonate(source, formants, tract, speaker):
    """A cascade of two-pole resonators of unit gain at 0 Hz."""
    frequencies = np.minimum(np.array([*formants, HIGHER_FORMANT]) * speaker.formant_scales, 0.45 * SAMPLE_RATE)
    radii = np.exp(-np.pi * np.array(BANDWIDTHS) / SAMPLE_RATE)
    poles = np.stack([np.ones(4), -2 * radii * np.cos(2 * np.pi * frequencies / SAMPLE_RATE), radii**2], axis=1)
    zeros = np.zeros((4, 3))
    zeros[:, 0] = poles.sum(axis=1)
    return sosfilt(np.hstack([zeros, poles]), source, zi=tract)


def _band(noise, frequency):
    """Noise around a frequency, by one resonator."""
    radius, angle = 0.9, 2 * np.pi * min(frequency, 0.45 * SAMPLE_RATE) / SAMPLE_RATE
    return lfilter([1 - radius, 0, radius - 1], [1, -2 * radius * np.cos(angle), radius**2], noise)
