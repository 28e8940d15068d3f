"""How far error rates would be off with other speakers: bootstrap over speakers, since the trials of one are no news.

A replicate draws as many speakers as there are, with replacement. Drawn k times, a speaker counts as k speakers: a
trial of two speakers counts as often as the product of their numbers, a trial of one speaker as often as he was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.counts import ErrorCounts

FEWEST = 2  # speakers, or replicates, of which an interval can be
MOST_THRESHOLDS = 100_000


class Interval(NamedTuple):
    """Percentiles of a bootstrap.

    Arguments
    ---------
    low, high : float
        Ends of the interval; NaN where too few replicates had trials of both kinds.
    n_used : int
        Replicates that had.
    """

    low: float
    high: float
    n_used: int


class Replicate(NamedTuple):
    """The trials of one draw of speakers.

    Arguments
    ---------
    counts : ErrorCounts
        Errors, each trial counted by its weight.
    positive_weights, negative_weights : np.ndarray
        int64: how often each trial of one speaker counts, and of two, in the list's order.
    """

    counts: ErrorCounts
    positive_weights: np.ndarray
    negative_weights: np.ndarray


def speaker_intervals(
    scores: np.ndarray,
    labels: np.ndarray,
    enrol: Sequence,
    test: Sequence,
    measures: Mapping[str, Callable[[Replicate], float]],
    n_replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Intervals of error rates from a bootstrap over speakers.

    Arguments
    ---------
    scores : np.ndarray
        (n_trials,)
    labels : np.ndarray
        (n_trials,) bool, true for one speaker.
    enrol, test : sequence
        (n_trials,) the speaker of each side, of any sort.
    measures : mapping of str to callable
        What a `Replicate` gives, by name.
    n_replicates : int
    level : float
        Between 0 and 1: so many of the replicates lie in the interval.
    seed : int

    Returns
    -------
    dict of str to Interval
        By the names of ``measures``.

    Raises
    ------
    UserError
        If a score is not finite, there is one speaker alone, or a setting is out of range.

    Example
    -------
    >>> enrol, test = ["a", "b", "a", "c"], ["a", "b", "b", "d"]
    >>> labels = np.array([True, True, False, False])
    >>> measures = {"EER": lambda drawn: drawn.counts.eer()[0]}
    >>> found = speaker_intervals([0.9, 0.4, 0.5, 0.1], labels, enrol, test, measures)
    >>> found["EER"].low, found["EER"].n_used < 1000
    (0.0, True)
    """
    if n_replicates < FEWEST or not 0 < level < 1:
        raise UserError(f"{n_replicates} replicates and a level of {level} give no interval: set 1000 and 0.95.")
    values = {name: [] for name in measures}
    for replicate in replicates(scores, labels, enrol, test, n_replicates, seed):
        for name, measure in measures.items():
            values[name].append(measure(replicate))
    ends = [(1 - level) / 2, (1 + level) / 2]
    intervals = {}
    for name, found in values.items():
        low, high = np.quantile(found, ends) if len(found) >= FEWEST else (np.nan, np.nan)
        intervals[name] = Interval(float(low), float(high), len(found))
    return intervals


def replicates(
    scores: np.ndarray, labels: np.ndarray, enrol: Sequence, test: Sequence, n_replicates: int, seed: int = 0
) -> Iterator[Replicate]:
    """Draw speakers so often; draws without trials of one kind are passed over. Arguments as of `speaker_intervals`."""
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    if not np.isfinite(scores).all():
        raise UserError("A score is not finite: leave its trial out.")
    speakers, numbers = np.unique(np.concatenate([np.asarray(enrol), np.asarray(test)]), return_inverse=True)
    n_speakers = len(speakers)
    if n_speakers < FEWEST:
        raise UserError(f"All trials are of {n_speakers} speaker: an interval needs several.")
    thresholds = np.unique(scores)
    # Some of so many: a rate is then off by less than a hundred-thousandth of all trials.
    thresholds = np.append(thresholds[:: 1 + len(thresholds) // MOST_THRESHOLDS], np.inf)
    sides = [_Side(scores, kind, *np.split(numbers, 2), thresholds) for kind in (labels, ~labels)]
    rng = np.random.default_rng(seed)
    for _ in range(n_replicates):
        drawn = np.bincount(rng.integers(n_speakers, size=n_speakers), minlength=n_speakers)
        positives, negatives = (side.weights(drawn) for side in sides)
        n_positive, n_negative = int(positives.sum()), int(negatives.sum())
        if n_positive and n_negative:
            misses, rejected = (side.below(own) for side, own in zip(sides, (positives, negatives)))
            counts = ErrorCounts(thresholds, misses, n_negative - rejected, n_positive, n_negative)
            yield Replicate(counts, positives, negatives)


class _Side:
    """The trials of one kind, sorted once for all draws."""

    def __init__(self, scores, kind, enrol, test, thresholds):
        self.enrol, self.test = enrol[kind], test[kind]
        self.same = self.enrol == self.test
        self.order = np.argsort(scores[kind], kind="stable")
        self.ends = np.searchsorted(scores[kind][self.order], thresholds)

    def weights(self, drawn):
        """How often each trial counts."""
        return drawn[self.enrol] if self.same.all() else drawn[self.enrol] * np.where(self.same, 1, drawn[self.test])

    def below(self, weights):
        """(n_thresholds,) the weight of all trials whose score is lower."""
        return np.append(0, np.cumsum(weights[self.order]))[self.ends]
