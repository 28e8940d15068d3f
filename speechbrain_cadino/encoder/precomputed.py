"""Embeddings that another program has made, in place of a modality's encoder: an array and the IDs of its rows."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.corpus.keys import digest_of, id_keys, places_of
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.names import name_key
from speechbrain_cadino.corpus.spellings import spellings
from speechbrain_cadino.utils.errors import UserError

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

    def rows_of(self, ids: Any, path: Any) -> np.ndarray:
        """Where each of some utterances stands, (n,) int64, -1 where it does not.

        IDs are compared as they are; if none is found, without suffix, quotes and the case of letters.

        Arguments
        ---------
        ids : sequence of str, (n,)
            Of a manifest.
        path : str or Path
            Where the embeddings are from, for messages.

        Raises
        ------
        UserError
            If there is none of them, or two IDs mean one utterance.
        """
        rows = places_of(id_keys(ids), id_keys(self.ids))
        if (rows >= 0).any():
            return rows
        own = [name_key(spellings(one)[-1]) for one in self.ids.tolist()]
        rows = places_of(id_keys([name_key(one) for one in np.asarray(ids, STRING).tolist()]), id_keys(own))
        if not (rows >= 0).any():
            raise UserError(
                f"No training utterance has an embedding in {path}: its IDs are like {self.ids[0]}, those of the "
                f"utterances like {ids[0]}. Give embeddings of these recordings, with paths below the "
                "data folder as IDs."
            )
        keys, counts = np.unique(np.asarray(own, STRING), return_counts=True)
        if len(keys) < len(own):
            raise UserError(
                f"{path} has {counts.max()} embeddings of {keys[np.argmax(counts)]}, whose IDs differ in no more than "
                "suffix or case: name each as the manifest does."
            )
        return rows

    def digest(self) -> str:
        """32 hexadecimal digits of IDs and embeddings."""
        digest = hashlib.blake2b(digest_of(self.ids.tolist()).encode(), digest_size=16)
        for first in range(0, len(self), BLOCK):
            digest.update(np.ascontiguousarray(self.array[self.rows[first : first + BLOCK]]).tobytes())
        return digest.hexdigest()


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
