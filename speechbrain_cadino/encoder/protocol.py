"""What training, extraction, compensation, refit and export ask of an encoder, and nothing else."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import nn


@runtime_checkable
class Encoder(Protocol):
    """A `torch.nn.Module` from recordings to embeddings.

    `SpeakerEncoderNet` is one, of any network that `encoder.networks` knows or that says the same by its attributes;
    `FaceEncoderNet` is one of pictures, which have no frames. Besides these, `encoder_settings` must tell of which
    classes and arguments it is built: that is what the export writes.

    Attributes
    ----------
    embedding_dim : int
        Size of the embedding.
    """

    embedding_dim: int

    @property
    def last_layer(self) -> nn.Linear | nn.Conv1d:
        """The last linear layer, with a bias: the refit replaces it, the export folds what follows it into it."""

    @property
    def last_norms(self) -> list[nn.Module]:
        """The batch norms that follow it, in their order; nothing else may follow. The refit makes them fresh."""

    def frames(self, samples: int) -> int:
        """How many frames so many samples give.

        Recordings of equally many share a batch, filled up with zeros to the longest: that must not change one's
        embedding. An encoder for which it would gives each length its own number.
        """

    @property
    def hop(self) -> int:
        """Samples from one frame to the next, by which batches are measured."""

    @property
    def max_seconds(self) -> float:
        """The longest audio that it is to get at once: longer recordings are cut into equal pieces."""

    def features(self, waves: torch.Tensor) -> torch.Tensor:
        """What is trained on, (batch, ...) float32, of waves (batch, time): without gradient, the same each time."""

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim), float32, of ``features``: the part that is trained."""

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """``embed(features(waves))``."""
