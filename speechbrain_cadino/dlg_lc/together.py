"""What several modalities say of one label: whose gate decides, and whose prediction takes the label's place.

Every modality has samples of its own. For each sample, ``rows`` say which sample of another modality is of the same
item, -1 for none. A sample without any other follows its own modality alone. Nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from speechbrain_cadino.dlg_lc.correction import Correction, LabelCorrector
from speechbrain_cadino.dlg_lc.loss import Judged
from speechbrain_cadino.utils.errors import UserError

GATE_RULES = ("own", "and", "or")
CORRECTIONS = ("own", "other", "mean")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise a `UserError` if a setting is none of its choices."""
    if value not in choices:
        raise UserError(f"{name} is {value}: set one of {', '.join(choices)}.")


def kept_labels(rule: str, judged: Judged, others: Sequence[tuple[torch.Tensor, torch.Tensor]] = ()) -> torch.Tensor:
    """Which labels a modality keeps.

    Arguments
    ---------
    rule : str
        ``own``: those that its gate trusts; ``and``: those that the gates of all modalities trust that the item has;
        ``or``: those that any of them trusts. A gate that is still open trusts every label.
    judged : Judged
        (n,) samples of the modality.
    others : sequence of (trusted, rows)
        Of each other modality: (m,) bool, which labels its gate trusts; and (n,) int64, see above.

    Returns
    -------
    torch.Tensor, (n,) bool
        A sample whose own loss is not finite is always kept: it must not be hidden.

    Example
    -------
    >>> judged = Judged(torch.tensor([0.1, 0.1, 9.0]), None, torch.tensor([True, True, False]), None)
    >>> other = torch.tensor([False, True]), torch.tensor([0, -1, 1])
    >>> [kept_labels(rule, judged, [other]).tolist() for rule in ("own", "and", "or")]
    [[True, True, False], [False, True, False], [True, True, True]]
    """
    check_choice("gate_rule", rule, GATE_RULES)
    kept = judged.trusted
    for trusted, rows in others if rule != "own" else ():
        there = rows >= 0
        its = trusted[rows.clamp_min(0)]
        kept = kept & (its | ~there) if rule == "and" else kept | (its & there)
    return kept if rule == "own" else kept | ~judged.losses.isfinite()


def joint_correction(
    how: str,
    corrector: LabelCorrector,
    cosines: torch.Tensor,
    others: Sequence[tuple[torch.Tensor, torch.Tensor]] = (),
) -> Correction:
    """The correction of a modality's labels.

    Arguments
    ---------
    how : str
        ``own``: what the modality itself predicts; ``mean``: the mean of the posteriors of all modalities that the item
        has; ``other``: of all but this one. ``tau_2`` is compared with that mean, which is then sharpened.
    corrector : LabelCorrector
        Of the modality.
    cosines : torch.Tensor, (n, classes)
        Of its clean views.
    others : sequence of (log_posteriors, rows)
        Of each other modality: (m, classes), `LabelCorrector.log_posteriors` of its own corrector; and (n,) int64.

    Returns
    -------
    Correction

    Example
    -------
    >>> corrector, sure, unsure = LabelCorrector(), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.49, 0.51]])
    >>> others = [(corrector.log_posteriors(sure), torch.tensor([0]))]
    >>> [joint_correction(how, corrector, unsure, others).classes.item() for how in ("own", "other", "mean")]
    [1, 0, 0]
    """
    check_choice("correction", how, CORRECTIONS)
    own = corrector(cosines)
    if how == "own" or not others:
        return own
    parts = [corrector.log_posteriors(cosines)] if how == "mean" else []
    counts, alone = torch.full(cosines.shape[:1], float(len(parts)), device=cosines.device), True
    for log_posteriors, rows in others:
        there = rows >= 0
        parts.append(log_posteriors[rows.clamp_min(0)].masked_fill(~there[:, None], -torch.inf))
        counts, alone = counts + there, alone & ~there
    # A sample without any other has no mean for "other"; its own correction stands there below.
    mean = torch.stack(parts).logsumexp(0) - counts.clamp_min(1).log()[:, None]
    joint = corrector.of_posteriors(mean.masked_fill(alone[:, None], 0.0))
    return Correction(*(torch.where(_like(alone, value), mine, value) for mine, value in zip(own, joint)))


def _like(mask, value):
    return mask.view(-1, *[1] * (value.dim() - 1))
