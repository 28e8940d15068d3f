"""Embeddings of files as one file: Parquet, NumPy's npz, or CSV; written all or nothing, read back alike."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.encoder.read_embeddings import checked_table, read_embeddings
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.extras import need
from speechbrain_cadino.utils.files import atomic_path, write_csv
from speechbrain_cadino.utils.text import open_table

FORMATS = (".parquet", ".npz", ".csv")
AT_ONCE = 65536  # rows that are Python objects at a time
ID, SECONDS = "ID", "duration"


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
        _pyarrow()


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
            _write_parquet(temporary, ids, embeddings, seconds)


def read_table(path: str | Path, ids: str | Path | None = None) -> FileEmbeddings:
    """Read what `write_table` wrote, or embeddings of any other program that `read_embeddings` reads.

    Arguments
    ---------
    path : str or Path
        A ``.parquet`` or ``.csv`` as of `write_table`; else as of `read_embeddings`, of a ``.npz`` with its durations.
    ids : str or Path, optional
        As of `read_embeddings`; not for a ``.parquet`` or ``.csv``.

    Raises
    ------
    UserError
        If the file cannot be read, or holds something else, or an embedding that is not finite.
    """
    reader = {".parquet": _read_parquet, ".csv": _read_csv}.get(Path(path).suffix.lower())
    if reader is None:
        return FileEmbeddings(read_embeddings(path, ids), _durations(path))
    if ids is not None:
        raise UserError(f"{path} has its IDs in it, and a list of IDs ({ids}) is given as well: leave the list out.")
    if not Path(path).is_file():
        raise UserError(f"{path} cannot be read (no such file): give a file of embeddings.")
    try:
        names, embeddings, seconds = reader(path)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        reason = str(error).strip("'\"").split("\n")[0].rstrip(".")
        raise UserError(f"The embeddings {path} cannot be read ({reason}): give a file that embed wrote.") from error
    return FileEmbeddings(checked_table(names, embeddings, path), seconds)


def read_any(path: str | Path, ids: str | Path | None = None) -> EmbeddingTable:
    """The embeddings that `read_table` reads, without durations."""
    return read_table(path, ids).table


def _rows(ids, embeddings, seconds):
    for first in range(0, len(ids), AT_ONCE):
        for row, embedding in enumerate(embeddings[first : first + AT_ONCE].tolist(), first):
            time = [] if seconds is None else [f"{seconds[row]:.9g}"]
            yield [ids[row], *time, *(f"{value:.9g}" for value in embedding)]


def _read_csv(path):
    with open_table(path, "table of embeddings", "give one that embed wrote") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        n_names = 1 + (SECONDS in header[:2])
        if header[:1] != [ID] or len(header) == n_names:
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


def _durations(path):
    """(n,) those of a ``.npz`` that `write_table` wrote, None of anything else."""
    if Path(path).suffix.lower() != ".npz":
        return None
    with np.load(path, allow_pickle=False) as file:
        return file["durations"] if "durations" in file.files else None


def _write_parquet(path, ids, embeddings, seconds):
    arrow = _pyarrow()
    columns = {
        ID: arrow.string(),
        SECONDS: arrow.float64(),
        "embedding": arrow.list_(arrow.float32(), embeddings.shape[1]),
    }
    if seconds is None:
        del columns[SECONDS]
    schema = arrow.schema(list(columns.items()))
    with _pyarrow("pyarrow.parquet").ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, len(ids), AT_ONCE):
            rows = slice(first, first + AT_ONCE)
            flat = arrow.array(np.ascontiguousarray(embeddings[rows]).ravel())
            arrays = [arrow.array(list(ids[rows]), arrow.string())]
            arrays += [] if seconds is None else [arrow.array(np.asarray(seconds[rows], dtype=np.float64))]
            arrays.append(arrow.FixedSizeListArray.from_arrays(flat, embeddings.shape[1]))
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _read_parquet(path):
    table = _pyarrow("pyarrow.parquet").read_table(path)
    names, column = table.column(ID).to_pylist(), table.column("embedding").combine_chunks()
    values = column.values.to_numpy(zero_copy_only=False)
    seconds = table.column(SECONDS).to_numpy() if SECONDS in table.column_names else None
    if column.null_count or len(values) % max(1, len(names)):
        raise ValueError("its embeddings are not of one length")
    return names, values.reshape(len(names), -1), seconds


def _pyarrow(module: str = "pyarrow") -> ModuleType:
    return need(module, "parquet", "A .parquet (.npz does without) needs")
