"""Panels of a training's metrics by epoch."""

from __future__ import annotations

import math

from speechbrain_cadino.report.panels import DOWN, NEITHER, UP, Curve, Panel, curves_panel, span
from speechbrain_cadino.report.run import Training, series
from speechbrain_cadino.training.retrieval import Z

FRACTION = -0.02, 1.02  # all fractions on one axis: a change of a hundredth looks like one
LEAST_EER = 4.0  # per cent: the shortest axis of an error rate, where the size of the list is not known
SEEN = 4  # an axis is no shorter than so many half intervals, so that noise does not fill it
HALF_RANK, HALVES = "half_rank", "half_retrieval"


def training_panels(training: Training, settings: dict, n_classes: int | None = None) -> list[Panel]:
    """What a training's curves show.

    Arguments
    ---------
    training : Training
    settings : dict
        Of the run, resolved.
    n_classes : int, optional
        In stage II, whose logarithm is the loss of chance.

    Returns
    -------
    list of Panel
    """
    measured = halves_measured(training, settings.get("retrieval_utterances"))
    found = []
    if training.is_labelled():
        for prefix in training.prefixes:
            found.append(_label_loss(training, prefix, n_classes, settings))
        found.append(_distance(training))
    else:
        found += [_dino_loss(training), _entropies(training)]
    found.append(halves_panel(training.rows, measured))
    found.append(error_panel(training.rows, trial_counts(training)))
    found += [_rate(training), _spread(training)]
    return [panel for panel in found if panel is not None]


def trial_counts(training: Training) -> tuple[int, int] | None:
    """How many trials of one and of two speakers its development list has, where that is known."""
    labels = training.arrays.get("trial_labels")
    return None if labels is None else (int(labels.sum()), int((~labels.astype(bool)).sum()))


def halves_measured(training: Training, asked: float | None) -> int:
    """How many utterances ``half_rank`` is of: as many as the setting asks for, or as there are; 0 if not known."""
    there = training.info.get("utterances")
    asked = asked if isinstance(asked, (int, float)) else 0
    return int(min(asked, there if isinstance(there, int) else math.inf))


def halves_panel(rows: list[dict], measured: int, against: str = "epoch", prefix: str = "") -> Panel | None:
    """How well halves of utterances find each other; ``measured`` of them (0: not known)."""
    curves = []
    for name in (HALF_RANK, HALVES):
        x, y = series(rows, prefix + name, against)
        noise = [Z * math.sqrt(max(0.0, p * (1 - p)) / measured) for p in y] if measured else None
        curves.append(Curve(name, x, y, noise))
    caption = (
        "Without labels: two halves of an utterance, each augmented on its own, among all others. half_rank is the "
        "fraction of the others that are farther; half_retrieval how often none is nearer"
    )
    caption += f". Bands: what {measured} utterances leave open, at most." if measured else "."
    chance = (0.5, "half_rank of chance")
    title = "Halves that find each other"
    return curves_panel(title, curves, UP, FRACTION, against, chance, caption)


def error_panel(
    rows: list[dict],
    counts: tuple[int, int] | None,
    against: str = "epoch",
    names: tuple = ("EER %",),
    title: str = "EER of the development list (%)",
) -> Panel | None:
    """Equal error rates, with the interval that the numbers of trials leave."""
    curves = []
    for name in names:
        x, y = series(rows, name, against)
        curves.append(Curve(name.removesuffix(" EER %").removesuffix("EER %").rstrip("_") or "EER", x, y))
    values = [value for curve in curves for value in curve.y]
    if not values:
        return None
    if counts:
        curves = [Curve(c.name, c.x, c.y, [error_noise(value, counts) for value in c.y]) for c in curves]
        values = [end for c in curves for y, n in zip(c.y, c.noise) for end in (max(0, y - n), min(100, y + n))]
        least = SEEN * error_noise(min(value for c in curves for value in c.y), counts)
    ends = span(values, max(least, 1.0) if counts else LEAST_EER, 0, 100)
    caption = "True labels, watched and never trained on."
    if counts:
        caption += (
            f" Bands: what {sum(counts)} trials leave open if each were of other speakers; it is more where speakers "
            "come again."
        )
    return curves_panel(title, curves, DOWN, ends, against, None, caption)


