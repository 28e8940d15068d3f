"""Embeddings that another program has made, in place of a modality's encoder: an array and the IDs of its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import read_text

ARRAY, IDS = "embeddings.npy", "ids.txt"  # as `extract_embeddings` keeps its own
BLOCK = 65536  # rows looked at together


class EmbeddingTable:
    """Embeddings by ID, as columns like those of a `Manifest`. A part of it is not copied out of the array.

    Arguments
    ---------
    ids : sequence of str, (n,)
        Unique.
    array : np.ndarray, (any, dim)
        Any floats; perhaps mapped from a file.
    spk_ids, sessions : sequence of str, (n,), or None
        Speakers and recording sessions where known.
    rows : np.ndarray, (n,) int64, optional
        Of the array; default: all, in order.

    Example
    -------
    >>> table = EmbeddingTable(["a", "b"], np.eye(2))
    >>> part = table.subset([1])
    >>> part.ids.tolist(), part.embeddings.tolist(), part[0].tolist(), part.dim
    (['b'], [[0.0, 1.0]], [0.0, 1.0], 2)
    """

    def __init__(
        self, ids: Any, array: np.ndarray, spk_ids: Any = None, sessions: Any = None, rows: np.ndarray | None = None
    ) -> None:
        self.ids, self.array = np.asarray(ids, dtype=STRING), array
        self.spk_ids = None if spk_ids is None else np.asarray(spk_ids, dtype=STRING)
        self.sessions = None if sessions is None else np.asarray(sessions, dtype=STRING)
        self.rows = np.arange(len(self.ids)) if rows is None else rows

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, row):
        """One embedding, (dim,)."""
        return self.array[self.rows[row]]

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return self.array.shape[1]

    @property
    def embeddings(self) -> np.ndarray:
        """All, (n, dim), in memory."""
        return np.asarray(self.array[self.rows])

    def subset(self, indices: Any) -> EmbeddingTable:
        """The rows at ``indices`` (integers or a boolean mask)."""
        columns = {name: getattr(self, name) for name in ("ids", "spk_ids", "sessions", "rows")}
        columns = {name: None if column is None else column[indices] for name, column in columns.items()}
        return EmbeddingTable(array=self.array, **columns)

    def digest(self) -> str:
        """32 hexadecimal digits of IDs and embeddings."""
        digest = hashlib.blake2b(digest_of(self.ids.tolist()).encode(), digest_size=16)
        for first in range(0, len(self), BLOCK):
            digest.update(np.ascontiguousarray(self.array[self.rows[first : first + BLOCK]]).tobytes())
        return digest.hexdigest()


def read_embeddings(path: str | Path, ids: str | Path | None = None) -> EmbeddingTable:
    """Read embeddings.

    Arguments
    ---------
    path : str or Path
        A ``.npy`` with (n, dim) floats; or a folder with ``embeddings.npy`` and ``ids.txt``, as each iteration keeps.
    ids : str or Path, optional
        A text with one ID a line, n of them; default: ``ids.txt`` beside the array.

    Returns
    -------
    EmbeddingTable
        The array stays on the disk, and is read where it is used.

    Raises
    ------
    UserError
        If a file cannot be read, the two do not fit each other, or an embedding is not finite.
    """
    array = Path(path) / ARRAY if Path(path).is_dir() else Path(path)
    listed = array.with_name(IDS) if ids is None else Path(ids)
    try:
        embeddings = np.load(array, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"The embeddings {path} cannot be read ({reason}): give a .npy of (n, dim) numbers, and {IDS} with an ID a "
            "line beside it."
        ) from error
    # By newlines alone, as they are written: an ID may have other characters that end a line in Unicode.
    names = read_text(listed, "list of IDs", f"give {IDS}, with an ID a line").removesuffix("\n").split("\n")
    if not isinstance(embeddings, np.ndarray):
        raise UserError(f"{array} holds several arrays: give a .npy of one, (n, dim).")
    return checked_table(names, embeddings, array, listed)


def checked_table(
    names: Sequence[str], embeddings: np.ndarray, array: str | Path, listed: str | Path | None = None
) -> EmbeddingTable:
    """A table of what was read from files, or a `UserError` that says what is wrong with them.

    Arguments
    ---------
    names : sequence of str, (n,)
    embeddings : np.ndarray
        Wanted as (n, dim) floats.
    array, listed : str or Path
        The files that they come from, for messages; default of ``listed``: the same.
    """
    listed = array if listed is None else listed
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f" or not embeddings.size:
        raise UserError(
            f"{array} holds {embeddings.dtype} of the shape {embeddings.shape}: give floats, (n, dim), a row an ID."
        )
    if len(names) != len(embeddings):
        raise UserError(f"{array} has {len(embeddings)} rows and {listed} {len(names)} IDs: give an ID for each row.")
    unique, counts = np.unique(np.asarray(names, dtype=STRING), return_counts=True)
    if len(unique) < len(names):
        raise UserError(f"{listed} has {unique[np.argmax(counts)]} more than once: keep one embedding for each ID.")
    for first in range(0, len(names), BLOCK):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(embeddings[first : first + BLOCK].astype(np.float32)).all(axis=1)
        if bad.any():
            name = names[first + int(np.argmax(bad))]
            raise UserError(f"{array} is not finite, as float32, in the row of {name}: leave it out.")
    return EmbeddingTable(names, embeddings)


class PrecomputedEncoder(nn.Module):
    """Stands where an encoder stands, has nothing to train, and gives the embeddings that it gets.

    Arguments
    ---------
    embedding_dim : int

    Example
    -------
    >>> PrecomputedEncoder(3)(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim), as they are."""
        return embeddings
