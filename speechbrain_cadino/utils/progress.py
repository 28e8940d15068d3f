"""Progress of what takes long: a bar on a terminal, elsewhere a line a minute, as a job's log should have it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

SECONDS = 60  # between two lines where there is no terminal
LINE = "{desc}: {n_fmt} of {total_fmt} {unit}, {elapsed} gone, {remaining} left"


class _Lines:
    """A stream in which a bar that is drawn anew is a new line."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        """Write a text, but for what only moves the cursor."""
        text = text.strip()
        if text:
            self.stream.write(f"{text}\n")

    def flush(self):
        """Flush the stream."""
        self.stream.flush()


def progress_bar(
    items: Iterable | None, what: str, total: int, unit: str, shown: bool = True, seconds: float = SECONDS
) -> tqdm:
    """A tqdm over items, or one to be updated by hand.

    Arguments
    ---------
    items : iterable or None
    what : str
        What is done, before the numbers.
    total : int
        How many items there are.
    unit : str
        What they are.
    shown : bool
        Whether it is shown at all.
    seconds : float
        Where there is no terminal: to the first line, and from one to the next.

    Returns
    -------
    tqdm

    Example
    -------
    >>> list(progress_bar("ab", "reading", 2, "letters"))
    ['a', 'b']
    """
    settings: dict[str, Any] = {"desc": what, "total": total, "unit": unit, "disable": not shown}
    if sys.stderr.isatty():
        return tqdm(items, dynamic_ncols=True, **settings)
    lines = {"mininterval": seconds, "maxinterval": seconds, "delay": seconds, "bar_format": LINE}
    return tqdm(items, file=_Lines(sys.stderr), leave=False, **lines, **settings)
