"""How long a run has still to go, by the steps that this process has made."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from speechbrain.utils.logger import get_logger

from speechbrain_cadino.utils.distributed import max_over_ranks

logger = get_logger(__name__)
WARM = 2  # the first steps find caches, kernels and memory
FIRST_WORD = 12  # the step of this process after which the time left is said


class Clock:
    """Measures optimiser steps. What lies between them, such as a development list or a clustering, counts as well.

    Arguments
    ---------
    now : callable
        Gives seconds.

    Example
    -------
    >>> seconds = iter([0.0, 10.0])
    >>> clock = Clock(now=lambda: next(seconds))
    >>> for step in (1, 2, 7):
    ...     clock.tick(step, total=100)
    >>> clock.seconds_left(7, total=100)
    186.0
    """

    def __init__(self, now: Callable = time.monotonic) -> None:
        self.now, self.first, self.last, self.ticks = now, None, None, 0
        self.expected, self.epoch = None, 0  # seconds of a step by what was before, steps of an epoch

    def tick(self, step: int, total: int) -> None:
        """An optimiser step, by its number in the run of ``total`` steps, was just made."""
        self.ticks += 1
        if self.ticks < WARM:
            return
        self.last = step, self.now()
        self.first = self.first or self.last
        if self.ticks == FIRST_WORD:
            each = self.seconds_left(step, total) / max(1, total - step)
            logger.info("%s for the other %d steps, at %.2g s a step.", self.left(step, total), total - step, each)

    def expect(self, rows: list[dict], steps_per_epoch: int) -> None:
        """Go by the epochs that an earlier process has finished, until this one has measured an epoch of its own.

        Arguments
        ---------
        rows : list of dict
            Their records, with ``seconds``; the median counts, since one in which a run was stopped has too few.
        steps_per_epoch : int

        Example
        -------
        >>> clock = Clock()
        >>> clock.expect([{"epoch": 1, "seconds": 30.0}, {"epoch": 2, "seconds": 2.0}, {"seconds": 32.0}], 10)
        >>> clock.left(30, total=100)
        '4 min left'
        """
        seconds = [row["seconds"] for row in rows if row.get("seconds")]
        if seconds:
            self.expected, self.epoch = statistics.median(seconds[-5:]) / steps_per_epoch, steps_per_epoch

    def seconds_left(self, step: int, total: int) -> float | None:
        """Seconds from a step to the last one; None as long as there is nothing to go by."""
        steps = 0 if self.first is None else self.last[0] - self.first[0]
        if self.expected is not None and steps + WARM < self.epoch:
            return self.expected * (total - step)
        return (self.last[1] - self.first[1]) / steps * (total - step) if steps else None

    def left(self, step: int, total: int) -> str:
        """The same in words."""
        seconds = self.seconds_left(step, total)
        return "time left not known" if seconds is None else f"{in_words(seconds)} left"


def longest_wait(seconds: float) -> float:
    """The seconds that the slowest rank has waited, as all others have waited for it; every rank must call it."""
    (milliseconds,) = max_over_ranks(round(1000 * seconds))
    return round(milliseconds / 1000, 1)


def in_words(seconds: float) -> str:
    """A time as one says it.

    Example
    -------
    >>> in_words(42), in_words(200), in_words(7500), in_words(400_000)
    ('42 s', '3 min', '2.1 h', '4.6 days')
    """
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}" if name == "h" else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86400:.1f} days"
