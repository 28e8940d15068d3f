"""The baseline that every encoder must beat: mean and deviation over time of MFCCs."""

import numpy as np
import torch
from speechbrain.lobes.features import MFCC

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy

SAMPLE_RATE = 16000


def mfcc_statistics(waves, n_mfcc=20, deltas=True):
    """Describe each utterance by the mean and the standard deviation over time of its MFCCs.

    Arguments
    ---------
    waves : iterable of np.ndarray or torch.Tensor
        Whole utterances, (time,) each, 16 kHz; taken one by one, so a generator that reads files will do.
    n_mfcc : int
        Cepstral coefficients, the zeroth included.
    deltas : bool
        Append their first and second differences in time.

    Returns
    -------
    np.ndarray
        (n_utterances, dim) float32; dim is 2 n_mfcc, or 6 n_mfcc with deltas: all means, then all deviations.

    Raises
    ------
    UserError
        If a wave is empty.

    Example
    -------
    >>> mfcc_statistics([np.random.default_rng(0).standard_normal(16000)]).shape
    (1, 120)
    """
    compute = MFCC(sample_rate=SAMPLE_RATE, n_mfcc=n_mfcc, n_mels=40, deltas=deltas, context=False)
    rows = []
    for number, wave in enumerate(waves):
        wave = torch.as_tensor(wave, dtype=torch.float32)
        if wave.ndim != 1 or not len(wave):
            raise UserError(f"Utterance {number} has the shape {tuple(wave.shape)}: give (time,) samples, at least one.")
        frames = compute(wave[None])[0]
        rows.append(torch.cat([frames.mean(0), frames.std(0, correction=0)]))
    return torch.stack(rows).numpy()


def standardise(statistics, training_statistics):
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
        (n_utterances, dim) float32. A dimension that is constant in training is only centred.

    Example
    -------
    >>> standardise(np.array([[3.0]]), np.array([[0.0], [2.0]]))
    array([[2.]], dtype=float32)
    """
    training_statistics = to_numpy(training_statistics, np.float64)
    spread = training_statistics.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    return ((to_numpy(statistics) - training_statistics.mean(axis=0)) / spread).astype(np.float32)
