"""Embeddings that another program has made, in place of a modality's encoder: an array and the IDs of its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.corpus.keys import digest_of, id_keys, places_of
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.utils.errors import UserError

ARRAY, IDS = "embeddings.npy", "ids.txt"  # as `extract_embeddings` keeps its own
BLOCK = 65536  # rows looked at together


class EmbeddingTable:
    """Embeddings by ID, as columns like those of a `Manifest`.

    Arguments
    ---------
    ids : sequence of str, (n,)
        Unique.
    embeddings : np.ndarray, (n, dim)
        Any floats; perhaps mapped from a file.
    spk_ids, sessions : sequence of str, (n,), or None
        Speakers and recording sessions where known.

    Example
    -------
    >>> table = EmbeddingTable(["a", "b"], np.eye(2))
    >>> table.subset([1]).ids.tolist(), len(table), table.dim
    (['b'], 2, 2)
    """

    def __init__(self, ids: Any, embeddings: np.ndarray, spk_ids: Any = None, sessions: Any = None) -> None:
        self.ids = np.asarray(ids, dtype=STRING)
        self.embeddings = embeddings
        self.spk_ids = None if spk_ids is None else np.asarray(spk_ids, dtype=STRING)
        self.sessions = None if sessions is None else np.asarray(sessions, dtype=STRING)

    def __len__(self):
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return self.embeddings.shape[1]

    def subset(self, indices: Any) -> EmbeddingTable:
        """The rows at ``indices`` (integers or a boolean mask)."""
        columns = {name: None if column is None else column[indices] for name, column in vars(self).items()}
        return EmbeddingTable(**columns)

    def of(self, ids: np.ndarray) -> EmbeddingTable:
        """The rows of these IDs, in their order; IDs without an embedding are left out."""
        rows = places_of(id_keys(ids), id_keys(self.ids))
        return self.subset(rows[rows >= 0])

    def digest(self) -> str:
        """32 hexadecimal digits of IDs and embeddings."""
        blocks = (self.embeddings[row : row + BLOCK] for row in range(0, len(self), BLOCK))
        return digest_of([*self.ids.tolist(), *(digest_of([block.tobytes().hex()]) for block in blocks)])


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
        names = listed.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"The embeddings {path} cannot be read ({reason}): give a .npy of (n, dim) numbers, and {IDS} with an ID a "
            "line beside it."
        ) from error
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
        bad = ~np.isfinite(embeddings[first : first + BLOCK]).all(axis=1)
        if bad.any():
            raise UserError(f"{array} is not finite in the row of {names[first + int(np.argmax(bad))]}: leave it out.")
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
