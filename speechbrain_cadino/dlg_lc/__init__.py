"""Stage II, pseudo-labels that are wrong in part: AAM-softmax, dynamic loss-gate and label correction."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.dlg_lc.aam import AAMSoftmax, CosineClassifier
    from speechbrain_cadino.dlg_lc.brain import DLGLCBrain
    from speechbrain_cadino.dlg_lc.correction import LabelCorrector
    from speechbrain_cadino.dlg_lc.gate import DynamicLossGate, FixedLossGate, OpenGate, lgl_threshold, make_gate
    from speechbrain_cadino.dlg_lc.item_clusters import cluster_items, cluster_labels
    from speechbrain_cadino.dlg_lc.items import Items
    from speechbrain_cadino.dlg_lc.iteration import finetune, iterate
    from speechbrain_cadino.dlg_lc.labels import keep_labels, true_labels
    from speechbrain_cadino.dlg_lc.loss import DLGLCLoss
    from speechbrain_cadino.dlg_lc.loss_gate import LossGate
    from speechbrain_cadino.dlg_lc.mixture import Mixture, fit_mixture, log_losses
    from speechbrain_cadino.dlg_lc.modality import Modality
    from speechbrain_cadino.dlg_lc.plots import loss_histogram
    from speechbrain_cadino.dlg_lc.precomputed import Precomputed
    from speechbrain_cadino.dlg_lc.report import Report
    from speechbrain_cadino.dlg_lc.together import joint_correction, kept_labels
    from speechbrain_cadino.dlg_lc.truth import Truth

__getattr__, __dir__, __all__ = lazy_names(__name__)
