"""Linear filters: the equaliser and the band-pass of a channel, and the response of a room, in one transform."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import next_fast_len
from torch import nn

from speechbrain_cadino.augmentation.levels import TINY, rms
from speechbrain_cadino.corpus.audio import SAMPLE_RATE

# Frequencies at which a channel's gain is given: every 31.25 Hz, so that its impulse response is about 32 ms long.
GAIN_HERTZ = np.linspace(0, SAMPLE_RATE / 2, 257)
LOWEST_KNOT = 100.0
LOG_HERTZ = np.log(np.maximum(GAIN_HERTZ, LOWEST_KNOT))
BAND_ORDER = 8  # 48 dB an octave, about as steep as a telephone channel's edges
# Room after a crop for a channel's impulse response, which reaches about 256 samples to both sides.
GUARD = 512


def filter_crops(
    waves: torch.Tensor, gains: torch.Tensor | None = None, responses: torch.Tensor | None = None
) -> torch.Tensor:
    """Pass each crop through its own filters with one transform; its level (RMS) and its timing stay.

    Arguments
    ---------
    waves : torch.Tensor
        (batch, time).
    gains : torch.Tensor or None
        (batch, n), gain without phase shift at n frequencies evenly spaced from 0 to 8 kHz; linear between them.
    responses : torch.Tensor or None
        (batch, any), impulse responses of rooms, direct path first.

    Returns
    -------
    torch.Tensor, (batch, time)
    """
    length = waves.shape[1]
    needed = length + (0 if gains is None else GUARD) + (0 if responses is None else responses.shape[1] - 1)
    size = next_fast_len(needed, real=True)
    spectra = torch.fft.rfft(waves, size)
    if responses is not None:
        spectra *= torch.fft.rfft(responses, size)
    if gains is not None:
        spectra *= nn.functional.interpolate(gains[:, None], spectra.shape[1], mode="linear", align_corners=True)[:, 0]
    filtered = torch.fft.irfft(spectra, size)[:, :length]
    return filtered * (rms(waves) / rms(filtered).clamp_min(TINY))


def equaliser_db(knots_db: np.ndarray) -> np.ndarray:
    """Gain at `GAIN_HERTZ`, dB, linear over log frequency between knots from 100 Hz to 8 kHz, level below."""
    return np.interp(LOG_HERTZ, np.linspace(LOG_HERTZ[0], LOG_HERTZ[-1], len(knots_db)), knots_db)


def band_pass_db(low: float, high: float) -> np.ndarray:
    """Gain at `GAIN_HERTZ`, dB, of Butterworth edges, -3 dB at ``low`` and ``high`` Hz; at most 100 dB down."""
    below = (low / np.maximum(GAIN_HERTZ, 1)) ** (2 * BAND_ORDER)
    above = (GAIN_HERTZ / high) ** (2 * BAND_ORDER)
    return np.maximum(-10 * np.log10((1 + below) * (1 + above)), -100)
