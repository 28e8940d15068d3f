"""Trials scored by several modalities, such as voice and face: each on one scale, and all together.

A score is put on the scale of impostors: 0 is their median, 1 their spread. Of k scores with the weights w the fused
one is sum(w z) / sqrt(sum(w^2)), the weighted mean times a constant (Stouffer's method). So impostors keep the spread
1 whichever sides a trial has, as far as the sides' errors are independent, and one threshold serves all trials.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.report import metrics_row
from speechbrain_cadino.verification.scale import ScoreScale
from speechbrain_cadino.verification.scoring import score_trials

logger = logging.getLogger(__name__)

TOGETHER = "together"


def side_scores(embeddings: torch.Tensor | np.ndarray, has: np.ndarray, trials: Trials, **scoring) -> np.ndarray:
    """Score trials by one modality, those of whose two recordings both have it.

    Arguments
    ---------
    embeddings : torch.Tensor or np.ndarray
        (recordings that have it, dim), in the order of ``trials.utterances``.
    has : np.ndarray
        (n_utterances,) bool, which of ``trials.utterances`` have it.
    trials : Trials
    **scoring
        As of `score_trials`.

    Returns
    -------
    np.ndarray
        (n_trials,) float32, NaN where a side lacks it.

    Raises
    ------
    UserError
        As of `score_trials`.

    Example
    -------
    >>> trials = Trials(np.array([True, False]), np.array([0, 0]), np.array([1, 2]), ["a", "b", "c"])
    >>> side_scores(np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([True, True, False]), trials)
    array([0.6, nan], dtype=float32)
    """
    has, place = np.asarray(has, bool), np.cumsum(has) - 1
    both = has[trials.enrol] & has[trials.test]
    scores = np.full(len(both), np.nan, np.float32)
    if both.any():
        names = [name for name, there in zip(trials.utterances, has) if there]
        own = Trials(None, place[trials.enrol[both]], place[trials.test[both]], names)
        scores[both] = score_trials(embeddings, own, **scoring)
    return scores


def fuse_scores(
    scores: Mapping[str, np.ndarray], scales: Mapping[str, ScoreScale], weights: Mapping[str, float] | None = None
) -> np.ndarray:
    """One score of each trial, from the modalities that it has, on the scale of impostors.

    Arguments
    ---------
    scores : mapping of str to np.ndarray
        By modality: (n_trials,), NaN where the trial lacks it.
    scales : mapping of str to ScoreScale
        By modality: of impostors' scores that were made alike.
    weights : mapping of str to float, optional
        By modality, over 0; of one that is not there 1.

    Returns
    -------
    np.ndarray
        (n_trials,) float32, NaN where a trial has no modality.

    Raises
    ------
    UserError
        If a weight makes no sense.

    Example
    -------
    >>> scales = {"voice": ScoreScale(0.0, 0.1), "face": ScoreScale(0.5, 0.1)}
    >>> fuse_scores({"voice": np.array([0.3, 0.3]), "face": np.array([0.9, np.nan])}, scales).round(2)
    array([4.95, 3.  ], dtype=float32)
    """
    weights = dict.fromkeys(scores, 1.0) | dict(weights or {})
    for name, weight in weights.items():
        if name not in scores or not 0 < weight < np.inf:
            raise UserError(
                f"The weight of {name} is {weight}: set a number over 0 for any of {', '.join(scores)}; the score of "
                "one alone is reported anyway."
            )
    total, squares = np.zeros((2, len(next(iter(scores.values())))))
    for name, own in scores.items():
        there = ~np.isnan(own)
        own = (own[there].astype(np.float64) - scales[name].center) / scales[name].spread
        total[there] += weights[name] * own
        squares[there] += weights[name] ** 2
    return np.where(squares > 0, total / np.sqrt(np.where(squares > 0, squares, 1)), np.nan).astype(np.float32)


def fusion_rows(scores: Mapping[str, np.ndarray], fused: np.ndarray, labels: np.ndarray | None) -> list[dict]:
    """The metrics by each modality alone, over the trials that have it, and by all together.

    Arguments
    ---------
    scores, fused :
        As of `fuse_scores`.
    labels : np.ndarray or None
        (n_trials,) bool, true for one speaker; without them there are no error rates.

    Returns
    -------
    list of dict
        For `format_table`: ``scored by``, ``trials``, and what `metrics_row` gives where both kinds of trial are there.

    Example
    -------
    >>> voice, labels = np.array([0.9, 0.1, np.nan]), np.array([True, False, False])
    >>> [(row["scored by"], row["trials"], row["EER %"]) for row in fusion_rows({"voice": voice}, voice, labels)]
    [('voice', 2, 0.0), ('together', 2, 0.0)]
    """
    rows = []
    for name, own in {**scores, TOGETHER: fused}.items():
        there = ~np.isnan(own)
        row = {"scored by": name, "trials": int(np.count_nonzero(there))}
        if labels is not None and labels[there].any() and not labels[there].all():
            row |= metrics_row(own[there], labels[there])
        elif labels is not None:
            logger.warning("Trials that can be scored by %s are not of both kinds: there are no error rates.", name)
        rows.append(row)
    left = int(np.count_nonzero(np.isnan(fused)))
    if left:
        logger.warning("%d of %d trials have no modality on both sides, and no score.", left, len(fused))
    return rows
