"""The gates that learn nothing from the losses: always open, and set by hand."""

from __future__ import annotations

import math

from speechbrain_cadino.dlg_lc.loss_gate import LossGate

# Loss-Gated Learning (Tao et al., 2022), its authors' public code: by iteration, with 6,000 classes.
LGL_THRESHOLDS, LGL_CLASSES = (1.0, 3.0, 3.0, 5.0, 6.0), 6000


class OpenGate(LossGate):
    """The gate that is always open: every label is trusted.

    Example
    -------
    >>> import torch
    >>> gate = OpenGate()
    >>> gate.record(torch.tensor([7, 3]), torch.tensor([0.5, 2.0]))
    >>> gate.finish_epoch().items.tolist(), gate.threshold
    ([3, 7], inf)
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason = "every label is trusted"

    def _choose(self, logs):
        return math.inf, self.reason


class FixedLossGate(LossGate):
    """A threshold set by hand.

    Arguments
    ---------
    level : float
        The threshold, in nats.
    start_epoch : int
        As in `LossGate`.

    Example
    -------
    >>> gate = FixedLossGate(level=3.0, start_epoch=3)
    >>> gate.update([1.0, 2.0]), gate.update([1.0, 2.0])
    (inf, 3.0)
    """

    def __init__(self, level: float, start_epoch: int = 5) -> None:
        super().__init__(start_epoch)
        self.level = level

    def _choose(self, logs):
        return self.level, f"the threshold {self.level:.4g} is set by hand"


def lgl_threshold(iteration: int, n_classes: int) -> float:
    """The hand-set threshold of Loss-Gated Learning, rescaled for the number of classes.

    Arguments
    ---------
    iteration : int
        From 1; after the fifth the last one stays.
    n_classes : int
        The losses of chance, ln K, are in the same ratio as the thresholds.

    Returns
    -------
    float
        In nats.

    Example
    -------
    >>> lgl_threshold(iteration=2, n_classes=6000)
    3.0
    """
    return LGL_THRESHOLDS[min(iteration, len(LGL_THRESHOLDS)) - 1] * (math.log(n_classes) / math.log(LGL_CLASSES))
