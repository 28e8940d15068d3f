"""Embeddings as Parquet, by pyarrow, which is imported where it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from speechbrain_cadino.utils.extras import need

AT_ONCE = 65536  # rows that are Python objects at a time
ID, SECONDS = "ID", "duration"


def write_parquet(path: str | Path, ids: Sequence[str], embeddings: np.ndarray, seconds: np.ndarray | None) -> None:
    """Write the columns that `speechbrain_cadino.encoder.table_files.write_table` tells of; arguments are its own."""
    arrow = pyarrow()
    columns = {
        ID: arrow.string(),
        SECONDS: arrow.float64(),
        "embedding": arrow.list_(arrow.float32(), embeddings.shape[1]),
    }
    if seconds is None:
        del columns[SECONDS]
    schema = arrow.schema(list(columns.items()))
    with pyarrow("pyarrow.parquet").ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, len(ids), AT_ONCE):
            rows = slice(first, first + AT_ONCE)
            flat = arrow.array(np.ascontiguousarray(embeddings[rows]).ravel())
            arrays = [arrow.array(list(ids[rows]), arrow.string())]
            arrays += [] if seconds is None else [arrow.array(np.asarray(seconds[rows], dtype=np.float64))]
            arrays.append(arrow.FixedSizeListArray.from_arrays(flat, embeddings.shape[1]))
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def read_parquet(path: str | Path) -> tuple[list, np.ndarray, np.ndarray | None]:
    """The IDs, the embeddings (n, dim) and the durations, if there are; a `ValueError` for other columns."""
    table = pyarrow("pyarrow.parquet").read_table(path)
    names, column = table.column(ID).to_pylist(), table.column("embedding").combine_chunks()
    if not hasattr(column, "flatten"):
        raise ValueError("its embeddings are no lists of numbers")
    lengths, values = column.value_lengths().unique().to_pylist(), column.flatten().to_numpy(zero_copy_only=False)
    seconds = table.column(SECONDS).to_numpy() if SECONDS in table.column_names else None
    if len(lengths) > 1 or None in lengths:
        raise ValueError("its embeddings are not of one length")
    return names, values.reshape(len(names), -1), seconds


def pyarrow(module: str = "pyarrow") -> ModuleType:
    """A module of the package, or a `UserError` that tells how to get it."""
    return need(module, "parquet", "A .parquet (.npz does without) needs")
