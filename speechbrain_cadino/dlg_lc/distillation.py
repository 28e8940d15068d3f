"""What the encoder of stage II learns from another one's embeddings, beside labels: to be near them.

A small encoder learns so from a large one, whatever that is made of, and an encoder that goes on training on other
recordings keeps what it knew, if they are its own from before.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from speechbrain_cadino.encoder.precomputed import BLOCK, EmbeddingTable
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_number

logger = logging.getLogger(__name__)

TINY = 1e-6  # of an embedding's length: what rounding leaves


class Distillation:
    """How near to another encoder's embeddings, the teacher's, those of the first modality are to be.

    To the loss comes ``weight`` times the cosine distance between the embedding of what is trained on, a crop, most
    often augmented, and the teacher's of the whole utterance. It is a sum over the samples whose utterance has one,
    divided by the batch size; the others, and what the gate makes of the labels, play no part.

    Arguments
    ---------
    weight : float or None
        0 or None: nothing is distilled, and the run is the one without it, bit for bit.
    embeddings : str, optional
        What `read_embeddings` takes. None: those of the encoder folder ``init`` that the run begins with, before it is
        trained, whole and clean; each iteration stays near these.
    ids : str, optional
        As of `read_embeddings`.
    linear : bool
        Whether the encoder's embedding goes through a linear layer first, which is trained with it and not kept.
        Without it the two must have as many numbers each, and angles between embeddings become the teacher's own.
    center : bool
        Whether the mean over the utterances is taken off the teacher's embeddings, as is done before they are
        clustered. False for an encoder that begins with the weights of the teacher.

    Example
    -------
    >>> Distillation(weight=2.0, linear=False).is_on, Distillation(weight=None).is_on
    (True, False)
    """

    def __init__(
        self,
        weight: float | None = 1.0,
        embeddings: str | None = None,
        ids: str | None = None,
        linear: bool = True,
        center: bool = True,
    ) -> None:
        if weight is not None and not (is_number(weight) and weight >= 0):
            raise UserError(f"distillation has the weight {weight}, and must have a number from 0 on, or null: set 1.")
        if embeddings is None and ids is not None:
            raise UserError(f"distillation has ids {ids} and no embeddings: give both, or neither.")
        for name, value in (("linear", linear), ("center", center)):
            if not isinstance(value, bool):
                raise UserError(f"distillation has {name} {value!r}: set True or False.")
        self.weight, self.embeddings, self.ids, self.linear, self.center = weight, embeddings, ids, linear, center

    @property
    def is_on(self) -> bool:
        """Whether it changes the training."""
        return bool(self.weight)

    def projection(self, embedding_dim: int, teacher_dim: int) -> nn.Module | None:
        """The linear layer before the distance; None for none. A `UserError` if there must be one."""
        if self.linear:
            return nn.Linear(embedding_dim, teacher_dim)
        if embedding_dim != teacher_dim:
            raise UserError(
                f"The encoder's embeddings have {embedding_dim} numbers each, the teacher's {teacher_dim}, and "
                "distillation has no linear layer between them: set its linear to True, or embedding_dim to "
                f"{teacher_dim}."
            )
        return None


def active_distillation(settings: Mapping[str, Any]) -> Distillation | None:
    """The setting ``distillation`` of a training; None where it is absent or changes nothing.

    Example
    -------
    >>> active_distillation({}), active_distillation({"distillation": Distillation(weight=0)})
    (None, None)
    """
    distillation = settings.get("distillation")
    return distillation if distillation is not None and distillation.is_on else None


class Targets:
    """The teacher's embeddings of the items of a training, of length 1.

    Arguments
    ---------
    table : EmbeddingTable
    rows : np.ndarray
        (n_items,) int64, the row of each item; -1 for none.
    center : bool
        Whether the mean over those rows is taken off first.

    Example
    -------
    >>> targets = Targets(EmbeddingTable(["a", "b"], np.array([[3.0, 4.0], [0.0, 2.0]])), np.array([1, -1, 0]), False)
    >>> targets(torch.tensor([2, 1]))
    (tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]]), tensor([ True, False]))
    """

    def __init__(self, table: EmbeddingTable, rows: np.ndarray, center: bool) -> None:
        self.table, self.rows = table, rows
        self.mean = _mean(table, rows[rows >= 0]) if center else np.zeros(table.dim)

    @classmethod
    def of(cls, table: EmbeddingTable, ids: Any, center: bool, path: Any) -> Targets:
        """Those of items with ``ids`` (n_items,); how many have none is told. ``path``: what the table is from."""
        rows = table.rows_of(ids, path)
        if (rows < 0).any() and is_main():
            logger.warning(
                "%d of %d items have no embedding in %s, such as %s: they learn from their labels alone.",
                np.count_nonzero(rows < 0), len(rows), path, ids[int(np.argmin(rows))],
            )  # fmt: skip
        return cls(table, rows, center)

    @property
    def dim(self) -> int:
        """Numbers in an embedding."""
        return self.table.dim

    def __call__(self, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of some items (batch,), on the CPU: embeddings (batch, dim) float32, 0 for none; whether there is one."""
        rows = self.rows[items.numpy()]
        whole = np.zeros((len(rows), self.dim))
        whole[rows >= 0] = self.table.array[self.table.rows[rows[rows >= 0]]]
        found = whole - self.mean
        lengths = np.linalg.norm(found, axis=1)
        there = (rows >= 0) & (lengths > TINY * np.linalg.norm(whole, axis=1))  # the mean itself has no direction
        found[there] /= lengths[there, None]
        found[~there] = 0
        return torch.from_numpy(found.astype(np.float32)), torch.from_numpy(there)


def cosine_distance(embeddings: torch.Tensor, targets: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """The mean over a batch of 1 - cosine, where there is a target, else of 0.

    Arguments
    ---------
    embeddings, targets : torch.Tensor
        (batch, dim), the targets of length 1.
    there : torch.Tensor
        (batch,) bool.

    Returns
    -------
    torch.Tensor
        Scalar, from 0 to 2.

    Example
    -------
    >>> cosine_distance(torch.tensor([[2.0, 0.0], [1.0, 1.0]]), torch.eye(2), torch.tensor([True, False])).item()
    0.0
    """
    distances = 1 - (F.normalize(embeddings.float(), dim=1) * targets).sum(dim=1)
    return torch.where(there, distances, 0.0).mean()


def _mean(table, rows):
    """(dim,) float64, a block of rows at a time."""
    total = np.zeros(table.dim)
    for first in range(0, len(rows), BLOCK):
        total += table.array[table.rows[rows[first : first + BLOCK]]].sum(axis=0, dtype=np.float64)
    return total / max(1, len(rows))
