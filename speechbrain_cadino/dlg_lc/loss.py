"""What stage II minimises: the loss of the trusted labels, and that of the corrected ones."""

from __future__ import annotations

from typing import NamedTuple

import torch

from speechbrain_cadino.dlg_lc.aam import AAMSoftmax
from speechbrain_cadino.dlg_lc.correction import Correction, LabelCorrector


class Verdicts(NamedTuple):
    """What becomes of each sample of a batch; all (batch,), detached.

    Arguments
    ---------
    losses : torch.Tensor
        For `LossGate.record`: of the labels with margin, as if the gate were open, in nats.
    kept, corrected : torch.Tensor, bool
        Whether the label is trusted, or else the corrected target takes its place; neither: the sample is left out.
    classes : torch.Tensor, int64, or None
        The likeliest class of the clean view; None without clean views.
    """

    losses: torch.Tensor
    kept: torch.Tensor
    corrected: torch.Tensor
    classes: torch.Tensor | None


class Judged(NamedTuple):
    """What a gate makes of the labels of a batch, before other gates are asked; all (batch,).

    Arguments
    ---------
    losses : torch.Tensor
        Of the labels with margin, in nats, with gradient.
    target_losses : torch.Tensor or None
        Of the corrected targets, without margin; None without correction.
    trusted : torch.Tensor, bool
        Whether the loss is below the threshold, or not finite.
    correction : Correction or None
    """

    losses: torch.Tensor
    target_losses: torch.Tensor | None
    trusted: torch.Tensor
    correction: Correction | None


class DLGLCLoss:
    """L = L_gate + L_correction (arXiv 2304.05754), both sums over samples divided by the batch size.

    A sample whose AAM-softmax loss is below the threshold adds this loss to L_gate. Any other adds to L_correction, if
    its correction passes, the cross-entropy with the corrected target, without margin; else it adds nothing.

    A sample whose loss is not finite is never hidden: it makes L not finite, and the Brain then stops or skips the
    step. (Masked, its gradient would still be NaN, and reach every weight.) The gate's record may hold it; `LossGate`
    leaves it out of its fit.

    Where several modalities share the labels, each has a loss of its own: `judge` each, ask `kept_labels` which labels
    are kept, and give `total` the answer.

    Arguments
    ---------
    aam : AAMSoftmax
    corrector : LabelCorrector, optional
        Needed where clean views are given.

    Example
    -------
    >>> from speechbrain_cadino.dlg_lc.aam import AAMSoftmax
    >>> cosines = torch.tensor([[0.8, 0.1, 0.0], [0.8, 0.1, 0.0]])
    >>> loss, verdicts, stats = DLGLCLoss(AAMSoftmax())(cosines, torch.tensor([0, 1]), threshold=3.0)
    >>> stats["fraction_kept"].item(), verdicts.kept.tolist()
    (0.5, [True, False])
    """

    def __init__(self, aam: AAMSoftmax, corrector: LabelCorrector | None = None) -> None:
        self.aam, self.corrector = aam, corrector

    def __call__(
        self, cosines: torch.Tensor, labels: torch.Tensor, threshold: float, clean_cosines: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Verdicts, dict[str, torch.Tensor]]:
        """The loss of a batch.

        Arguments
        ---------
        cosines : torch.Tensor, (batch, classes)
            Of the augmented views.
        labels : torch.Tensor, (batch,) int64
        threshold : float
            Of the gate, in nats; infinity trusts every label.
        clean_cosines : torch.Tensor, (batch, classes), optional
            Of the clean views of the same samples, for the correction; no gradient goes there. Useless while
            ``threshold`` is infinite.

        Returns
        -------
        loss : torch.Tensor
            Scalar, in nats.
        verdicts : Verdicts
        stats : dict of torch.Tensor
            Detached scalars, each a mean over the batch, so that they can be averaged further (see `epoch_ratios`).
            ``label_loss``: ``losses``; ``gate_loss``; ``fraction_kept``: samples below the threshold. With clean views
            also ``correction_loss``; ``fraction_corrected``; ``confidence``: `Correction.confidences`.
        """
        correction = None if clean_cosines is None else self.corrector(clean_cosines)
        judged = self.judge(cosines, labels, threshold, correction)
        return self.total(judged, judged.trusted)

    def judge(
        self, cosines: torch.Tensor, labels: torch.Tensor, threshold: float, correction: Correction | None = None
    ) -> Judged:
        """The losses of a batch, and which labels this gate alone trusts.

        Arguments
        ---------
        cosines, labels, threshold :
            As of a call.
        correction : Correction, optional
            Of the same samples.

        Returns
        -------
        Judged
        """
        losses, target_losses = self.aam(cosines, labels, None if correction is None else correction.targets)
        return Judged(losses, target_losses, (losses < threshold) | ~losses.isfinite(), correction)

    def total(self, judged: Judged, kept: torch.Tensor) -> tuple[torch.Tensor, Verdicts, dict[str, torch.Tensor]]:
        """The loss of a batch of which these labels are kept.

        Arguments
        ---------
        judged : Judged
        kept : torch.Tensor, (batch,) bool
            A sample whose loss is not finite must be among them.

        Returns
        -------
        loss, verdicts, stats :
            As of a call.
        """
        losses, correction = judged.losses, judged.correction
        corrected, classes = torch.zeros_like(kept), None
        loss = _mean_of(losses, kept)
        stats = {"label_loss": losses.mean(), "gate_loss": loss, "fraction_kept": kept.float().mean()}
        if correction is not None:
            corrected, classes = ~kept & correction.passed, correction.classes
            stats["correction_loss"] = _mean_of(judged.target_losses, corrected)
            stats["fraction_corrected"] = corrected.float().mean()
            stats["confidence"] = correction.confidences.mean()
            loss = loss + stats["correction_loss"]
        verdicts = Verdicts(losses.detach(), kept, corrected, classes)
        return loss, verdicts, {name: value.detach() for name, value in stats.items()}