def error_noise(eer: float, counts: tuple[int, int]) -> float:
    """Half of the 95 % interval of an equal error rate (both in per cent) over so many trials of each kind.

    Bengio and Mariethoz, "A statistical significance test for person authentication", Odyssey 2004.

    Example
    -------
    >>> round(error_noise(10.0, (400, 400)), 2)
    2.08
    """
    rate = min(max(eer / 100, 0.5 / max(1, min(counts))), 1 - 0.5 / max(1, min(counts)))
    return 100 * Z * math.sqrt(rate * (1 - rate) * sum(1 / max(1, n) for n in counts) / 4)


def _dino_loss(training):
    name = "dino_loss" if training.series("dino_loss")[1] else "loss"
    x, y = training.series(name)
    if not y:
        return None
    top, chance, bands = training.last("max_entropy") if name == "dino_loss" else None, None, []
    if top is not None:
        chance = top, f"chance: all prototypes alike, ln K = {top:.2f}"
    clustered = training.series("clusters")[0]
    caption = "Cross-entropy of student and teacher. It is lower the sharper the teacher is, so compare it with chance "
    caption += "and with itself, not with another stage's."
    if clustered:
        bands.append((min(clustered) - 0.5, max(x) + 0.5, "views of other utterances of the cluster"))
        caption += " Views of other utterances are harder: from there on the loss counts anew."
    return curves_panel("Loss (nats)", [Curve("DINO loss", x, y)], DOWN, _from_zero(y, top), "epoch", chance, caption,
                        bands)  # fmt: skip


def _from_zero(values, top):
    high = max([*values, top or 0])
    low = min([*values, 0])
    return low - 0.02 * (high - low), high + 0.04 * (high - low)


def _entropies(training):
    curves = [
        Curve("of the mean answer", *training.series("entropy_of_mean")),
        Curve("mean of the answers'", *training.series("mean_entropy")),
    ]
    top = training.last("max_entropy")
    values = [value for curve in curves for value in curve.y]
    if not values:
        return None
    chance = None if top is None else (top, f"ln K = {top:.2f}")
    caption = "Of the teacher. The distance between the two curves should open: near 0, every input gets one answer."
    return curves_panel("Entropies (nats)", curves, NEITHER, _from_zero(values, top), "epoch", chance, caption)


def _label_loss(training, prefix, n_classes, settings):
    gate = [(row["epoch"], row[f"{prefix}gate_threshold"]) for row in training.rows if f"{prefix}gate_threshold" in row]
    closed = [point for point in gate if math.isfinite(point[1])]
    curves = [
        Curve("all labels", *training.series(f"{prefix}label_loss")),
        Curve("labels that the gate keeps", *training.series(f"{prefix}kept_loss")),
        Curve("the gate's threshold", [x for x, _ in closed], [y for _, y in closed]),
    ]
    values = curves[0].y + curves[1].y
    if not values:
        return None
    top = math.log(n_classes) if n_classes else None
    chance = None if top is None else (top, f"chance: ln {n_classes} = {top:.2f}")
    high = _from_zero(values, top)
    rising = settings.get("margin_warmup_epochs")
    bands = []
    if isinstance(rising, (int, float)) and settings.get("margin") and rising > 1 and not prefix:
        bands = [(0, min(rising, max(curves[0].x)), "the margin rises, and with it the loss")]
    of = f" of {prefix.rstrip('_')}" if prefix else ""
    caption = (
        "AAM-softmax on pseudo-labels. Compare it with chance and with itself: iterations have other labels, and other "
        "stages other losses."
    )
    return curves_panel(f"Loss{of} (nats)", curves, DOWN, high, "epoch", chance, caption, bands)


def _distance(training):
    x, y = training.series("distillation_loss")
    caption = "1 - cosine between embeddings of augmented crops and the teacher's of whole utterances; 0 is equal."
    curve, random = Curve("distillation_loss", x, y), (1.0, "of random directions")
    ends = 0.0, 1.05 * max(1.0, *y, 0.0)
    return curves_panel("Distance to the teacher's embeddings", [curve], DOWN, ends, "epoch", random, caption)


def _rate(training):
    x, y = training.series("lr")
    caption = "At the last step of each epoch."
    return curves_panel("Learning rate", [Curve("lr", x, y)], NEITHER, (0, 1.05 * (max(y, default=0) or 1)), "epoch",
                        None, caption)  # fmt: skip


def _spread(training):
    x, y = training.series("embedding_spread")
    caption = "1: embeddings point everywhere; near 0 all are one."
    curve = Curve("embedding_spread", x, y)
    return curves_panel("Spread of the embeddings", [curve], UP, FRACTION, "epoch", None, caption)
