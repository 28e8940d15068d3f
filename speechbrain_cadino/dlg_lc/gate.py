"""The dynamic gate, and the gate of each mode."""

from __future__ import annotations

import inspect
import math

from speechbrain_cadino.dlg_lc.loss_gate import LossGate
from speechbrain_cadino.dlg_lc.mixture import MIN_VALUES
from speechbrain_cadino.dlg_lc.simple_gates import FixedLossGate, OpenGate, lgl_threshold
from speechbrain_cadino.utils.errors import UserError

MODES = ("none", "fixed", "dynamic", "dynamic+correction")
CORRECTING_MODES = MODES[3:]
MIN_RELATIVE_DEVIATION = 0.01  # narrower beside the spread of all losses, a Gaussian is one value that many share


class DynamicLossGate(LossGate):
    """The dynamic loss-gate: the threshold is where two Gaussians, fitted to the log losses, cross.

    Han, Chen and Qian, arXiv 2208.01928 and 2304.05754. It is fitted anew after every epoch. Where the losses show no
    two kinds of labels, the last threshold is kept, or the gate stays open if there was none: too few losses, all
    equal, one mode, a Gaussian that holds next to nothing or a single value, no crossing, or one that few losses are
    below or above. If few are below or above the last threshold too, the gate opens again. ``reason`` says which.

    Arguments
    ---------
    n_classes : int
        Whose logarithm is the loss of chance.
    start_epoch : int
        As in `LossGate`. 5 is what public code of others has (theolepage/wavlm_ssl_sv).
    chance_fraction : float
        The least crossing, as a fraction of the loss of chance; 0 takes any. Our choice: two Gaussians fit a single
        skewed mode too, as right labels alone have it, and cross far below chance, where hard samples would be thrown
        away. The hand-set thresholds of Loss-Gated Learning are 0.1, 0.3 and 0.7 of it, by iteration.
    min_weight : float
        The least fraction of the losses that each Gaussian holds. Our choice.
    min_fraction : float
        The least fraction of the losses on either side of the threshold. Our choice: where fewer labels have been
        learnt, most classes would get no sample any more, and never recover; where fewer stand out, they are hard
        samples sooner than wrong labels.
    start_separation : float
        The least separation of the Gaussians (`Mixture.separation`) at which an open gate closes; 0 takes any. Our
        choice: with it the losses say when right labels stand out, and ``start_epoch`` is but the earliest epoch.

    Example
    -------
    >>> import numpy as np
    >>> rng, gate = np.random.default_rng(0), DynamicLossGate(n_classes=20, start_epoch=2)
    >>> threshold = gate.update(np.exp(np.concatenate([rng.normal(-2, 1, 6000), rng.normal(3, 0.5, 4000)])))
    >>> round(threshold)
    4
    >>> gate.update([]) == threshold
    True
    >>> gate.reason.partition(":")[2]
    ' 0 losses can be used, and 50 are needed'
    """

    def __init__(
        self,
        n_classes: int,
        start_epoch: int = 5,
        chance_fraction: float = 0.2,
        min_weight: float = 0.05,
        min_fraction: float = 0.15,
        start_separation: float = 0.0,
    ) -> None:
        super().__init__(start_epoch)
        self.min_threshold = chance_fraction * math.log(n_classes)
        self.min_weight, self.min_fraction, self.start_separation = min_weight, min_fraction, start_separation

    def _choose(self, logs):
        threshold, reason = self._crossing(logs)
        if threshold is not None:
            return threshold, reason
        if self.threshold == math.inf:
            return math.inf, f"the gate stays open: {reason}"
        side = self._thin_side(logs, self.threshold) if len(logs) >= MIN_VALUES else None
        if side:
            return math.inf, f"the gate opens again, few losses are {side} the last threshold: {reason}"
        return self.threshold, f"the last threshold, {self.threshold:.4g}, is kept: {reason}"

    def _crossing(self, logs):
        """The threshold that the mixture gives and how, or None and why it gives none."""
        if len(logs) < MIN_VALUES:
            return None, f"{len(logs)} losses can be used, and {MIN_VALUES} are needed"
        if self.mixture is None:
            return None, "all losses are equal"
        if min(self.mixture.deviations) < MIN_RELATIVE_DEVIATION * logs.std():
            return None, "many losses are equal"
        if min(self.mixture.weights) < self.min_weight:
            return None, f"one Gaussian holds only {min(self.mixture.weights):.1%} of the losses"
        crossing = self.mixture.crossing()
        if crossing is None:
            return None, "the losses have one mode, one Gaussian is the larger at both means"
        separation = self.mixture.separation()
        if self.threshold == math.inf and separation < self.start_separation:
            return None, f"the Gaussians are {separation:.3g} apart, and {self.start_separation:g} are needed to begin"
        threshold = math.exp(crossing)
        if threshold < self.min_threshold:
            return None, f"the Gaussians cross at a loss of {threshold:.4g}, too likely for wrong labels"
        side = self._thin_side(logs, threshold)
        if side:
            return None, f"few losses are {side} the crossing at {threshold:.4g}"
        return threshold, f"two Gaussians of {len(logs)} log losses cross at a loss of {threshold:.4g}"

    def _thin_side(self, logs, threshold):
        """The side of a threshold that holds less than ``min_fraction`` of the losses: "below", "above" or None."""
        below = (logs < math.log(threshold)).mean()
        return "below" if below < self.min_fraction else "above" if 1 - below < self.min_fraction else None


def make_gate(mode: str, iteration: int, n_classes: int, start_epoch: int = 5, **dynamic) -> LossGate:
    """The gate of a mode of stage II.

    Arguments
    ---------
    mode : str
        One of ``MODES``; ``dynamic`` and ``dynamic+correction`` have the same gate.
    iteration : int
        As for `lgl_threshold`; only the mode ``fixed`` changes with it.
    n_classes : int
    start_epoch : int
        As in `LossGate`; the mode ``none`` has no use for it.
    **dynamic :
        Other settings of `DynamicLossGate`.

    Returns
    -------
    LossGate

    Raises
    ------
    UserError
        If there is no such mode, or the dynamic gate has no such setting, be it the gate of this mode or not.

    Example
    -------
    >>> make_gate("fixed", iteration=1, n_classes=6000).level
    1.0
    """
    if mode not in MODES:
        raise UserError(f"The mode of label learning is {mode!r}: set one of {', '.join(MODES)}.")
    known = list(inspect.signature(DynamicLossGate).parameters)
    for name in dynamic:
        if name not in known:
            raise UserError(f"gate has no setting {name}, only {', '.join(known[1:])}: correct its name.")
    if mode == "none":
        return OpenGate()
    if mode == "fixed":
        return FixedLossGate(lgl_threshold(iteration, n_classes), start_epoch)
    return DynamicLossGate(n_classes, start_epoch, **dynamic)
