"""Panels of decisions: the DET curve of the development list, and whether probabilities are what they say."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from speechbrain_cadino.report.drawing import COLOURS, GREY, legend_below, new_axes, svg_of
from speechbrain_cadino.report.panels import Panel
from speechbrain_cadino.report.run import Training
from speechbrain_cadino.training.for_report import ARRAYS
from speechbrain_cadino.training.retrieval import Z
from speechbrain_cadino.verification.det import TICKS, det_points
from speechbrain_cadino.verification.metrics import cllr, eer

MAX_CORNERS = 400
BINS = 10
FEWEST = 20  # different pairs of each kind, without which neither curve says anything
# What the pairs of the training are, and the trials are not.
FIT = " Clusters stand for speakers, and the probabilities were fitted on augmented excerpts of these utterances."


def trial_panels(training: Training) -> list[Panel]:
    """DET and calibration, as far as a training has left scores."""
    arrays = training.arrays
    found = []
    labels = arrays.get("trial_labels")
    if labels is not None and min(_counts(arrays, "trial")) >= FEWEST:
        found.append(_det(arrays["trial_scores"], labels.astype(bool), training.threshold))
    for name, of, more in (
        ("trial", "of the development list", ""),
        ("pair", "of clusters of the training utterances", FIT),
    ):
        odds, kind = arrays.get(f"{name}_log_odds"), arrays.get(f"{name}_labels")
        if odds is None or kind is None or len(odds) != len(kind):
            continue
        odds, kind = odds.astype(np.float64), kind.astype(bool)
        if min(_counts(arrays, name)) >= FEWEST:
            found.append(_reliability(odds, kind, of, more))
    return found


def left_out(training: Training) -> list[str]:
    """Sentences on curves that a training which has ended could have left, and why they are not shown."""
    if not training.encoder:
        return []
    if not training.arrays:
        return [f"{training.folder / ARRAYS} is not there or cannot be read: no curve of scores is shown."]
    found = []
    for name, what in (("trial", "the development list"), ("pair", "clusters of the training utterances")):
        if f"{name}_labels" not in training.arrays:
            continue
        targets, others = _counts(training.arrays, name)
        if min(targets, others) < FEWEST:
            found.append(
                f"No curve of {what}: {targets} pairs of one speaker and {others} of two are there, and under {FEWEST} "
                "of a kind say nothing."
            )
    return found


def _counts(arrays, name):
    """How many trials, or different pairs, of one speaker and of two there are."""
    labels = arrays[f"{name}_labels"].astype(bool)
    values = arrays.get("pair_log_odds", arrays.get("pair_scores")) if name == "pair" else None
    if values is not None and len(values) == len(labels):
        return different_pairs(values, labels)
    return np.count_nonzero(labels), np.count_nonzero(~labels)


def _det(scores, labels, threshold):
    points = det_points(scores, labels)
    rate, _ = eer(scores[labels], scores[~labels])
    if points.shape[1] > MAX_CORNERS:
        points = points[:, np.unique(np.linspace(0, points.shape[1] - 1, MAX_CORNERS).round().astype(int))]
    figure, axes = new_axes((4.6, 4.5))
    axes.plot(*points, color=COLOURS[0], linewidth=1.6, label="the encoder to keep")
    low, high = norm.ppf(TICKS[[0, -1]])
    axes.plot((low, high), (low, high), color=GREY, linewidth=0.8, linestyle=":", label="equal error rates")
    caption = f"EER {100 * rate:.2f} %, over {len(labels)} trials. Nearer to the lower left corner is better."
    if threshold is not None:
        accepted, missed = np.mean(scores[~labels] >= threshold), np.mean(scores[labels] < threshold)
        place = np.clip([accepted, missed], TICKS[0], TICKS[-1])
        beyond = "" if np.all(place == [accepted, missed]) else ", beyond this edge"
        label = f"at the encoder's threshold, {threshold:.3f}{beyond}"
        axes.plot(*norm.ppf(place), "o", color=COLOURS[1], clip_on=False, label=label)
        caption += (
            f" At the encoder's own threshold, found without labels, it accepts {accepted:.1%} of the pairs of two "
            f"speakers and misses {missed:.1%} of those of one."
        )
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="false acceptances (%)", ylabel="misses (%)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(norm.ppf(TICKS), [f"{100 * rate:g}" for rate in TICKS])
    axes.grid(linewidth=0.3)
    legend_below(axes)
    alt = f"DET curve: misses against false acceptances. {caption}"
    return Panel("DET curve of the development list", svg_of(figure, "det"), alt, "down and left is good", caption)


def reliability(log_odds: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What probabilities say and what is so, in groups of pairs; both kinds of pair weigh the same.

    A pair that was drawn several times is one pair to the intervals. They take pairs for independent, which those that
    share an utterance are not: they are too narrow.

    Arguments
    ---------
    log_odds : np.ndarray
        (n,) natural, at equal priors.
    labels : np.ndarray
        (n,) bool, true for one speaker.

    Returns
    -------
    said : np.ndarray, (groups,)
        The mean probability of a group.
    found : np.ndarray, (groups,)
        The weighted fraction of it that is of one speaker.
    interval : np.ndarray, (2, groups)
        From where to where that fraction may be, at 95 %.

    Example
    -------
    >>> said, found, _ = reliability(np.array([-9.0, -8.0, 8.0, 9.0]), np.array([False, False, True, True]))
    >>> said.round(2).tolist(), found.tolist()
    ([0.0, 1.0], [0.0, 1.0])
    """
    probabilities = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    group = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    kinds = labels, ~labels
    share = np.stack([np.bincount(group[kind], minlength=BINS) / np.count_nonzero(kind) for kind in kinds])
    total = [np.bincount(group[kind], probabilities[kind], BINS) / np.count_nonzero(kind) for kind in kinds]
    there = share.any(axis=0)
    share, said = share[:, there], sum(total)[there] / share.sum(axis=0)[there]
    found = share[0] / share.sum(axis=0)
    of_kind = np.array(different_pairs(log_odds, labels))[:, None]
    counts = share * of_kind + 0.5  # so that an interval has a length where all of a group are alike
    middle, half = np.subtract(*np.log(counts / (of_kind + 1))), Z * np.sqrt((1 / counts).sum(axis=0))
    low, high = 1 / (1 + np.exp(half - middle)), 1 / (1 + np.exp(-half - middle))
    return said, found, np.stack([np.minimum(low, found), np.maximum(high, found)])


