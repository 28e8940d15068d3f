"""Precomputed embeddings as the samples of a modality: a row has the same one in every epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from speechbrain_cadino.encoder.precomputed import EmbeddingTable


class EmbeddingBatch(NamedTuple):
    """Rows (batch,) int64 and their embeddings (batch, dim) float32; nothing is augmented and nothing fails."""

    items: torch.Tensor
    embeddings: torch.Tensor
    failures: list = []

    @property
    def clean(self):
        """What a prediction is asked of."""
        return self.embeddings

    @property
    def augmented(self):
        """What is trained on."""
        return self.embeddings

    def to(self, device: torch.device | str | None):
        """The batch on a device."""
        return EmbeddingBatch(*(column.to(device, non_blocking=True) for column in self[:2]))

    def pin_memory(self):
        """The batch in page-locked memory."""
        return EmbeddingBatch(*(column.pin_memory() for column in self[:2]))


class EmbeddingDataset(Dataset):
    """The embeddings of an `EmbeddingTable`, as a modality of a `PairedDataset`, or alone.

    Arguments
    ---------
    table : EmbeddingTable

    Example
    -------
    >>> dataset = EmbeddingDataset(EmbeddingTable(["a", "b"], np.eye(2)))
    >>> dataset.collate([dataset[1, 0], dataset[1, 1]]).embeddings.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    augment = None

    def __init__(self, table: EmbeddingTable) -> None:
        self.manifest = table

    def __len__(self):
        return len(self.manifest)

    def __getitem__(self, epoch_and_row):
        """The row and its embedding (dim,), of an (epoch, row) pair."""
        row = epoch_and_row[1]
        return row, self.manifest[row]

    def collate(self, samples: list) -> EmbeddingBatch:
        """The batch of some samples."""
        rows, embeddings = zip(*samples)
        return EmbeddingBatch(torch.tensor(rows), torch.from_numpy(np.stack(embeddings).astype(np.float32)))
