"""What keeps a small corpus from using only the few easiest directions of the embedding."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class KoLeoLoss(nn.Module):
    """Spread the embeddings of a batch: ``-mean_i log(min_{j != i} |x_i - x_j|)`` over the L2-normalised rows.

    The Kozachenko-Leonenko estimate of (minus) their entropy (Sablayrolles et al., 2019, arXiv 1806.03198), as DINOv2
    adds it to DINO. Each view is one batch of its own, so that two views of one item are never pushed apart; nor are
    two items of one group (our addition): cluster-aware DINO draws together what is in one cluster. Its weight is
    applied by the caller. Computed in float32; on several ranks each uses its own items.

    Arguments
    ---------
    eps : float
        Added to the distances: two equal embeddings have a finite loss.

    Example
    -------
    >>> bool(torch.isclose(KoLeoLoss()([torch.eye(4)]), torch.tensor(-0.5).mul(torch.tensor(2.0).log())))
    True
    """

    def __init__(self, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, embeddings: list[torch.Tensor], groups: torch.Tensor | None = None) -> torch.Tensor:
        """The mean over views.

        Arguments
        ---------
        embeddings : list of torch.Tensor
            One (batch, dim) tensor a view; the batch is 2 or more.
        groups : torch.Tensor, optional
            (batch,) int64: items of equal number are no neighbours; one of -1 is in no group. An item that so has no
            neighbour at all adds nothing to the mean.

        Returns
        -------
        torch.Tensor
            Scalar, in nats, at least -ln 2.
        """
        own = torch.eye(len(embeddings[0]), dtype=torch.bool, device=embeddings[0].device)
        if groups is not None:
            own |= (groups[:, None] == groups) & (groups[:, None] >= 0)
        with torch.autocast(embeddings[0].device.type, enabled=False):
            return sum(self._view(F.normalize(view.float(), dim=-1), own) for view in embeddings) / len(embeddings)

    def _view(self, directions, own):
        with torch.no_grad():
            nearest = (directions @ directions.T).masked_fill(own, -2).argmax(dim=1)
        distances = (directions - directions[nearest]).norm(dim=1) + self.eps
        return -torch.where(own.all(dim=1), 1.0, distances).log().mean()
