"""Trials to scores, scores to error rates: cosine and AS-norm, EER and minDCF, thresholds, tables."""

from speechbrain_cadino.verification.metrics import det_curve, eer, min_dcf
from speechbrain_cadino.verification.report import format_table, metrics_row, write_scores
from speechbrain_cadino.verification.scoring import cosine_scores, score_trials
from speechbrain_cadino.verification.threshold import threshold_from_trials, threshold_without_labels

__all__ = [
    "cosine_scores",
    "det_curve",
    "eer",
    "format_table",
    "metrics_row",
    "min_dcf",
    "score_trials",
    "threshold_from_trials",
    "threshold_without_labels",
    "write_scores",
]
