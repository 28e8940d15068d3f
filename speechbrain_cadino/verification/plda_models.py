"""Trials of models that were enrolled by several utterances, scored by PLDA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.plda import PLDA

BLOCK = 2**16  # trials whose sides are in memory at once


def score_models(
    embeddings: torch.Tensor | np.ndarray, trials: Trials, plda: PLDA, files: Sequence[Sequence[int]]
) -> np.ndarray:
    """Score trials whose sides may have several utterances each, by PLDA: the ratio is that of all of them.

    Arguments
    ---------
    embeddings : torch.Tensor or np.ndarray
        (n, dim), one an utterance.
    trials : Trials
    plda : PLDA
    files : sequence of sequence of int
        For each of ``trials.utterances``, which are then names of models, its rows of ``embeddings``; one or more.

    Returns
    -------
    np.ndarray
        (n_trials,) float32.
    """
    if len(files) != len(trials.utterances) or not all(map(len, files)):
        raise UserError(f"{len(files)} models for {len(trials.utterances)} names: give each name one file or more.")
    latent, counts = plda.latent(embeddings), np.array([len(rows) for rows in files])
    means = np.stack([latent[list(rows)].mean(axis=0) for rows in files])
    scores = np.empty(len(trials.enrol), dtype=np.float32)
    for start in range(0, len(scores), BLOCK):
        block = slice(start, start + BLOCK)
        enrol, test = trials.enrol[block], trials.test[block]
        scores[block] = plda.score(means[enrol], means[test], counts[enrol], counts[test])
    return scores
