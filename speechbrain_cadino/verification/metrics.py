"""Error rates of a verification system: EER, detection costs, Cllr, and the points of its DET curve.

A trial is accepted if its score >= threshold. Rates are fractions. Errors are counted by `ErrorCounts`;
scikit-learn's `det_curve` trims the ends of the curve, where one rate stays 0, and with them what some minima need.
"""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.verification.counts import ErrorCounts, sorted_scores


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
    return ErrorCounts.of(positive_scores, negative_scores).eer()


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
    return ErrorCounts.of(positive_scores, negative_scores).min_dcf(p_target, c_miss, c_fa)


def actual_dcf(
    positive_scores: torch.Tensor | np.ndarray,
    negative_scores: torch.Tensor | np.ndarray,
    threshold: float,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    """Normalised detection cost of the decisions at a threshold, which was set beforehand.

    Arguments
    ---------
    positive_scores, negative_scores, p_target, c_miss, c_fa :
        As of `min_dcf`.
    threshold : float
        A trial is accepted if its score reaches it.

    Returns
    -------
    float
        At least `min_dcf`'s; over 1 for decisions that are worse than not to listen.

    Raises
    ------
    UserError
        As `min_dcf`, or if the threshold is NaN.

    Example
    -------
    >>> actual_dcf([0.6, 0.7, 0.8, 0.5], [0.4, 0.3, 0.2, 0.65], threshold=0.7)
    0.5
    """
    return ErrorCounts.of(positive_scores, negative_scores).actual_dcf(threshold, p_target, c_miss, c_fa)


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
    counts = ErrorCounts.of(positive_scores, negative_scores)
    return counts.false_accepts / counts.n_negative, counts.misses / counts.n_positive, counts.thresholds


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
    positives = sorted_scores(positive_log_odds, "trials of one speaker (label 1)")
    negatives = sorted_scores(negative_log_odds, "trials of two speakers (label 0)")
    return float((np.logaddexp(0, -positives).mean() + np.logaddexp(0, negatives).mean()) / (2 * np.log(2)))
