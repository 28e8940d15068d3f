"""Where impostors' scores lie, so that scores of different kinds can be put on one scale."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy
from speechbrain_cadino.verification.scoring import MIN_SPREAD, score_trials

N_PAIRS = 20_000
NORMAL = 1.4826  # standard deviations to a median absolute deviation, of a normal distribution


class ScoreScale(NamedTuple):
    """Where impostors' scores lie.

    Arguments
    ---------
    center : float
    spread : float
        Over 0.
    """

    center: float
    spread: float

    @classmethod
    def of(cls, scores: torch.Tensor | np.ndarray) -> ScoreScale:
        """By the median and the scaled median absolute deviation: a few pairs of one speaker among them do no harm.

        Arguments
        ---------
        scores : torch.Tensor or np.ndarray
            (any,), at least two, of impostors, or of pairs drawn at random.

        Returns
        -------
        ScoreScale

        Raises
        ------
        UserError
            If there are fewer than two, or one is not finite.

        Example
        -------
        >>> ScoreScale.of(np.array([-1.0, 0.0, 1.0, 100.0])).center
        0.5
        """
        scores = to_numpy(scores, np.float64).ravel()
        if len(scores) < 2 or not np.isfinite(scores).all():
            raise UserError(f"A scale needs two scores at least, all finite, and there are {len(scores)}: give more.")
        center = float(np.median(scores))
        return cls(center, max(float(NORMAL * np.median(np.abs(scores - center))), MIN_SPREAD))


def scale_of_pairs(
    embeddings: torch.Tensor | np.ndarray, n_pairs: int = N_PAIRS, seed: int = 0, **scoring
) -> ScoreScale:
    """The scale of the scores of pairs drawn at random, nearly all of two speakers: it needs no labels.

    Arguments
    ---------
    embeddings : torch.Tensor or np.ndarray
        (n, dim) of training or cohort recordings, two or more.
    n_pairs : int
    seed : int
    **scoring
        What the trials are scored with: ``mean``, ``cohort``, ``top_n`` of `score_trials`.

    Returns
    -------
    ScoreScale

    Raises
    ------
    UserError
        If there are fewer than two embeddings, or as of `score_trials`.

    Example
    -------
    >>> scale_of_pairs(np.eye(4)).center
    0.0
    """
    if len(embeddings) < 2:
        raise UserError(f"A scale needs pairs, and there are {len(embeddings)} embeddings: give two or more.")
    rng = np.random.default_rng(seed)
    first = rng.integers(len(embeddings), size=max(2, n_pairs))
    second = (first + rng.integers(1, len(embeddings), size=len(first))) % len(embeddings)
    rows, at = np.unique(np.concatenate([first, second]), return_inverse=True)
    first, second = np.split(at.reshape(-1), 2)
    pairs = Trials(np.zeros(len(first), bool), first, second, [str(row) for row in rows.tolist()])
    return ScoreScale.of(score_trials(embeddings[rows], pairs, **scoring))
