"""Panels of pseudo-labels: clusters, gate and correction, and the losses that the gate parts."""

from __future__ import annotations

import base64
import math
from pathlib import Path

import numpy as np

from speechbrain_cadino.dlg_lc.mixture import Mixture
from speechbrain_cadino.report.curves import FRACTION
from speechbrain_cadino.report.drawing import GREY, legend_below, new_axes, svg_of
from speechbrain_cadino.report.panels import NEITHER, UP, Curve, Panel, curves_panel
from speechbrain_cadino.report.run import Training, series

AGAINST_TRUTH = {
    "ami_speakers": "agreement with the speakers (AMI)",
    "same_spk_within": "pairs of a cluster that are one speaker, of a session",
    "same_spk_across": "pairs of a cluster that are one speaker, across sessions",
    "right_labels": "right labels",
}
OF_GATE = {
    "gate_precision": "gate: kept out, and wrong",
    "gate_recall": "gate: wrong, and kept out",
    "corrected_accuracy": "corrected labels that are right",
}
USE = {
    "fraction_kept": "kept by the gate",
    "fraction_corrected": "corrected",
    "fraction_passed": "sure enough to be corrected",
}
WINDOWS = 6  # epochs whose losses are drawn
BLUE, ORANGE = "#0072b2", "#e69f00"


def cluster_panels(rows: list[dict], against: str = "epoch") -> list[Panel]:
    """What clusters are, against true speakers where those are known, and how many."""
    rows = [row | ({"right_labels": 1 - row["wrong_labels"]} if "wrong_labels" in row else {}) for row in rows]
    curves = [Curve(words, *series(rows, name, against)) for name, words in AGAINST_TRUTH.items()]
    truth = curves_panel(
        "Clusters against the true speakers", curves, UP, FRACTION, against,
        caption="True labels are read for these figures alone.",
    )  # fmt: skip
    same = [Curve("agreement with the clusters before (AMI)", *series(rows, "ami_previous", against))]
    words = "Near 1 the clusters stay as they are: a further iteration changes little."
    stable = curves_panel("Clusters from one time to the next", same, NEITHER, FRACTION, against, caption=words)
    counts = [Curve(name, *series(rows, name, against)) for name in ("clusters", "singletons", "largest")]
    top = max([value for curve in counts for value in curve.y], default=1)
    number = curves_panel(
        "Number of clusters, and the largest", counts, NEITHER, (0, 1.08 * max(top, 1)), against,
        caption="singletons: clusters of one utterance; largest: utterances of the largest cluster.",
    )  # fmt: skip
    return [panel for panel in (truth, stable, number) if panel]


def gate_panels(rows: list[dict], prefixes: list[str], against: str = "epoch") -> list[Panel]:
    """What gate and correction do, by modality."""
    found = []
    for prefix in prefixes:
        of = f" of {prefix.rstrip('_')}" if prefix else ""
        use = [Curve(words, *series(rows, prefix + name, against)) for name, words in USE.items()]
        found.append(curves_panel(f"Fraction of the labels{of}", use, NEITHER, FRACTION, against))
        truth = [Curve(words, *series(rows, prefix + name, against)) for name, words in OF_GATE.items()]
        if any(any(curve.y) for curve in truth):  # an open gate finds nothing, in all epochs
            found.append(
                curves_panel(f"Gate and correction{of} against the true speakers", truth, UP, FRACTION, against)
            )
    return [panel for panel in found if panel]


def loss_panels(training: Training) -> list[Panel]:
    """The losses of some epochs as the gate saw them; of runs of older versions, the drawings that they left."""
    found = []
    for prefix, epochs in training.losses.items():
        chosen = _some(epochs)
        found += [panel for panel in (_losses(prefix, epoch, chosen) for epoch in chosen) if panel]
    return found or [_drawn(path) for path in _some(sorted(training.folder.glob("losses/*.png")))[-3:]]


def _some(items):
    """At most `WINDOWS`, evenly from the first to the last."""
    places = np.unique(np.linspace(0, len(items) - 1, WINDOWS).round().astype(int)) if items else []
    return [items[place] for place in places]


def _losses(prefix, epoch, chosen):
    try:
        counts = {name: np.array(values, dtype=float) for name, values in epoch["counts"].items()}
        edges = np.linspace(epoch["low"], epoch["high"], len(next(iter(counts.values()))) + 1)
        ends = min(e["low"] for e in chosen), max(e["high"] for e in chosen)
        mixture = epoch.get("mixture") and Mixture(*map(tuple, epoch["mixture"]))
        total = sum(values.sum() for values in counts.values())
        threshold = epoch.get("threshold")
        threshold = math.log(threshold) if threshold and threshold > 0 else None
    except (AttributeError, KeyError, TypeError, ValueError, StopIteration):
        return None
    if not total or ends[0] >= ends[1]:
        return None
    figure, axes = new_axes()
    width, base = edges[1] - edges[0], np.zeros(len(edges) - 1)
    colours = {"right": BLUE, "wrong": ORANGE}
    for name, values in counts.items():
        label = "all labels" if name == "all" else f"{name} label ({int(values.sum())})"
        heights = values / (total * width)
        axes.bar(edges[:-1], heights, width, base, align="edge", color=colours.get(name, GREY), label=label)
        base = base + heights
    if mixture:
        x = np.linspace(*ends, 200)
        for density, name, line in zip(mixture.densities(x), ("reliable", "unreliable"), ("-", "--")):
            axes.plot(x, density, line, color="black", linewidth=1, label=f"Gaussian: {name}")
    if threshold is not None:
        axes.axvline(threshold, color="#b2182b", linewidth=1.4, label="gate: what is above is not trusted")
    axes.set(xlim=ends, xlabel="natural logarithm of the loss in nats", ylabel="density")
    legend_below(axes)
    of = f" of {prefix.rstrip('_')}" if prefix else ""
    title = f"Losses{of} in epoch {epoch['epoch']}"
    reason = str(epoch.get("reason") or "")
    alt = f"Histogram of log losses{of} in epoch {epoch['epoch']}, {int(total)} of them. {reason}"
    return Panel(title, svg_of(figure, title), alt, "", reason[:1].upper() + reason[1:])


def _drawn(path: Path):
    data = base64.b64encode(path.read_bytes()).decode()
    prefix, _, number = path.stem.rpartition("epoch")
    words = f"{prefix.rstrip('_')} epoch {number.lstrip('0')}".strip()
    image = f'<img alt="" src="data:image/png;base64,{data}">'
    return Panel(f"Losses, {words}", image, f"Histogram of the log losses of {words}, with two Gaussians.")
