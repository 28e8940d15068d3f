"""Errors at every threshold, counted as integers, and the rates and costs that follow from the counts.

A trial is accepted if its score >= threshold. Rates are fractions. Errors are counted at every score that occurs, so
that tied scores are exact; the cost is that of sorting, N log N.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy


class ErrorCounts(NamedTuple):
    """Errors at each threshold.

    Arguments
    ---------
    thresholds : np.ndarray
        (n,) every score that occurs, once, rising, then +inf.
    misses, false_accepts : np.ndarray
        (n,) int64, at each.
    n_positive, n_negative : int
        Trials of one speaker, and of two.
    """

    thresholds: np.ndarray
    misses: np.ndarray
    false_accepts: np.ndarray
    n_positive: int
    n_negative: int

    @classmethod
    def of(
        cls,
        positive_scores: torch.Tensor | np.ndarray | Sequence[float],
        negative_scores: torch.Tensor | np.ndarray | Sequence[float],
    ) -> ErrorCounts:
        """Of scores of both sides, of any shape; `UserError` if one is empty or holds a score that is not finite."""
        positives = sorted_scores(positive_scores, "trials of one speaker (label 1)")
        negatives = sorted_scores(negative_scores, "trials of two speakers (label 0)")
        thresholds = np.append(np.unique(np.concatenate([positives, negatives])), np.inf)
        misses = np.searchsorted(positives, thresholds)
        false_accepts = len(negatives) - np.searchsorted(negatives, thresholds)
        return cls(thresholds, misses, false_accepts, len(positives), len(negatives))

    def eer(self) -> tuple[float, float]:
        """Equal error rate and its threshold, as of `metrics.eer`."""
        # Compared over the common denominator, in integers: two fractions that are equal may differ by rounding.
        best = np.argmin(np.abs(self.false_accepts * self.n_positive - self.misses * self.n_negative))
        rate = (self.false_accepts[best] / self.n_negative + self.misses[best] / self.n_positive) / 2
        return float(rate), float(self.thresholds[best])

    def min_dcf(self, p_target: float, c_miss: float = 1.0, c_fa: float = 1.0) -> tuple[float, float]:
        """Least normalised detection cost and its threshold, as of `metrics.min_dcf`."""
        costs = self.costs(p_target, c_miss, c_fa)
        best = np.argmin(costs)
        return float(costs[best] / _of_deaf(p_target, c_miss, c_fa)), float(self.thresholds[best])

    def actual_dcf(self, threshold: float, p_target: float, c_miss: float = 1.0, c_fa: float = 1.0) -> float:
        """Normalised detection cost at one threshold, as of `metrics.actual_dcf`."""
        if np.isnan(threshold):
            raise UserError("The threshold is NaN: give a number.")
        at = np.searchsorted(self.thresholds, threshold)  # the lowest score that is accepted
        here = self._replace(misses=self.misses[at], false_accepts=self.false_accepts[at])
        return float(here.costs(p_target, c_miss, c_fa) / _of_deaf(p_target, c_miss, c_fa))

    def costs(self, p_target: float, c_miss: float, c_fa: float) -> np.ndarray:
        """(n,) detection cost at each threshold, not normalised."""
        if not 0 < p_target < 1:
            raise UserError(f"p_target is {p_target}: give a probability between 0 and 1, both left out.")
        if not (0 < c_miss < np.inf and 0 < c_fa < np.inf):
            raise UserError(f"c_miss is {c_miss} and c_fa is {c_fa}: give costs that are finite and over 0.")
        miss_weight, fa_weight = c_miss * p_target, c_fa * (1 - p_target)
        return miss_weight * (self.misses / self.n_positive) + fa_weight * (self.false_accepts / self.n_negative)


def _of_deaf(p_target, c_miss, c_fa):
    """The lower cost of the two systems that don't listen: all rejected, all accepted."""
    return min(c_miss * p_target, c_fa * (1 - p_target))


def sorted_scores(scores: torch.Tensor | np.ndarray | Sequence[float], kind: str) -> np.ndarray:
    """Scores of one kind of trial, float64, rising; `UserError` if there are none, they are labels, or not finite."""
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
