"""Single files of a run, read as far as they can be: what is missing or damaged is empty."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_cadino.training.for_report import OPTIONS
from speechbrain_cadino.training.history import History


def read_rows(path: Path) -> list[dict]:
    """Rows of a CSV of `History`."""
    try:
        rows = History.read_csv(path).rows
    except (OSError, ValueError, TypeError, csv.Error):  # TypeError: a line with more cells than columns
        return []
    return rows


def read_json(path: Path) -> dict[str, Any]:
    """A mapping of a JSON file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read_options(path: Path) -> dict | None:
    """What the first line of a run's ``hyperparams.yaml`` says was given; None if it says nothing."""
    try:
        with open(path, encoding="utf-8") as file:
            first = file.readline()
        found = json.loads(first.removeprefix(OPTIONS)) if first.startswith(OPTIONS) else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz``."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, LookupError, AttributeError, zipfile.BadZipFile):
        return {}
