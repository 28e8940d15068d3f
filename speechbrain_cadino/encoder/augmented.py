"""Embeddings of excerpts that have been augmented, each on its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.batch import stack_parameters
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError
from speechbrain_cadino.corpus.excerpts import draw_starts, read_excerpts
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.store import FileStore
from speechbrain_cadino.encoder.embed import evaluating, read_ahead
from speechbrain_cadino.encoder.model import SpeakerEncoderNet

BATCH_SECONDS = 100
THREADS = 4
STREAM = 1  # of the random numbers of a seed and a row: not that of the crops of `Compensation`
SHORTEST, LONGEST, STEP = 1.5, 20.0, 1.25  # seconds; each length is STEP times the one before, the last 17.5


def augmented_features(
    net: SpeakerEncoderNet, augmenter: ViewAugmenter, waves: np.ndarray, parameters: Sequence[dict]
) -> torch.Tensor:
    """Augment waves and give their features, on the device of the encoder.

    Arguments
    ---------
    net : SpeakerEncoderNet
    augmenter : ViewAugmenter
        On that device.
    waves : np.ndarray
        (batch, time) float32.
    parameters : sequence of dict
        What is done to each, of an `AugmentationSampler`.

    Returns
    -------
    torch.Tensor
        (batch, frames, mels)
    """
    device = next(net.parameters()).device
    stacked = stack_parameters(list(parameters))
    moved = {name: type(rows)(*(tensor.to(device) for tensor in rows)) for name, rows in stacked.items()}
    return net.features(augmenter.augment(torch.from_numpy(waves).to(device), moved))


@torch.no_grad()
def embed_augmented(
    net: SpeakerEncoderNet,
    manifest: Manifest,
    lengths: np.ndarray,
    augment: AugmentationSampler | None,
    augmenter: ViewAugmenter,
    seed: int = 0,
) -> np.ndarray:
    """One augmented excerpt of each utterance, embedded. Excerpt and augmentation follow the seed and the row alone.

    Arguments
    ---------
    net : SpeakerEncoderNet
        Its modules' modes are put back afterwards.
    manifest : Manifest
    lengths : np.ndarray
        (n,) int64: samples of each excerpt. Those of equal length share a batch.
    augment : AugmentationSampler or None
        None: excerpts as they are.
    augmenter : ViewAugmenter
        Moved to the device of the encoder.
    seed : int

    Returns
    -------
    np.ndarray
        (n, embedding_dim) float32; NaN where an utterance cannot be read.
    """
    augmenter.to(next(net.parameters()).device)
    cut = partial(_cut, FileStore(manifest), lengths, augment, seed)
    found = np.full((len(manifest), net.embedding_dim), np.nan, dtype=np.float32)
    with evaluating(net):
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            size = max(1, int(BATCH_SECONDS * SAMPLE_RATE / length))
            for start in range(0, len(rows), size):
                cuts = list(filter(None, read_ahead(cut, rows[start : start + size].tolist(), THREADS)))
                if cuts:
                    items, waves, parameters = zip(*cuts)
                    features = augmented_features(net, augmenter, np.stack(waves), parameters)
                    found[list(items)] = net.embed(features).float().cpu().numpy()
    return found


def excerpt_lengths(totals: np.ndarray, seed: int) -> np.ndarray:
    """A length for an excerpt of each utterance: any of a series, as probable as any other that fits.

    Arguments
    ---------
    totals : np.ndarray
        (n,) int64: samples of the utterances.
    seed : int

    Returns
    -------
    np.ndarray
        (n,) int64 samples; the shortest of the series for an utterance that is shorter.

    Example
    -------
    >>> excerpt_lengths(np.array([8000, 24000]), seed=0).tolist()
    [24000, 24000]
    """
    n_steps = int(np.log(LONGEST / SHORTEST) / np.log(STEP)) + 1
    series = (SHORTEST * SAMPLE_RATE * STEP ** np.arange(n_steps)).astype(np.int64)
    fitting = np.maximum(1, np.searchsorted(series, totals, side="right"))
    return series[np.random.default_rng(seed).integers(fitting)]


def draw_excerpts(store: FileStore, row: int, lengths: np.ndarray, rng: np.random.Generator) -> list[np.ndarray] | None:
    """Excerpts of an utterance, float32, of ``lengths`` (n,) samples; None if it cannot be read."""
    total = int(store.lengths[row])
    try:
        return read_excerpts(partial(store.read, row), total, draw_starts(rng, total, lengths), lengths)
    except AudioError:  # extraction tells of it
        return None


def _cut(store, lengths, augment, seed, row):
    """A row, its excerpt (time,), and what is to be done to it; None if it cannot be read."""
    rng, length = np.random.default_rng([seed, row, STREAM]), lengths[row : row + 1]
    excerpts = draw_excerpts(store, row, length, rng)
    return excerpts and (row, excerpts[0], augment(rng, int(length[0])) if augment else {})
