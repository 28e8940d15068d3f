"""Which samples of an utterance each view shows: numpy only, no files and no state."""

import math
from dataclasses import dataclass

import numpy as np
import soxr

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError

# Crops of a long file that lie farther apart are read one by one: decoding the gap costs more than a new seek.
READ_GAP = 10 * SAMPLE_RATE


@dataclass(frozen=True)
class CropSpec:
    """How many views an item has and how long they are, global ones first.

    Arguments
    ---------
    n_global, n_local : int
        Views that teacher and student see, and views that only the student sees.
    global_seconds, local_seconds : float
        Their lengths.

    Raises
    ------
    UserError
        If there is no global view, a negative number of views, or a length below one sample.

    Example
    -------
    >>> CropSpec(n_global=2, global_seconds=3.0, n_local=1, local_seconds=2.0).lengths.tolist()
    [48000, 48000, 32000]
    """

    n_global: int = 2
    global_seconds: float = 3.0
    n_local: int = 4
    local_seconds: float = 2.0

    def __post_init__(self):
        if self.n_global < 1 or self.n_local < 0:
            raise UserError(
                f"n_global is {self.n_global} and n_local {self.n_local}: set at least 1 global and 0 local views."
            )
        if self.lengths.min() < 1:
            raise UserError("global_seconds and local_seconds must be above zero: set for example 3.0 and 2.0.")

    @property
    def n_views(self):
        """Number of views of an item."""
        return self.n_global + self.n_local

    @property
    def lengths(self):
        """Samples of each view, (n_views,) int64."""
        seconds = [self.global_seconds] * self.n_global + [self.local_seconds] * self.n_local
        return np.round(np.array(seconds) * SAMPLE_RATE).astype(np.int64)


def draw_starts(rng, total, lengths):
    """First sample of each crop, uniform over all that fit.

    A crop longer than the utterance shows it repeated; it then starts anywhere in it, so that two such crops differ.

    Arguments
    ---------
    rng : np.random.Generator
    total : int
        Samples of the utterance, at least 1.
    lengths : np.ndarray
        Samples of each crop, (n,).

    Returns
    -------
    np.ndarray, (n,) int64

    Example
    -------
    >>> draw_starts(np.random.default_rng(0), 10, np.array([10, 10])).tolist()
    [0, 0]
    """
    return rng.integers(np.where(lengths <= total, total - lengths + 1, total))


def read_crops(read, total, starts, lengths):
    """Cut crops from an utterance: one read, or one for each cluster of crops if they are far apart.

    Arguments
    ---------
    read : callable
        ``read(start, stop)`` gives these samples of the utterance, (time,) float32; fewer, but some, if it ends before.
    total : int
        Samples of the utterance.
    starts, lengths : np.ndarray
        First sample and number of samples of each crop, (n,).

    Returns
    -------
    list of np.ndarray, crop i (lengths[i],) float32

    Example
    -------
    >>> wave = np.arange(5, dtype=np.float32)
    >>> read_crops(lambda start, stop: wave[start:stop], 5, np.array([1, 3]), np.array([3, 7]))[1].tolist()
    [3.0, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    """
    repeated = lengths > total
    firsts, stops = np.where(repeated, 0, starts), np.where(repeated, total, starts + lengths)
    crops = [None] * len(starts)
    for members in _near_each_other(firsts, stops):
        first = int(firsts[members].min())
        span = read(first, int(stops[members].max()))
        for i in members:
            # Wrapping repeats a short utterance, and also a file that is shorter than its manifest row says.
            crops[i] = wrapped(span, starts[i] - first, lengths[i])
    return crops


def wrapped(wave, start, length):
    """``length`` samples of ``wave`` from ``start`` on, over its end to its begin as often as it takes."""
    if start + length <= len(wave):
        return wave[start : start + length]
    return np.take(wave, np.arange(start, start + length), mode="wrap")


def change_speed(wave, factor, length):
    """Play ``wave`` ``factor`` times as fast (pitch and formants shift too) and give its first ``length`` samples.

    Arguments
    ---------
    wave : np.ndarray
        (time,) float32, `length_before_speed` samples.
    factor : float
        1.1 is a tenth faster.
    length : int
        Samples to return.

    Returns
    -------
    np.ndarray, (length,) float32
    """
    return wave[:length] if factor == 1 else soxr.resample(wave, SAMPLE_RATE * factor, SAMPLE_RATE)[:length]


def length_before_speed(length, factor):
    """Samples that `change_speed` needs in order to give ``length``; exactly as many if the factor is 1."""
    return length if factor == 1 else math.ceil(length * factor) + 1


def _near_each_other(firsts, stops):
    """Indices of intervals, in groups with gaps of at most `READ_GAP` inside."""
    order = np.argsort(firsts, kind="stable")
    reached = np.maximum.accumulate(stops[order])
    return np.split(order, np.flatnonzero(firsts[order][1:] - reached[:-1] > READ_GAP) + 1)
