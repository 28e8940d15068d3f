"""The metrics of an epoch by modality: the first one's under their own names, another's with its name before."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from speechbrain_cadino.dlg_lc.loss import epoch_ratios
from speechbrain_cadino.dlg_lc.side import Side
from speechbrain_cadino.dlg_lc.sides import FEWEST, Sides

logger = logging.getLogger(__name__)

SKIPPED = "fraction_skipped"


def own_metrics(metrics: Mapping[str, float], side: Side, sides: Sides) -> dict[str, float]:
    """One modality's, without its name before."""
    if side.prefix:
        return {
            name.removeprefix(side.prefix): value for name, value in metrics.items() if name.startswith(side.prefix)
        }
    others = tuple(other.prefix for other in sides.further)
    return {name: value for name, value in metrics.items() if not name.startswith(others)}


def epoch_metrics_of(sides: Sides, means: Mapping[str, float], n_steps: int) -> dict[str, float]:
    """The metrics of all modalities, and warnings of what has no use; before the gates close the epoch.

    Arguments
    ---------
    sides : Sides
    means : mapping of str to float
        Over the steps of the epoch, of all modalities.
    n_steps : int
        Batches of the epoch.

    Returns
    -------
    dict of float
    """
    metrics = {}
    for side in sides:
        found = {"gate_threshold": side.gate.threshold, **own_metrics(means, side, sides)}
        found |= epoch_ratios(found) if "fraction_kept" in found else {}
        if found.get("fraction_passed") in (0, 1):
            logger.warning(
                "The correction%s passes %s of the labels that are not trusted: %s tau_2, or set another logit_scale.",
                f" of {side.name}" if side.prefix else "",
                *(("none", "lower") if found["fraction_passed"] == 0 else ("all", "raise")),
            )
        if found.get(SKIPPED):
            logger.warning(
                "%d of %d steps were made without %s: a rank had fewer than %d items of it; set a larger batch_size.",
                round(found[SKIPPED] * n_steps), n_steps, side.name, FEWEST,
            )  # fmt: skip
        metrics |= {side.prefix + name: value for name, value in found.items()}
    return metrics


def panels(of_one: Mapping[str, list], sides: Sides) -> dict[str, list]:
    """The panels of a plot, with the same metrics of every modality in them."""
    return {title: [side.prefix + name for side in sides for name in names] for title, names in of_one.items()}
