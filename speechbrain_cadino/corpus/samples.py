"""Samples of waves as they come from elsewhere, on the scale that is used here."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError

FULL_SCALE = {
    np.dtype(name): scale for name, scale in (("uint8", 2**7), ("int8", 2**7), ("int16", 2**15), ("int32", 2**31))
}


def as_float(wave: np.ndarray, name: str) -> np.ndarray:
    """Samples of any of these types as float32; those of 8, 16 and 32 bits are scaled to [-1, 1].

    Arguments
    ---------
    wave : np.ndarray
        Of any shape.
    name : str
        What the wave is called, for the message.

    Returns
    -------
    np.ndarray of float32

    Raises
    ------
    UserError
        If they are of another type, such as int64, of which nobody knows the full scale.

    Example
    -------
    >>> as_float(np.array([0, 128, 192], np.uint8), "The wave").tolist()
    [-1.0, 0.0, 0.5]
    """
    if wave.dtype.kind == "f":
        return wave.astype(np.float32)
    if wave.dtype not in FULL_SCALE:
        raise UserError(f"{name} has the type {wave.dtype}: give floating point in [-1, 1], or int16 as files have it.")
    return (wave.astype(np.float64) - 128 * (wave.dtype == np.uint8)).astype(np.float32) / FULL_SCALE[wave.dtype]


def resampled(wave: Any, rate: float, name: str) -> np.ndarray:
    """A tensor or array (time,) of samples, as of `as_float`, at 16 kHz; one of another shape is left to be refused."""
    if hasattr(wave, "detach"):
        wave = wave.detach().cpu()
        wave = wave.float() if str(wave.dtype) == "torch.bfloat16" else wave  # numpy has no such type
    wave = as_float(np.asarray(wave), name)
    return wave if rate == SAMPLE_RATE or wave.ndim != 1 else soxr.resample(wave, rate, SAMPLE_RATE)
