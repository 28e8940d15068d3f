"""What a further modality is to stage II, besides its network: its recordings, and what is done with its encoder.

The setting ``modalities`` gives each modality an object ``data`` of this protocol. A third modality is a class with
these methods, an encoder whose ``forward`` takes its batches' views, and an entry in a YAML.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.precomputed import EmbeddingTable, read_embeddings
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.embeddings import EmbeddingDataset


class Modality(Protocol):
    """The recordings of one modality, and its encoder's beginning and end."""

    def manifest(self, voices: Manifest, folder: Path) -> Any:
        """Its recordings, with ``ids``, ``spk_ids``, ``sessions`` and ``subset`` as a `Manifest` has them.

        ``voices`` are the training utterances, and in ``folder``, that of the run, it may keep what it has found. The
        main rank calls it first, then every rank.
        """

    def digest(self, manifest: Any) -> str:
        """Of all that decides what is learnt from these recordings."""

    def dataset(self, manifest: Any) -> Any:
        """What a `PairedDataset` takes: samples by (epoch, row), ``collate``, ``manifest``."""

    def encoder_digest(self, source: str | Path | None) -> str:
        """Of an encoder folder, or of what stands in its place."""

    def embed(
        self,
        source: str | Path | None,
        manifest: Any,
        folder: Path,
        device: torch.device | str | None,
        compensation: Callable | None,
    ) -> tuple[np.ndarray, list]:
        """Embeddings (n, dim) float32 by the encoder of a folder, kept in ``folder``, and their n IDs.

        Recordings that cannot be embedded are left out. Every rank must call it.
        """

    def start(self, encoder: nn.Module, source: str | Path) -> None:
        """Give an encoder that is to be trained the weights of an encoder folder."""

    def keep(self, encoder: nn.Module, manifest: Any, folder: Path, info: dict) -> dict[str, float]:
        """Write the trained encoder as a folder and measure it; ``info`` is for people. For the main rank alone."""


class Precomputed:
    """Embeddings from elsewhere as a modality, see `read_embeddings`: nothing of them is trained but the classifier.

    Arguments
    ---------
    embeddings : str
        A ``.npy``, or a folder with ``embeddings.npy`` and ``ids.txt``.
    ids : str, optional
    embedding_dim : int, optional
        What the classifier is made for, to be compared.
    """

    def __init__(self, embeddings: str, ids: str | None = None, embedding_dim: int | None = None) -> None:
        self.path, self.ids, self.embedding_dim = embeddings, ids, embedding_dim

    def __str__(self):
        return f"Precomputed({self.path})"

    def manifest(self, voices: Manifest | None = None, folder: Path | None = None) -> EmbeddingTable:
        """The table."""
        table = read_embeddings(self.path, self.ids)
        if self.embedding_dim not in (None, table.dim):
            raise UserError(
                f"The embeddings {self.path} have {table.dim} numbers each, and the classifier is made for "
                f"{self.embedding_dim}: set embedding_dim of this modality to {table.dim}."
            )
        return table

    def digest(self, manifest: EmbeddingTable) -> str:
        """Of IDs and numbers."""
        return manifest.digest()

    def dataset(self, manifest: EmbeddingTable) -> EmbeddingDataset:
        """The same embedding in every epoch."""
        return EmbeddingDataset(manifest)

    def encoder_digest(self, source: str | Path | None = None) -> str:
        """Of the whole table."""
        return self.digest(self.manifest())

    def embed(self, source, manifest: EmbeddingTable, folder=None, device=None, compensation=None):
        """As they are."""
        return np.asarray(manifest.embeddings, dtype=np.float32), manifest.ids.tolist()

    def start(self, encoder: nn.Module, source: str | Path) -> None:
        """Refused: there is no encoder."""
        raise UserError(f"init of a modality is {source}, and its embeddings are given ({self.path}): leave init out.")

    def keep(self, encoder: nn.Module, manifest: EmbeddingTable, folder: Path, info: dict) -> dict[str, float]:
        """Nothing: they stay where they are."""
        return {}
