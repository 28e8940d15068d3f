"""Single files that a run has left, read back as far as they can be: for who looks at a run, whatever became of it."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from speechbrain_cadino.training.for_report import OPTIONS
from speechbrain_cadino.training.history import History

LOG_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.]?(\d*) - ([\w.]+) - ([A-Z]+) - (.*)$")
START = "Beginning experiment!"  # SpeechBrain's line for each start of a run


def read_rows(path: Path) -> list[dict] | None:
    """Rows of a CSV of `History`; None if it is missing or damaged."""
    try:
        return History.read_csv(path).rows
    except (OSError, ValueError, TypeError, LookupError, csv.Error):  # TypeError: a line with more cells than columns
        return None


def read_json(path: Path) -> dict[str, Any] | None:
    """A mapping of a JSON file; None if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def read_options(path: Path) -> dict | None:
    """What the first line of a run's ``hyperparams.yaml`` says was given; None if it says nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            first = file.readline()
        found = json.loads(first.removeprefix(OPTIONS)) if first.startswith(OPTIONS) else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Arrays of an ``.npz``; None if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, LookupError, AttributeError, zipfile.BadZipFile):
        return None


class LogLine(NamedTuple):
    """A line of a run's ``log.txt``: its time as "2026-01-31 23:59:59" and the digits of the milliseconds, the rest."""

    time: str
    milliseconds: str
    logger: str
    level: str
    message: str


def log_lines(lines: Iterable[str]) -> Iterator[LogLine]:
    """Those lines of a ``log.txt`` that begin an entry; others, such as of a trace, are passed over.

    Example
    -------
    >>> [line.message for line in log_lines(["2026-01-31 23:59:59,123 - a.b - INFO - told", "more of it"])]
    ['told']
    """
    for line in lines:
        match = LOG_LINE.match(line)
        if match is not None:
            yield LogLine(*match.groups())
