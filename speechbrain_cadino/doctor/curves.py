"""Curves of healthy runs, shipped as ``data/curves.csv``, and where a run stands beside them.

Each row of the file: a reference, a metric, where in a run it is (``at``: a fraction of its epochs, or, for published
curves, an epoch), the lowest, middle and highest value, over how many runs, and where they are from.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from speechbrain_cadino.doctor.finding import DOUBTFUL, Finding

# Metric -> what it is called, whether more is better, how far beyond the band is behind: C, our choice.
METRICS = {
    "half_rank_gain": ("the part of what half_rank lacked to 1 before training, and has gained,", True, 0.15),
    "EER %": ("the development list's EER in %", False, 0.25),
    "dino_loss/ln K": ("the DINO loss over ln K", False, 0.25),
    "entropy_gap/ln K": ("the entropy gap over ln K", True, 0.25),
}
NEAR = 0.03  # of the run, or 0.5 epochs: an evaluation so near to a point of a curve is compared with it


class ReferenceCurve(NamedTuple):
    """One point of a curve: ``at`` an epoch or a fraction of a run, values from ``low`` to ``high`` over ``runs``."""

    reference: str
    metric: str
    at: float
    by: str  # "epoch" or "fraction"
    low: float
    middle: float
    high: float
    runs: int
    source: str


def read_references() -> list[ReferenceCurve]:
    """All points that the package ships.

    Example
    -------
    >>> {point.by for point in read_references()} == {"epoch", "fraction"}
    True
    """
    text = files("speechbrain_cadino.doctor").joinpath("data/curves.csv").read_text(encoding="utf-8")
    return [
        ReferenceCurve(
            row["reference"], row["metric"], float(row["at"]), row["by"], float(row["low"]), float(row["middle"]),
            float(row["high"]), int(row["runs"]), row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    ]  # fmt: skip


def reference_of(settings: Mapping, stage: str, utterances: int) -> str | None:
    """Which curves a run can be compared with, by its settings; None: none is like it.

    Arguments
    ---------
    settings : mapping
        Name -> value, those of objects as ``embedding_model.channels``.
    stage : str
        "I" or "II".
    utterances : int
        Trained on.
    """
    channels = settings.get("embedding_model.channels")
    width = channels[0] if isinstance(channels, list) and channels else 0
    clustered = "cluster_start_epoch" in settings
    if stage == "I" and width == 512 and settings.get("n_prototypes") == 65536 and utterances > 500_000:
        return "published"
    if settings.get("lr") not in (0.001, 0.002) or settings.get("fraction") or "label_fraction" in settings:
        return None
    if settings.get("demo_folder") and width == 64 and settings.get("batch_size") == 32:
        return ("demo_ca_dino" if clustered else "demo_dino") if stage == "I" else "demo_dlg_lc"
    if stage == "I" and width == 128 and "budget" in settings:
        return "small_telephone" if settings.get("f_max", 8000) <= 4000 else "small"
    return None


def beside(
    points: Sequence[ReferenceCurve], reference: str, values: Mapping[str, Mapping[int, float]], limit: int
) -> list[tuple[ReferenceCurve, float]]:
    """A run's values beside the curve, at the last epoch of each metric that has a point.

    Arguments
    ---------
    points : sequence of ReferenceCurve
    reference : str
    values : mapping
        Metric -> epoch -> value.
    limit : int
        Epochs of the whole run.

    Returns
    -------
    list of tuple
        Of a point and the run's value there.
    """
    found = []
    for metric, by_epoch in values.items():
        of_metric = [point for point in points if (point.reference, point.metric) == (reference, metric)]
        for epoch in sorted(by_epoch, reverse=True):
            near = [one for one in of_metric if _distance(one, epoch, limit) <= (0.5 if one.by == "epoch" else NEAR)]
            if near:
                found.append((min(near, key=lambda one: _distance(one, epoch, limit)), by_epoch[epoch]))
                break
    return found


def standing(point: ReferenceCurve, value: float) -> str:
    """A value beside those of healthy runs, as a sentence."""
    what, _, _ = METRICS[point.metric]
    where = (
        f"epoch {point.at:g}" if point.by == "epoch" else "the end" if point.at == 1 else f"{point.at:.0%} of the run"
    )
    runs = f"{point.runs} healthy runs" if point.runs > 1 else "a healthy run"
    band = f"{point.low:.3g} to {point.high:.3g}" if point.low < point.high else f"{point.middle:.3g}"
    return f"At {where} {what} is {value:.3g}; {runs} had {band}."


def behind(point: ReferenceCurve, value: float) -> Finding | None:
    """Whether a value is worse than the worst of the healthy runs by more than the margin of ``METRICS``."""
    _, more_is_better, margin = METRICS[point.metric]
    worse = value < point.low - margin * abs(point.low) if more_is_better else value > (1 + margin) * point.high
    if not worse:
        return None
    return Finding(
        "behind", DOUBTFUL, standing(point, value), f"It is behind all of them (they are {point.source}).",
        "Compare its settings with the YAML's; if they are the same, the corpus is harder, or has less speech.",
        {point.metric: value, "low": point.low, "high": point.high, "runs": point.runs},
    )  # fmt: skip


def _distance(point, epoch, limit):
    return abs(point.at - (epoch if point.by == "epoch" else epoch / limit))