def epoch_ratios(metrics: dict[str, float]) -> dict[str, float]:
    """From the means of an epoch what is a fraction or a mean of some samples only.

    Arguments
    ---------
    metrics : dict of float
        The means of `DLGLCLoss`'s stats, and of `Truth.stats` where the true labels are known.

    Returns
    -------
    dict of float
        ``kept_loss``: the mean loss of the kept samples; with correction ``fraction_passed``: of the others, how many
        were corrected. At 0 or 1 the correction does nothing, or trusts everything. With true labels, of the samples
        whose speaker is known: ``gate_precision``: of those that were not kept, how many had a wrong label;
        ``gate_recall``: of the wrong ones, how many were not kept; ``corrected_accuracy``: of the corrected ones, how
        many got the right class; and ``fraction_wrong``, where some are unknown. What no sample speaks for is left out.

    Example
    -------
    >>> epoch_ratios({"gate_loss": 0.3, "fraction_kept": 0.6, "fraction_corrected": 0.1})
    {'kept_loss': 0.5, 'fraction_passed': 0.25}
    """
    not_kept, wrong = 1 - metrics["fraction_kept"], metrics.get("known_wrong", metrics.get("fraction_wrong"))
    ratios = {
        "kept_loss": (metrics["gate_loss"], metrics["fraction_kept"]),
        "fraction_passed": (metrics.get("fraction_corrected"), not_kept),
        "gate_precision": (metrics.get("wrong_not_kept"), metrics.get("known_not_kept", not_kept)),
        "gate_recall": (metrics.get("wrong_not_kept"), wrong),
        "corrected_accuracy": (
            metrics.get("rightly_corrected"),
            metrics.get("known_corrected", metrics.get("fraction_corrected")),
        ),
        "fraction_wrong": (metrics.get("known_wrong"), metrics.get("fraction_known")),
    }
    return {name: part / whole for name, (part, whole) in ratios.items() if part is not None and whole}


def _mean_of(losses, chosen):
    """The sum of the chosen losses over the size of the whole batch; no sample is picked, so no device waits."""
    return torch.where(chosen, losses, 0.0).mean()
