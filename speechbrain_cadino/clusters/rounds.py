"""Clusters in rounds: made, taken as labels for a `PLDA`, and made again where it has whitened the embeddings."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch

from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.verification.plda import PLDA
from speechbrain_cadino.verification.plda_fit import fit_plda

logger = logging.getLogger(__name__)

SHRINKAGE = 0.1  # of the PLDA, as measured on the page of experiments; none is better for scores
BLOCK = 2**16  # embeddings that are in float64 at once


def cluster_in_rounds(
    cluster: Callable, embeddings: np.ndarray | torch.Tensor, n_rounds: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cluster embeddings; then, so many times, fit PLDA on the clusters, and cluster in the axes of its scores.

    Directions in which the utterances of a cluster differ count less there, as by `Compensation`, but by what differs
    between recordings, not by augmentation; and clusters that are sessions stay so. The variances between are left
    out: weighed by them, each clustering gave the clusters that PLDA was fitted on. Where clusters are too few or too
    small for PLDA, the last ones are kept, with a warning. On several ranks all must call it.

    Arguments
    ---------
    cluster : callable
        (n, any) float32 -> labels (n,) int64, distances (n,) float32.
    embeddings : np.ndarray or torch.Tensor
        (n, dim)
    n_rounds : int
        0: clusters of the embeddings as they are.
    seed : int
        Draws classes where there are many.

    Returns
    -------
    labels, distances : np.ndarray
        Of the last round.
    """
    labels, distances = cluster(embeddings)
    for number in range(1, n_rounds + 1):
        plda, reason = on_main(_fit, embeddings, labels, seed)
        if plda is None:
            if is_main():
                logger.warning("Round %d of plda_rounds is not made, nor any after it: %s", number, reason)
            break
        labels, distances = cluster(_latent(plda, embeddings))
    return labels, distances


def _latent(plda, embeddings):
    found = np.empty((len(embeddings), len(plda.between)), dtype=np.float32)
    for start in range(0, len(embeddings), BLOCK):
        found[start : start + BLOCK] = plda.latent(embeddings[start : start + BLOCK])
    return found


def _fit(embeddings: np.ndarray, labels: np.ndarray, seed: int) -> tuple[PLDA | None, str]:
    try:
        return fit_plda(embeddings, labels, shrinkage=SHRINKAGE, seed=seed), ""
    except UserError as error:
        return None, str(error)
