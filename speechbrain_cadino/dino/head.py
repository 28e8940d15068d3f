"""The projection head: embeddings -> logits over the prototypes."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class PrototypeLayer(nn.Linear):
    """A linear layer without bias whose rows have length 1: its outputs for unit vectors are cosines.

    This is weight normalisation with the gain fixed at 1. The weight is normalised in ``forward``, not by
    ``torch.nn.utils.weight_norm``, whose modules cannot be deep-copied after a forward pass.

    In float32 under autocast too: in bfloat16 a cosine is off by up to 0.005, and a logit, divided by a temperature of
    0.04, by 0.125. A full-size step (K = 65,536 of 256 dimensions, 256 items, 6 views of the student and 2 of the
    teacher) has 0.17 TFLOP here: 0.15 for the student, forward and backward, 0.02 for the teacher. That is 9 ms on a
    GPU of 19.5 TFLOPS in float32, 1 ms where TF32 is allowed, as SpeechBrain does; TF32 rounds what is multiplied, but
    not the sums, and stays within 0.0005. Memory does not grow: the loss takes its logits in float32 anyway, 0.54 GB
    then, and the bfloat16 ones of half that size beside them are spared.

    Arguments
    ---------
    in_dim : int
        Size of the input vectors.
    out_dim : int
        Number of prototypes, K.
    """

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__(in_dim, out_dim, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors (batch, in_dim) -> logits (batch, out_dim) float32."""
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.float(), F.normalize(self.weight.float(), dim=1))


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
            Logits (batch, out_dim) float32: cosines, between -1 and 1.
        """
        directions = F.normalize(self.projection(x).float(), dim=-1)  # in half precision no row has length 1
        return self.last_layer(directions)
