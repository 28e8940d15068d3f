"""Excerpts of an utterance at given places, with as few reads as it takes: no files and no state here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE

# Excerpts of a long file that lie farther apart are read one by one: decoding the gap costs more than a new seek.
READ_GAP = 10 * SAMPLE_RATE


def draw_starts(rng: np.random.Generator, total: int, lengths: np.ndarray) -> np.ndarray:
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


def read_excerpts(read: Callable, total: int, starts: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
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
    >>> read_excerpts(lambda start, stop: wave[start:stop], 5, np.array([1, 3]), np.array([3, 7]))[1].tolist()
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


def wrapped(wave: np.ndarray, start: int, length: int) -> np.ndarray:
    """``length`` samples of ``wave`` from ``start`` on, over its end to its begin as often as it takes."""
    if start + length <= len(wave):
        return wave[start : start + length]
    return np.take(wave, np.arange(start, start + length), mode="wrap")


def _near_each_other(firsts, stops):
    """Indices of intervals, in groups with gaps of at most `READ_GAP` inside."""
    order = np.argsort(firsts, kind="stable")
    reached = np.maximum.accumulate(stops[order])
    return np.split(order, np.flatnonzero(firsts[order][1:] - reached[:-1] > READ_GAP) + 1)
