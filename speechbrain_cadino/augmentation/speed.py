"""Another speed: pitch and formants shift as with another speaker."""

from __future__ import annotations

import math

import numpy as np
import soxr

from speechbrain_cadino.corpus.audio import SAMPLE_RATE


def change_speed(wave: np.ndarray, factor: float, length: int) -> np.ndarray:
    """Play ``wave`` ``factor`` times as fast (pitch and formants shift too) and give its first ``length`` samples.

    Arguments
    ---------
    wave : np.ndarray
        (time,) float32, `length_before_speed` samples.
    factor : float
        1.1 is a tenth faster.
    length : int
        Samples to return.

    Returns
    -------
    np.ndarray, (length,) float32
    """
    return wave[:length] if factor == 1 else soxr.resample(wave, SAMPLE_RATE * factor, SAMPLE_RATE)[:length]


def length_before_speed(length: int, factor: float) -> int:
    """Samples that `change_speed` needs in order to give ``length``; exactly as many if the factor is 1."""
    return length if factor == 1 else math.ceil(length * factor) + 1