def different_pairs(log_odds: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """How many different pairs of one speaker and of two there are, by their log-odds: some may be drawn repeatedly.

    Example
    -------
    >>> different_pairs(np.array([2.0, 2.0, 3.0, 2.0]), np.array([True, True, True, False]))
    (2, 1)
    """
    return len(np.unique(log_odds[labels])), len(np.unique(log_odds[~labels]))


def _reliability(log_odds, labels, of, more):
    said, found, (low, high) = reliability(log_odds, labels)
    noise = np.stack([found - low, high - found])
    cost = cllr(log_odds[labels], log_odds[~labels])
    figure, axes = new_axes((4.6, 4.2))
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle=":", label="as they should be")
    axes.errorbar(
        said, found, noise, fmt="o-", color=COLOURS[0], ecolor="#9ecae1", label="as they are, with 95 % intervals"
    )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", xlabel="probability that is said",
             ylabel="fraction of one speaker")  # fmt: skip
    axes.grid(linewidth=0.3)
    legend_below(axes)
    of_one, of_two = different_pairs(log_odds, labels)
    caption = (
        f"Pairs {of}, those of one speaker and of two weighing the same: {of_one} and {of_two} different ones. On the "
        f"line, a probability is what it says. Cllr {cost:.3f} (0 is perfect, 1 says nothing). Intervals take pairs "
        f"for independent, which those of one utterance are not: they are too narrow.{more}"
    )
    title = f"Probabilities on pairs {of}"
    return Panel(title, svg_of(figure, title), f"Reliability diagram. {caption}", "on the line is good", caption)
