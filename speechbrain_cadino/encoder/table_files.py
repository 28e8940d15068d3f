"""Embeddings of files as one file: Parquet, NumPy's npz, or CSV; written all or nothing, read back alike."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.encoder.parquet import AT_ONCE, ID, SECONDS, pyarrow, read_parquet, write_parquet
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.encoder.read_embeddings import checked_table, read_embeddings, text_of
from speechbrain_cadino.utils.arrays import ARRAY_FAULTS
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, write_csv
from speechbrain_cadino.utils.text import open_table

FORMATS = (".parquet", ".npz", ".csv")


class FileEmbeddings(NamedTuple):
    """Embeddings of files.

    Arguments
    ---------
    table : EmbeddingTable
    seconds : np.ndarray or None
        (n,) durations where known.
    """

    table: EmbeddingTable
    seconds: np.ndarray | None


def check_format(path: str | Path) -> None:
    """Refuse a file that `write_table` could not write, by its suffix, or for want of pyarrow.

    Raises
    ------
    UserError
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise UserError(f"{path} has the suffix '{suffix}': call the output .parquet, .npz or .csv.")
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder: give a file for the output.")
    if suffix == ".parquet":
        pyarrow()


def write_table(
    path: str | Path, ids: Sequence[str], embeddings: np.ndarray, seconds: np.ndarray | None = None
) -> None:
    """Write embeddings, all or nothing.

    Parquet has the columns ``ID``, ``duration`` (where known) and ``embedding`` (a list of float32); npz the arrays
    ``ids``, ``durations`` and ``embeddings``; CSV the columns ``ID``, ``duration``, ``e0``, ``e1``, ...

    Arguments
    ---------
    path : str or Path
        Its suffix gives the format.
    ids : sequence of str, (n,)
    embeddings : np.ndarray
        (n, dim) float32
    seconds : np.ndarray, optional
        (n,)

    Raises
    ------
    UserError
        As `check_format`, or if the disk is full.

    Example
    -------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/x.csv"
    >>> write_table(path, ["a.wav"], np.array([[0.5, 1.0]]), np.array([2.0]))
    >>> open(path).read()
    'ID,duration,e0,e1\\na.wav,2,0.5,1\\n'
    """
    check_format(path)
    suffix, embeddings = Path(path).suffix.lower(), np.asarray(embeddings, dtype=np.float32)
    if suffix == ".csv":
        header = [ID, *([] if seconds is None else [SECONDS]), *(f"e{number}" for number in range(embeddings.shape[1]))]
        write_csv(path, header, _rows(ids, embeddings, seconds))
        return
    with atomic_path(path) as temporary:
        if suffix == ".npz":
            known = {} if seconds is None else {"durations": np.asarray(seconds)}
            np.savez(temporary, ids=np.array(ids, dtype=str), embeddings=embeddings, **known)
        else:
            write_parquet(temporary, ids, embeddings, seconds)


def read_table(path: str | Path, ids: str | Path | None = None) -> FileEmbeddings:
    """Read what `write_table` wrote, or what `read_embeddings` reads: a ``.npy`` or a folder, with the IDs beside it.

    Raises
    ------
    UserError
        If the file cannot be read, or holds something else, or an embedding that is not finite.
    """
    reader = {".parquet": read_parquet, ".npz": _read_npz, ".csv": _read_csv}.get(Path(path).suffix.lower())
    if reader is None:
        return FileEmbeddings(read_embeddings(path, ids), None)
    if ids is not None:
        raise UserError(f"{path} has its IDs in it, and a list of IDs ({ids}) is given as well: leave the list out.")
    if not Path(path).is_file():
        raise UserError(f"{path} cannot be read (no such file): give a file of embeddings.")
    try:
        names, embeddings, seconds = reader(path)
    except (*ARRAY_FAULTS, csv.Error) as error:
        reason = str(error).strip("'\"").split("\n")[0].rstrip(".")
        raise UserError(f"The embeddings {path} cannot be read ({reason}): give a file that embed wrote.") from error
    if any(name is None for name in names):
        raise UserError(f"{path} has an embedding without an ID: leave it out.")
    table = checked_table(names, embeddings, path)
    if seconds is not None and not (seconds.shape == (len(names),) and _are_seconds(seconds)):
        raise UserError(f"{path} has durations that are not a number of seconds for each ID: correct or remove them.")
    return FileEmbeddings(table, seconds)


def read_any(path: str | Path, ids: str | Path | None = None) -> EmbeddingTable:
    """Embeddings of any program: a ``.parquet`` or ``.csv`` as of `read_table`, else what `read_embeddings` reads."""
    with_ids = Path(path).suffix.lower() in (".parquet", ".csv")
    return read_table(path, ids).table if with_ids else read_embeddings(path, ids)


def _are_seconds(values):
    return values.dtype.kind in "fiu" and bool((np.isfinite(values) & (values >= 0)).all())


def _rows(ids, embeddings, seconds):
    for first in range(0, len(ids), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        times = (
            [[]] * len(ids[rows])
            if seconds is None
            else [[f"{time:.9g}"] for time in np.asarray(seconds[rows]).tolist()]
        )
        for name, time, embedding in zip(ids[rows], times, embeddings[rows].tolist()):
            yield [name, *time, *(f"{value:.9g}" for value in embedding)]


def _read_csv(path):
    with open_table(path, "table of embeddings", "give one that embed wrote") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        n_names = 1 + (SECONDS in header[:2])
        if header[:1] != [ID] or len(header) == n_names or SECONDS in header[n_names:]:
            raise ValueError(f"its first line is not {ID},{SECONDS},e0,e1,...")
        names, times, parts = [], [], [np.zeros((0, len(header) - n_names), np.float32)]
        while rows := [row for row in islice(reader, AT_ONCE) if row]:
            bad = next((row for row in rows if len(row) != len(header)), None)
            if bad is not None:
                raise ValueError(f"the row {bad[0]} has {len(bad)} fields, the header {len(header)}")
            names += [row[0] for row in rows]
            times += [row[1] for row in rows]
            parts.append(np.array([row[n_names:] for row in rows]).astype(np.float32))
    return names, np.concatenate(parts), np.array(times, dtype=float) if n_names == 2 else None


def _read_npz(path):
    with np.load(path, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array")
        seconds = file["durations"] if "durations" in file.files else None
        return [text_of(one) for one in file["ids"].tolist()], file["embeddings"], seconds
