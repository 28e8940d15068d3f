"""A SpeechBrain CSV as columns, some thousand rows at a time: a million rows in seconds, no dict a row."""

from __future__ import annotations

import csv
import os
from itertools import islice
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import open_table

COLUMNS = ("ID", "duration", "wav", "start", "stop", "spk_id")
DATA_ROOT = "$data_root"
TEXTS = ("ID", "spk_id", "session", "content")
ROWS_AT_ONCE = 65536


def read_columns(csv_path: str | Path, data_root: str | Path | None = None) -> dict[str, np.ndarray]:
    """The columns of a SpeechBrain CSV as they are written.

    Arguments
    ---------
    csv_path : str or Path
    data_root : str, Path or None
        What ``$data_root`` stands for in the columns ``wav`` and ``face``; in that of faces it becomes absolute.

    Returns
    -------
    dict of np.ndarray, each (n,)
        ``ID``, ``wav``, ``face``, ``spk_id``, ``session``, ``content`` as text, '' where not given; ``start``,
        ``stop``, ``duration`` as float64, NaN where not given, but 0 for ``start``.

    Raises
    ------
    UserError
        If the file is absent, empty, no CSV, or lacks ``ID`` or ``wav``, or a row is no good.
    """
    with open_table(csv_path, "CSV", "check its path and make it anew") as file:
        try:
            reader = csv.reader(file, skipinitialspace=True)
            header = _check_header(next(reader, []), csv_path)
            chunks = list(_chunks(reader, header, csv_path, data_root))
        except csv.Error as error:
            raise UserError(f"The CSV {csv_path} cannot be read ({error}): make it anew.") from error
    if not chunks:
        raise UserError(f"{csv_path} has no rows: prepare the corpus again and look at its rejected.csv.")
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _check_header(header, csv_path):
    lacking = [name for name in ("ID", "wav") if name not in header]
    if lacking:
        raise UserError(
            f"{csv_path} lacks the column {' and '.join(lacking)}: its first line must be {','.join(COLUMNS)}."
        )
    return header


def _chunks(reader, header, csv_path, data_root):
    """Some thousand rows at a time, so that only those are ever Python objects."""
    while rows := [row for row in islice(reader, ROWS_AT_ONCE) if row]:
        try:
            fields = dict(zip(header, zip(*rows, strict=True), strict=True))
        except ValueError as error:
            row = next((row for row in rows if len(row) != len(header)), rows[0])
            raise UserError(
                f"{csv_path}: the row {row[0]} has {len(row)} fields where the header has {len(header)}: correct it."
            ) from error
        blank = [""] * len(rows)
        chunk = {name: np.array(fields.get(name, blank), dtype=STRING) for name in TEXTS}
        for name, root in (("wav", data_root), ("face", absolute(data_root))):
            chunk[name] = np.array(_rooted(fields.get(name, blank), root, csv_path), dtype=STRING)
        for name in ("start", "stop", "duration"):
            chunk[name] = _numbers(fields.get(name, blank), name, fields["ID"], csv_path)
        chunk["start"][np.isnan(chunk["start"])] = 0
        yield chunk


def absolute(data_root: str | Path | None) -> str | None:
    """What ``$data_root`` stands for in a column of faces: paths there that are not absolute start from elsewhere."""
    return None if data_root is None else os.path.abspath(data_root)


def _rooted(paths, data_root, csv_path):
    if data_root is not None:
        root = f"{data_root}".rstrip("/")
        return [path.replace(DATA_ROOT, root) for path in paths]
    if any(DATA_ROOT in path for path in paths):
        raise UserError(f"{csv_path} names its files by {DATA_ROOT}: give the setting data_root.")
    return paths


def _numbers(texts, name, ids, csv_path):
    """Text to float64, empty text to NaN."""
    try:
        return np.array([text or "nan" for text in texts]).astype(np.float64)
    except ValueError:
        for text, utterance in zip(texts, ids):
            try:
                float(text or "nan")
            except ValueError as error:
                raise UserError(
                    f"{csv_path}: the row {utterance} has {text!r} as {name}, which is not a number: correct it."
                ) from error
        raise
