"""Single files that a run has left, read back as far as they can be: for who looks at a run, whatever became of it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from speechbrain_cadino.training.for_report import OPTIONS
from speechbrain_cadino.training.history import number_or_text
from speechbrain_cadino.utils.arrays import ARRAY_FAULTS

LOG_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.]?(\d*) - ([\w.]+) - ([A-Z]+) - (.*)$")
WORDS = ("step", "keep")  # columns of iterations.csv that hold text
MISSING = "it is not there"
LARGEST = 2**53  # of whole numbers: larger ones are floats
START = "Beginning experiment!"  # SpeechBrain's line for each start of a run


class Table(NamedTuple):
    """Rows of a table that a run has left, and in what the file is not as it was written, '' if it is."""

    rows: list
    fault: str


def read_table(path: Path, key: str = "epoch") -> Table:
    """The rows of a CSV of `History` that can be used, whatever became of the file.

    Arguments
    ---------
    path : Path
    key : str
        The column that numbers the rows: ``epoch`` or ``iteration``.

    Returns
    -------
    Table
        In the order of ``key``, of several rows of one number the last; numbers alone, but for the columns in `WORDS`.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # a spreadsheet puts a mark before its first letter
            lines = list(csv.DictReader(file, skipinitialspace=True))
    except FileNotFoundError:
        return Table([], MISSING)
    except (OSError, ValueError, csv.Error):
        return Table([], "it cannot be read")
    faults, found, strange = [], [], {}
    if lines and None in lines[-1].values():
        faults.append("its last line is cut short")
        whole = [name for name, text in lines[-1].items() if text is not None]
        lines[-1] = {name: lines[-1][name] for name in whole[:-1]}  # the last cell may be cut, too
    for line in lines:
        row = {} if None in line else {name.strip(): _cell(text) for name, text in line.items() if text}
        strange |= {name: None for name, cell in row.items() if isinstance(cell, str) and name not in WORDS}
        row = {name: cell for name, cell in row.items() if not isinstance(cell, str) or name in WORDS}
        if isinstance(row.get(key), int) and row[key] >= 0:
            found.append(row)
    if not found:
        return Table([], f"no line of it is of an {key}")
    if len(found) < len(lines):
        faults.append(f"{len(lines) - len(found)} of its {len(lines)} lines are of no {key}")
    elif strange:
        faults.append(f"what is no number stands in {', '.join(strange)}")
    ordered = dict(sorted({row[key]: row for row in found}.items()))
    if list(ordered) != [row[key] for row in found]:
        faults.append(f"an {key} stands in it twice or out of order, and of each the last line counts")
    return Table(list(ordered.values()), "; ".join(faults))


def _cell(text):
    value = number_or_text(text)
    if isinstance(value, int) and abs(value) > LARGEST:
        value = float(text)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST else value


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
    except ARRAY_FAULTS:
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
