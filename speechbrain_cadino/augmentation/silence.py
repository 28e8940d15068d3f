"""Noises and room responses without sound, found before training: one of them would wipe a crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, read_audio

LOOK_AT = 3600 * SAMPLE_RATE  # samples of a folder that are decoded beforehand


def why_no_sound(path: str | Path, start: int, stop: int) -> AudioError | None:
    """An `AudioError` if a piece of a file is all zeros, or an offset alone, or cannot be decoded; else None.

    A file of one sample is a room that does nothing.
    """
    try:
        wave = read_audio(path, int(start), int(stop))
    except AudioError as error:
        return error
    silent = not wave.any() or (len(wave) > 1 and np.ptp(wave) == 0)
    return AudioError.of(path, "is silent") if silent else None


def looked_at(wavs: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> list[tuple]:
    """The first rows that together are short enough to be decoded before training."""
    lengths = np.cumsum(stops - starts)
    return list(zip(wavs, starts, stops))[: int(np.searchsorted(lengths, LOOK_AT, side="right"))]
