"""Error rates of a verification system: EER, minimum detection cost, Cllr, and the points of its DET curve.

A trial is accepted if its score >= threshold. Rates are fractions. Errors are counted as integers at every score that
occurs, so that tied scores are exact; the cost is that of sorting, N log N.
scikit-learn's `det_curve` trims the ends of the curve, where one rate stays 0, and with them what some minima need.
"""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy


def eer(positive_scores: torch.Tensor | np.ndarray, negative_scores: torch.Tensor | np.ndarray) -> tuple[float, float]:
    """Equal error rate: the mean of false-acceptance and false-rejection rate where they differ least.

    Arguments
    ---------
    positive_scores : torch.Tensor or np.ndarray
        Scores of trials of one speaker, of any shape, device and number type.
    negative_scores : torch.Tensor or np.ndarray
        Scores of trials of two speakers.

    Returns
    -------
    rate : float
        A fraction between 0 and 1.
    threshold : float
        The score that minimises |FAR - FRR|; of several, the lowest.

    Raises
    ------
    UserError
        If either side is empty, holds a score that is not finite, or is of labels.

    Example
    -------
    >>> eer([0.6, 0.7, 0.8, 0.5], [0.4, 0.3, 0.2, 0.65])
    (0.25, 0.6)
    """
    thresholds, misses, false_accepts, n_positive, n_negative = _count_errors(positive_scores, negative_scores)
    # Compared over the common denominator, in integers: two fractions that are equal may differ by rounding.
    best = np.argmin(np.abs(false_accepts * n_positive - misses * n_negative))
    rate = (false_accepts[best] / n_negative + misses[best] / n_positive) / 2
    return float(rate), float(thresholds[best])


def min_dcf(
    positive_scores: torch.Tensor | np.ndarray,
    negative_scores: torch.Tensor | np.ndarray,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> tuple[float, float]:
    """Minimum normalised detection cost, as in NIST's speaker recognition evaluations.

    The least over all thresholds, rejecting and accepting everything included, of
    ``c_miss p_target FRR + c_fa (1 - p_target) FAR``, divided by the lower cost of the two systems that don't listen,
    ``min(c_miss p_target, c_fa (1 - p_target))``. So it never exceeds 1.

    Arguments
    ---------
    positive_scores : torch.Tensor or np.ndarray
        Scores of trials of one speaker, of any shape, device and number type.
    negative_scores : torch.Tensor or np.ndarray
        Scores of trials of two speakers.
    p_target : float
        Prior probability of a trial of one speaker, between 0 and 1.
    c_miss : float
        Cost of a false rejection, over 0.
    c_fa : float
        Cost of a false acceptance, over 0.

    Returns
    -------
    value : float
        Between 0 and 1.
    threshold : float
        Where the cost is least; of several such scores, the lowest. It is +inf if rejecting every trial is best.

    Raises
    ------
    UserError
        If either side is empty, holds a score that is not finite, or is of labels, or a prior or cost is out of range.

    Example
    -------
    >>> min_dcf([0.6, 0.7, 0.8, 0.5], [0.4, 0.3, 0.2, 0.65])
    (0.5, 0.7)
    """
    if not 0 < p_target < 1:
        raise UserError(f"p_target is {p_target}: give a probability between 0 and 1, both left out.")
    if not (0 < c_miss < np.inf and 0 < c_fa < np.inf):
        raise UserError(f"c_miss is {c_miss} and c_fa is {c_fa}: give costs that are finite and over 0.")
    thresholds, misses, false_accepts, n_positive, n_negative = _count_errors(positive_scores, negative_scores)
    miss_weight, fa_weight = c_miss * p_target, c_fa * (1 - p_target)
    costs = miss_weight * (misses / n_positive) + fa_weight * (false_accepts / n_negative)
    best = np.argmin(costs)
    return float(costs[best] / min(miss_weight, fa_weight)), float(thresholds[best])


def det_curve(
    positive_scores: torch.Tensor | np.ndarray, negative_scores: torch.Tensor | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All points of the DET curve, for plots.

    Unlike scikit-learn's function of this name, both ends are kept: all accepted at the lowest score, none at +inf.

    Arguments
    ---------
    positive_scores : torch.Tensor or np.ndarray
        Scores of trials of one speaker, of any shape, device and number type.
    negative_scores : torch.Tensor or np.ndarray
        Scores of trials of two speakers.

    Returns
    -------
    false_acceptance : np.ndarray
        Rate at each threshold, falling from 1 to 0.
    false_rejection : np.ndarray
        Rate at each threshold, rising from 0 to 1.
    thresholds : np.ndarray
        Every score that occurs, once, rising, then +inf.

    Raises
    ------
    UserError
        If either side is empty, holds a score that is not finite, or is of labels.

    Example
    -------
    >>> det_curve([0.5], [0.25])[:2]
    (array([1., 0., 0.]), array([0., 0., 1.]))
    """
    thresholds, misses, false_accepts, n_positive, n_negative = _count_errors(positive_scores, negative_scores)
    return false_accepts / n_negative, misses / n_positive, thresholds


def cllr(positive_log_odds: torch.Tensor | np.ndarray, negative_log_odds: torch.Tensor | np.ndarray) -> float:
    """Cost of log-likelihood ratios (Bruemmer and du Preez, 2006), in bits: how good probabilities are, at any prior.

    Arguments
    ---------
    positive_log_odds : torch.Tensor or np.ndarray
        Natural log-odds at equal priors of trials of one speaker, of any shape.
    negative_log_odds : torch.Tensor or np.ndarray
        Those of trials of two speakers.

    Returns
    -------
    float
        0 is perfect; 1 is what log-odds of 0 for every trial give; wrong certainty costs more.

    Raises
    ------
    UserError
        If either side is empty or holds a value that is not finite.

    Example
    -------
    >>> cllr([0.0], [0.0, 0.0])
    1.0
    """
    positives = _sorted_scores(positive_log_odds, "trials of one speaker (label 1)")
    negatives = _sorted_scores(negative_log_odds, "trials of two speakers (label 0)")
    return float((np.logaddexp(0, -positives).mean() + np.logaddexp(0, negatives).mean()) / (2 * np.log(2)))


def _count_errors(positive_scores, negative_scores):
    """Thresholds, false rejections and false acceptances (as counts) at each, and the sizes of both sides."""
    positives = _sorted_scores(positive_scores, "trials of one speaker (label 1)")
    negatives = _sorted_scores(negative_scores, "trials of two speakers (label 0)")
    thresholds = np.append(np.unique(np.concatenate([positives, negatives])), np.inf)
    misses = np.searchsorted(positives, thresholds)
    false_accepts = len(negatives) - np.searchsorted(negatives, thresholds)
    return thresholds, misses, false_accepts, len(positives), len(negatives)


def _sorted_scores(scores, kind):
    scores = to_numpy(scores)
    if scores.dtype == bool:  # as scikit-learn's functions take them
        raise UserError(f"Labels were given as scores of {kind}: give scores[labels], scores[~labels].")
    scores = scores.astype(np.float64).ravel()
    if not scores.size:
        raise UserError(f"There are no scores of {kind}: give a trial list with labels 0 and 1 both.")
    bad = np.count_nonzero(~np.isfinite(scores))
    if bad:
        raise UserError(f"{bad} of {scores.size} scores of {kind} are not finite: check the encoder's embeddings.")
    return np.sort(scores)
