"""The calibration of an encoder, on other audio than its clusters were found by."""

from __future__ import annotations

import logging

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.augmented import embed_augmented, excerpt_lengths
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.training.clustered import Clustered
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.calibration import Calibration, fit_calibration
from speechbrain_cadino.verification.scoring import cosine_scores

logger = logging.getLogger(__name__)

FEWEST_PAIRS = 20  # different ones of one speaker, and of two, without which coefficients would be those of chance


def calibrate(
    encoder: SpeakerEncoderNet, mean: np.ndarray, clustered: Clustered, manifest: Manifest, sides: tuple, seed: int
) -> Calibration | None:
    """Fit a `Calibration` on an augmented excerpt of each utterance.

    Arguments
    ---------
    encoder : SpeakerEncoderNet
    mean : np.ndarray
        (embedding_dim,), which is subtracted from its embeddings.
    clustered : Clustered
        Whose augmentation the excerpts go through.
    manifest : Manifest
        The utterances.
    sides : ((np.ndarray, np.ndarray), (np.ndarray, np.ndarray))
        Pairs of one speaker and pairs of two: (pairs,) utterances each.
    seed : int

    Returns
    -------
    Calibration or None
        None, with a warning, if the pairs are few or tell nothing.
    """
    sides = [np.stack(pairs) for pairs in sides]
    rows, places = np.unique(np.concatenate(sides, axis=1), return_inverse=True)
    heard = manifest.subset(rows)
    totals = heard.stops - heard.starts
    lengths = excerpt_lengths(totals, seed)
    seconds = np.minimum(lengths, totals) / SAMPLE_RATE  # a short utterance is repeated, and says no more for that
    excerpts = embed_augmented(encoder, heard, lengths, clustered.augment, clustered.augmenter, seed)
    read = np.isfinite(excerpts).all(axis=1)
    sides = np.split(places.reshape(2, -1), [sides[0].shape[1]], axis=1)
    sides = [pairs[:, read[pairs].all(axis=0)] for pairs in sides]
    try:
        for pairs, whose in zip(sides, ("one cluster", "two clusters")):
            different = np.unique(np.sort(pairs, axis=0), axis=1).shape[1]
            if different < FEWEST_PAIRS:
                raise UserError(f"There are {different} pairs of {whose}, and {FEWEST_PAIRS} are needed.")
        scores = [cosine_scores(np.nan_to_num(excerpts), *pairs, mean) for pairs in sides]
        return fit_calibration(*scores, *(seconds[pairs] for pairs in sides))
    except UserError as error:
        logger.warning("The encoder gets no probabilities: %s", error)
        return None
