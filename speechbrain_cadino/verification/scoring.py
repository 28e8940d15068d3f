"""Embeddings and trials -> scores: cosine or PLDA, mean subtraction, adaptive symmetric score normalisation (AS-norm).

Work goes in blocks of rows, so that neither the trials' embeddings nor the utterance x cohort matrix exists whole.
"""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy
from speechbrain_cadino.verification.plda import PLDA

BLOCK_FLOATS = 2**24  # 64 MB a block: large enough for BLAS, small beside the embeddings
ROUNDING = 1e-5  # how far float32 may take a cosine from what it is
MIN_SPREAD = 1e-6  # cosines closer than this differ by float32 rounding alone


def score_trials(
    embeddings: torch.Tensor | np.ndarray,
    trials: Trials,
    mean: torch.Tensor | np.ndarray | None = None,
    cohort: torch.Tensor | np.ndarray | None = None,
    top_n: int = 300,
    plda: PLDA | None = None,
) -> np.ndarray:
    """Score each trial by the cosine of its embeddings, or by PLDA, normalised against a cohort if one is given.

    AS-norm (Matejka et al., Interspeech 2017, the variant where each side selects its own cohort): with m(e), s(e) the
    mean and the standard deviation of the ``top_n`` highest scores of e with the cohort,
    ``score = ((c - m(enrol)) / s(enrol) + (c - m(test)) / s(test)) / 2``. It is symmetric in enrolment and test.

    Take the cohort from the training utterances. One that is itself in a trial meets itself there with cosine 1, which
    raises its mean and deviation: leave the trials' utterances out.

    Arguments
    ---------
    embeddings : torch.Tensor or np.ndarray
        (n_utterances, dim), row by row those of ``trials.utterances``, of any length.
    trials : Trials
    mean : torch.Tensor or np.ndarray, optional
        (dim,), subtracted from every embedding first: the mean of the training embeddings.
    cohort : torch.Tensor or np.ndarray, optional
        (n_cohort, dim), at least two, not centered (``mean`` is subtracted here). None: plain cosine.
    top_n : int
        How many of the cohort's highest scores count, at least two; more than there are means all (S-norm).
    plda : PLDA, optional
        From which scores come, as log-likelihood ratios; it subtracts a mean of its own, so ``mean`` must be None.

    Returns
    -------
    np.ndarray
        (n_trials,) float32.

    Raises
    ------
    UserError
        If shapes don't fit, an embedding is not finite, the cohort or ``top_n`` is under two, or there are a mean and a
        PLDA.

    Example
    -------
    >>> from speechbrain_cadino.corpus.trials import Trials
    >>> trials = Trials(np.array([True]), np.array([0]), np.array([1]), ["a.wav", "b.wav"])
    >>> score_trials(np.array([[1.0, 0.0], [3.0, 4.0]]), trials)
    array([0.6], dtype=float32)
    """
    if len(embeddings) != len(trials.utterances):
        raise UserError(
            f"There are {len(embeddings)} embeddings for {len(trials.utterances)} utterances in the trials: "
            "extract one for each utterance of the list, in its order."
        )
    if plda is not None and mean is not None:
        raise UserError("PLDA subtracts the mean of what it was fitted on: give no other mean.")
    backend = _Cosine(mean) if plda is None else plda
    embeddings = backend.latent(embeddings)
    scores = _scores_of_pairs(backend, embeddings, trials.enrol, trials.test)
    if cohort is None:
        return scores
    center, spread = _cohort_statistics(backend, embeddings, backend.latent(cohort, "cohort embeddings"), top_n)
    return 0.5 * sum((scores - center[side]) / spread[side] for side in (trials.enrol, trials.test))


def cosine_scores(
    embeddings: torch.Tensor | np.ndarray,
    enrol: np.ndarray,
    test: np.ndarray,
    mean: torch.Tensor | np.ndarray | None = None,
) -> np.ndarray:
    """Cosines of pairs of embeddings.

    Arguments
    ---------
    embeddings : torch.Tensor or np.ndarray
        (n_utterances, dim). A zero vector has cosine 0 with all.
    enrol : np.ndarray
        (n_pairs,) int64, rows of ``embeddings``.
    test : np.ndarray
        (n_pairs,) int64, rows of ``embeddings``.
    mean : torch.Tensor or np.ndarray, optional
        (dim,), subtracted first.

    Returns
    -------
    np.ndarray
        (n_pairs,) float32.

    Raises
    ------
    UserError
        If shapes don't fit or an embedding is not finite.

    Example
    -------
    >>> cosine_scores(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([0]), np.array([1]))
    array([0.6], dtype=float32)
    """
    backend = _Cosine(mean)
    return _scores_of_pairs(backend, backend.latent(embeddings), enrol, test)


class _Cosine:
    """What a `PLDA` is asked for, by cosine."""

    def __init__(self, mean):
        self.mean = mean

    def latent(self, embeddings, kind="embeddings"):
        return _unit_rows(embeddings, self.mean, kind)

    def score(self, enrol, test):
        return np.einsum("nd,nd->n", enrol, test)

    def score_all(self, enrol, test):
        return enrol @ test.T


def _unit_rows(embeddings, mean, kind):
    """Subtract the mean and scale each row to length 1 (a zero row stays zero); float32, the input is not touched."""
    embeddings = to_numpy(embeddings, np.float32)
    if embeddings.ndim != 2:
        raise UserError(f"The {kind} have the shape {embeddings.shape}: give a matrix, one row an utterance.")
    if mean is not None:
        mean = to_numpy(mean, np.float32)
        if mean.shape != embeddings.shape[1:]:
            raise UserError(
                f"The mean has the shape {mean.shape} and the {kind} have {embeddings.shape[1]} dimensions: "
                "take both from one encoder."
            )
        embeddings = embeddings - mean
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths))
    if bad.size:
        raise UserError(f"{bad.size} {kind} are not finite, first row {bad[0]}: check its audio and the encoder.")
    return embeddings / np.where(lengths > 0, lengths, 1)


def _scores_of_pairs(backend, embeddings, enrol, test):
    scores = np.empty(len(enrol), dtype=np.float32)
    for rows in _blocks(len(enrol), embeddings.shape[1]):
        scores[rows] = backend.score(embeddings[enrol[rows]], embeddings[test[rows]])
    return scores


def _cohort_statistics(backend, embeddings, cohort, top_n):
    """Mean and (population) deviation of each row's ``top_n`` highest scores with the cohort."""
    if cohort.shape[1] != embeddings.shape[1]:
        raise UserError(
            f"The cohort has {cohort.shape[1]} dimensions and the embeddings have {embeddings.shape[1]}: "
            "take both from one encoder."
        )
    if min(len(cohort), top_n) < 2:
        raise UserError(
            f"AS-norm has a cohort of {len(cohort)} and top_n {top_n}, but a deviation needs two scores: "
            "give more cohort utterances and a larger top_n, or no cohort."
        )
    top_n = min(top_n, len(cohort))
    center, spread = np.empty((2, len(embeddings)), dtype=np.float32)
    for rows in _blocks(len(embeddings), len(cohort)):
        scores = backend.score_all(embeddings[rows], cohort)
        scores.partition(len(cohort) - top_n, axis=1)
        center[rows], spread[rows] = scores[:, -top_n:].mean(axis=1), scores[:, -top_n:].std(axis=1)
    return center, np.maximum(spread, MIN_SPREAD)


def _blocks(n_rows, row_floats):
    step = max(1, BLOCK_FLOATS // max(1, row_floats))
    return (slice(start, start + step) for start in range(0, n_rows, step))
