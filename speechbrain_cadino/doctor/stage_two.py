"""Rules of stage II: whether gate and correction help, and whether the labels are learnt.

Bounds are C, our choice, between what healthy and ill runs showed: 130 trainings on demo corpora, read speech and
telephone speech, with the gate closed late, early or never, and with 0 to 60 % of the labels wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from speechbrain_cadino.dlg_lc.checks import FEW_KEPT, check_history
from speechbrain_cadino.doctor.finding import DOUBTFUL, ILL, NOTE, Finding

FEW_WRONG = 0.4  # of the labels that the gate left out; 0.05 to 0.2 where it closed early, 0.6 and more with 43 % wrong
LOST = 0.8  # of the labels kept at the end, at most; a gate that closed early, and kept more, had recovered
FEW, MANY_WRONG = 0.15, 0.25  # of all labels: with few, an open gate is as it should be
RIGHTLY = 0.3  # of what was corrected; 0.5 to 1 in healthy runs, 0 to 0.2 where the gate had closed early
MANY_CORRECTED = 0.1


def gate_early(rows: Sequence[dict], n_classes: int | None) -> Finding | None:
    """Whether the gate closed before right labels were learnt, and they stayed out.

    Arguments
    ---------
    rows : sequence of dict
        The metrics of each epoch: ``gate_threshold`` and ``fraction_kept``, perhaps ``gate_precision`` (of what was
        left out, the fraction that is wrong) and ``label_loss``.
    n_classes : int or None
    """
    closed = [row for row in rows if row.get("gate_threshold", math.inf) < math.inf]
    if not closed or closed[0].get("fraction_kept", 1) >= FEW_KEPT:
        return None
    first, last = closed[0], rows[-1]
    wrong = first.get("gate_precision")
    if wrong is not None and wrong >= FEW_WRONG:  # most of what it left out was wrong: its task
        return None
    kept, chance = last.get("fraction_kept", 1), math.log(n_classes) if n_classes and n_classes > 1 else math.inf
    lost = kept < LOST and last.get("label_loss", 0) > chance
    known = "" if wrong is None else f", though only {wrong:.0%} of those it left out were wrong"
    if lost:
        then = (
            f"At the end it trusts {kept:.0%}, and the mean loss over all labels is {last['label_loss']:.3g} nats, "
            f"over that of chance ({chance:.3g}): what it left out was never learnt."
        )
    else:
        then = f"At the end it trusts {kept:.0%}: it has recovered, but lost epochs."
    unsure = " If a third of your labels or more are wrong, this is as it should be." if wrong is None else ""
    return Finding(
        "gate_early", ILL if lost and wrong is not None else DOUBTFUL,
        f"The gate closed in epoch {first['epoch']} and trusted {first['fraction_kept']:.0%} of the labels{known}.",
        f"{then}{unsure}",
        "Raise start_epoch and start_separation of gate (10 and 1.75 on small corpora), or set gate_mode none.",
        {"epoch": first["epoch"], "first_kept": first["fraction_kept"], "last_kept": kept}
        | ({} if wrong is None else {"gate_precision": wrong}),
    )  # fmt: skip


def gate_idle(rows: Sequence[dict], gate_mode: str, reason: str, wrong: float | None) -> Finding | None:
    """Whether gate or correction has done nothing, by `check_history`; serious only where many labels are wrong.

    Arguments
    ---------
    rows : sequence of dict
    gate_mode : str
    reason : str
        The gate's last.
    wrong : float or None
        The fraction of wrong labels, where the speakers are known.
    """
    told = [one for one in check_history(list(rows), gate_mode, reason) if not one.startswith("In epoch")]
    if not told or (wrong is not None and wrong < FEW):
        return None
    if wrong is not None and wrong < MANY_WRONG:
        consequence = f"It was hardly needed: {wrong:.0%} of the labels are wrong."
    elif wrong is None:
        consequence = "If few labels are wrong that is right; else all of them were learnt."
    else:
        consequence = f"{wrong:.0%} of the labels are wrong, and were learnt like the others."
    level = DOUBTFUL if wrong is not None and wrong >= MANY_WRONG else NOTE
    remedy = "Lower chance_fraction, start_separation or start_epoch of gate." if level == DOUBTFUL else ""
    figures = {} if wrong is None else {"fraction_wrong": wrong}
    return Finding("gate_idle", level, told[0].replace("(the gate is open until epoch", "(it is open until epoch"),
                   consequence, remedy, figures)  # fmt: skip


def labels_not_learnt(kept_loss: float | None, n_classes: int | None, progress: float) -> Finding | None:
    """Whether even the labels that the gate trusts are predicted worse than by chance, when half of the run is over.

    Arguments
    ---------
    kept_loss : float or None
        The mean loss of what is kept in the last epoch, in nats.
    n_classes : int or None
    progress : float
    """
    if kept_loss is None or not n_classes or n_classes < 2 or progress < 0.5 or kept_loss < math.log(n_classes):
        return None
    return Finding(
        "labels_not_learnt", ILL,
        f"After {progress:.0%} of the training the mean loss of the labels that are trusted is {kept_loss:.3g} nats; "
        f"chance among {n_classes} classes is {math.log(n_classes):.3g}.",
        "The encoder has learnt neither its labels nor, through them, speakers.",
        "Give more optimiser steps (number_of_epochs, a smaller batch_size), a smaller margin or n_clusters, or better "
        "labels (init); the encoder that it began with is the better one meanwhile.",
        {"kept_loss": kept_loss, "n_classes": n_classes, "progress": progress},
    )  # fmt: skip


def corrected_wrongly(accuracy: float | None, corrected: float | None) -> Finding | None:
    """Whether most of the corrected labels are wrong, where the speakers are known.

    Arguments
    ---------
    accuracy : float or None
        Of the corrected labels the fraction that are right, in the last epoch that corrected.
    corrected : float or None
        The fraction of all labels that was corrected in it.
    """
    if accuracy is None or corrected is None or corrected < MANY_CORRECTED or accuracy >= RIGHTLY:
        return None
    return Finding(
        "corrected_wrongly", DOUBTFUL,
        f"{corrected:.0%} of the labels were corrected, {accuracy:.0%} of them to a class of the right speaker.",
        "The correction teaches mistakes.",
        "Raise tau_2 of corrector, correction_start_epoch or correction_momentum, or set gate_mode dynamic.",
        {"corrected_accuracy": accuracy, "fraction_corrected": corrected},
    )  # fmt: skip
