"""Trials to scores, scores to error rates: cosine and AS-norm, EER and minDCF, thresholds, tables."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.verification.bootstrap import Interval, speaker_intervals
    from speechbrain_cadino.verification.calibration import Calibration, fit_calibration
    from speechbrain_cadino.verification.det import det_points, write_det
    from speechbrain_cadino.verification.evaluation import Evaluation, evaluate
    from speechbrain_cadino.verification.fusion import fuse_scores, fusion_rows, side_scores
    from speechbrain_cadino.verification.isotonic import min_cllr
    from speechbrain_cadino.verification.metrics import actual_dcf, cllr, det_curve, eer, min_dcf
    from speechbrain_cadino.verification.mfcc import mfcc_statistics, standardise
    from speechbrain_cadino.verification.plda import PLDA
    from speechbrain_cadino.verification.plda_fit import fit_plda
    from speechbrain_cadino.verification.plda_models import score_models
    from speechbrain_cadino.verification.report import format_table, metrics_row, write_scores
    from speechbrain_cadino.verification.scale import ScoreScale, scale_of_pairs
    from speechbrain_cadino.verification.scoring import cosine_scores, score_trials
    from speechbrain_cadino.verification.sides import Side, face_side, fused, voice_side
    from speechbrain_cadino.verification.threshold import (
        threshold_at_false_acceptance,
        threshold_from_trials,
        threshold_without_labels,
    )

__getattr__, __dir__, __all__ = lazy_names(__name__)
