"""Encoder and head over a list of views, in one call: what student and teacher are made of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import torch
from torch import nn

from speechbrain_cadino.encoder.model import SpeakerEncoderNet


def map_by_length(function: Callable, views: list[torch.Tensor]) -> list[torch.Tensor]:
    """Apply a function to a list of views, neighbours of equal shape together as one larger batch.

    Arguments
    ---------
    function : callable
        From (n, ...) to (n, ...), row by row up to batch statistics.
    views : list of torch.Tensor
        One (batch, ...) tensor a view.

    Returns
    -------
    list of torch.Tensor
        One a view, in the order of ``views``.

    Example
    -------
    >>> map_by_length(lambda x: x + 1, [torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 1)])[2]
    tensor([[1.],
            [1.]])
    """
    results = []
    for _, group in groupby(views, key=lambda view: view.shape):
        group = list(group)
        results += function(torch.cat(group)).chunk(len(group))
    return results


class MultiCropNet(nn.Module):
    """Views to embeddings and logits. One call takes all the views, as DDP with batch norm needs it.

    The encoder sees the views of one length as one batch, the head all views as one batch (Caron et al., 2021,
    `MultiCropWrapper`).

    Arguments
    ---------
    encoder : speechbrain_cadino.encoder.model.SpeakerEncoderNet
    head : torch.nn.Module
        Embeddings to logits.
    """

    def __init__(self, encoder: SpeakerEncoderNet, head: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Embed a list of views and compare them with the prototypes.

        Arguments
        ---------
        features : list of torch.Tensor
            One (batch, frames, mels) tensor a view.

        Returns
        -------
        embeddings, logits : list of torch.Tensor
            One (batch, dim) and one (batch, out_dim) tensor a view.
        """
        embeddings = map_by_length(self.encoder.embed, features)
        logits = self.head(torch.cat(embeddings)).chunk(len(embeddings))
        return embeddings, list(logits)
