"""The baseline that every encoder must beat: mean and deviation over time of MFCCs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from speechbrain.lobes.features import MFCC

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy

N_MFCC = 20  # the zeroth included
N_MELS = 24


def mfcc_statistics(waves: Iterable[np.ndarray] | torch.Tensor, f_max: float = SAMPLE_RATE / 2) -> np.ndarray:
    """Describe each utterance by statistics over time of 20 MFCCs (SpeechBrain's, 25 ms / 10 ms, 24 mel bands).

    The mean of the coefficients, then the standard deviation of the coefficients, of their first and of their second
    differences. The means of the differences only tell the first frame from the last, so they are left out.

    Arguments
    ---------
    waves : iterable of np.ndarray or torch.Tensor
        Whole utterances, (time,) each, 16 kHz; taken one by one, so a generator that reads files will do.
    f_max : float
        Upper frequency of the mel bands in Hz; give the encoder's for a fair comparison.

    Returns
    -------
    np.ndarray
        (n_utterances, 80) float32.

    Raises
    ------
    UserError
        If a wave is empty or not one channel.

    Example
    -------
    >>> mfcc_statistics([np.random.default_rng(0).standard_normal(16000)]).shape
    (1, 80)
    """
    compute = MFCC(sample_rate=SAMPLE_RATE, n_mfcc=N_MFCC, n_mels=N_MELS, f_max=f_max, deltas=True, context=False)
    rows = [_statistics(compute, torch.as_tensor(wave, dtype=torch.float32), at) for at, wave in enumerate(waves)]
    return torch.stack(rows).numpy() if rows else np.empty((0, 4 * N_MFCC), dtype=np.float32)


def standardise(statistics: np.ndarray, training_statistics: np.ndarray) -> np.ndarray:
    """Give each dimension the training corpus' mean 0 and deviation 1, ready for cosine scores.

    Arguments
    ---------
    statistics : np.ndarray
        (n_utterances, dim)
    training_statistics : np.ndarray
        (n_training_utterances, dim)

    Returns
    -------
    np.ndarray
        (n_utterances, dim) float32. A dimension that is constant in training is only centered.

    Example
    -------
    >>> standardise(np.array([[3.0]]), np.array([[0.0], [2.0]]))
    array([[2.]], dtype=float32)
    """
    training_statistics = to_numpy(training_statistics, np.float64)
    spread = training_statistics.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    return ((to_numpy(statistics) - training_statistics.mean(axis=0)) / spread).astype(np.float32)


def _statistics(compute, wave, number):
    if wave.ndim != 1 or not len(wave):
        raise UserError(f"Utterance {number} has the shape {tuple(wave.shape)}: give (time,) samples, at least one.")
    frames = compute(wave[None])[0]
    return torch.cat([frames[:, :N_MFCC].mean(0), frames.std(0, correction=0)])
