"""Embeddings from elsewhere as a modality of stage II: nothing of them is trained but the classifier."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.encoder.read_embeddings import read_embeddings
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.embeddings import EmbeddingDataset

logger = logging.getLogger(__name__)


class Precomputed:
    """A `Modality` whose embeddings are given, such as those of a face recogniser, or i-vectors: see `read_embeddings`.

    In an entry of ``modalities``, or as ``voice_data`` in place of the voices' encoder, it is ``data``.

    Arguments
    ---------
    embeddings : str
        A ``.npy``, a ``.npz``, or a folder with ``embeddings.npy`` and ``ids.txt``.
    ids : str, optional
    embedding_dim : int
        Numbers in an embedding, for which the classifier is made.
    """

    is_given = True

    def __init__(self, embeddings: str, embedding_dim: int, ids: str | None = None) -> None:
        self.path, self.ids, self.embedding_dim = embeddings, ids, embedding_dim

    def __str__(self):
        return f"Precomputed({self.path})"

    def manifest(self, voices: Manifest | None = None, folder: Path | None = None) -> EmbeddingTable:
        """The whole table; that none of it is of one of the voices is told."""
        table = read_embeddings(self.path, self.ids)
        if self.embedding_dim != table.dim:
            raise UserError(
                f"The embeddings {self.path} have {table.dim} numbers each, and the classifier is made for "
                f"{self.embedding_dim}: set embedding_dim of this modality to {table.dim}."
            )
        if voices is not None and is_main() and not np.isin(table.ids, voices.ids).any():
            logger.warning(
                "None of the %d embeddings in %s is of an utterance: its IDs are like %s, those of the utterances like "
                "%s.",
                len(table), self.path, table.ids[0], voices.ids[0],
            )  # fmt: skip
        return table

    def of_voices(self, voices: Manifest) -> EmbeddingTable:
        """Those of the training utterances, with their speakers and sessions; the others are told of."""
        table = self.manifest()
        rows = table.rows_of(voices.ids, self.path)
        there = rows >= 0
        if not there.all() and is_main():
            logger.warning("%d of %d utterances have no embedding in %s.", (~there).sum(), len(there), self.path)
        columns = (None if column is None else column[there] for column in (voices.spk_ids, voices.sessions))
        return EmbeddingTable(voices.ids[there], table.array, *columns, rows=rows[there])

    def digest(self, manifest: EmbeddingTable) -> str:
        """Of IDs and numbers."""
        return manifest.digest()

    def dataset(self, manifest: EmbeddingTable) -> EmbeddingDataset:
        """The same embedding in every epoch."""
        return EmbeddingDataset(manifest)

    def embed(self, source, manifest: EmbeddingTable, folder=None, device=None, compensation=None):
        """As they are."""
        return np.asarray(manifest.embeddings, dtype=np.float32), manifest.ids.tolist()
