"""The least cost of log-odds that scores allow, whatever calibrates them."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.isotonic import IsotonicRegression

from speechbrain_cadino.verification.counts import sorted_scores


def min_cllr(positive_scores: torch.Tensor | np.ndarray, negative_scores: torch.Tensor | np.ndarray) -> float:
    """Cllr of the best log-odds that a rising function of the scores can give (pool adjacent violators), in bits.

    What the scores themselves tell, however they are calibrated.

    Arguments
    ---------
    positive_scores, negative_scores : torch.Tensor or np.ndarray
        Of any shape.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    UserError
        As `cllr`.

    Example
    -------
    >>> min_cllr([0.9, 0.8], [0.1, 0.2]), min_cllr([0.5], [0.5])
    (0.0, 1.0)
    """
    sides = sorted_scores(positive_scores, "trials of one speaker (label 1)")
    others = sorted_scores(negative_scores, "trials of two speakers (label 0)")
    scores, is_target = np.concatenate([sides, others]), np.arange(len(sides) + len(others)) < len(sides)
    weights = np.where(is_target, 0.5 / len(sides), 0.5 / len(others))
    found = IsotonicRegression().fit_transform(scores, is_target.astype(float), sample_weight=weights)
    chosen = np.where(is_target, found, 1 - found)  # what each trial's own answer has: 0 only where no weight is
    return float((weights * -np.log2(np.maximum(chosen, np.finfo(float).tiny))).sum() + 0.0)
