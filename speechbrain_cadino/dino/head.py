"""The projection head: embeddings -> logits over the prototypes."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class PrototypeLayer(nn.Linear):
    """A linear layer without bias whose rows have length 1: its outputs for unit vectors are cosines.

    This is weight normalisation with the gain fixed at 1. The weight is normalised in ``forward``, not by
    ``torch.nn.utils.weight_norm``, whose modules cannot be deep-copied after a forward pass.

    Arguments
    ---------
    in_dim : int
        Size of the input vectors.
    out_dim : int
        Number of prototypes, K.
    """

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__(in_dim, out_dim, bias=False)

    def forward(self, x: torch.Tensor):
        """Vectors (batch, in_dim) -> logits (batch, out_dim)."""
        return F.linear(x, F.normalize(self.weight, dim=1))


class DINOHead(nn.Module):
    """Three linear layers with batch norm and GELU between, L2 norm, then the prototypes (WeSpeaker, ``DINOHead``).

    The linear weights start as a truncated normal of deviation 0.02, the biases at 0. The prototypes start as
    PyTorch's own linear layer does; only their directions count.

    Arguments
    ---------
    in_dim : int
        Size of the embeddings.
    out_dim : int
        Number of prototypes, K.
    hidden_dim : int
        Size of the two hidden layers.
    bottleneck_dim : int
        Size of the vectors that are compared with the prototypes.

    Example
    -------
    >>> import torch
    >>> head = DINOHead(in_dim=192, out_dim=1024, hidden_dim=64, bottleneck_dim=32)
    >>> head(torch.randn(4, 192)).shape
    torch.Size([4, 1024])
    """

    def __init__(self, in_dim: int, out_dim: int, hidden_dim: int = 2048, bottleneck_dim: int = 256) -> None:
        super().__init__()
        self.projection = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            nn.BatchNorm1d(hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.BatchNorm1d(hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, bottleneck_dim),
        )
        for layer in self.projection:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.last_layer = PrototypeLayer(bottleneck_dim, out_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compare embeddings with the prototypes.

        Arguments
        ---------
        x : torch.Tensor
            Embeddings (batch, in_dim).

        Returns
        -------
        torch.Tensor
            Logits (batch, out_dim): cosines, between -1 and 1.
        """
        return self.last_layer(F.normalize(self.projection(x), dim=-1))
