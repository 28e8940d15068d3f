"""The face encoder: scaling, IResNet, projection and batch norm in one module."""

from __future__ import annotations

import torch
from torch import nn

from speechbrain_cadino.encoder.classes import allow_class
from speechbrain_cadino.utils.errors import UserError


class FaceEncoderNet(nn.Module):
    """Pictures to embeddings, by the same methods as `SpeakerEncoderNet`.

    Between the network's ``fc`` and the batch norm stands ``projection``, a square linear layer that training leaves
    as it is: the identity in a fresh encoder. It is the last layer that compensation fits anew and that the export
    folds batch norm and mean into, since the covariance of the 25,088 inputs of ``fc`` would need 5 GB.

    Arguments
    ---------
    embedding_model : torch.nn.Module
        Pictures (batch, 3, size, size) float32, from -1 to 1, to embeddings (batch, embedding_dim): `IResNet`.
    embedding_dim : int
        Size of the embedding, that of the embedding model.
    size : int
        Pixels of a side of the pictures, that of the embedding model.
    batch_norm : bool
        Whether a batch norm follows. Off for a loaded encoder, which has it in its projection already.

    Example
    -------
    >>> from speechbrain_cadino.faces.iresnet import IResNet
    >>> net = FaceEncoderNet(IResNet(size=32, width=4, embedding_dim=24), embedding_dim=24, size=32)
    >>> net(torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)).shape
    torch.Size([4, 24])
    """

    def __init__(self, embedding_model: nn.Module, embedding_dim: int, size: int, batch_norm: bool = True) -> None:
        super().__init__()
        allow_class(type(embedding_model), exact=True)
        for name, value in (("embedding_dim", embedding_dim), ("size", size)):
            other = getattr(embedding_model, "settings", {}).get(name, value)
            if value != other:
                raise UserError(f"The face encoder has {name} {value}, its embedding_model {other}: set both alike.")
        self.embedding_model, self.embedding_dim, self.size = embedding_model, embedding_dim, size
        self.projection = nn.Linear(embedding_dim, embedding_dim).requires_grad_(False)
        self.reset_projection()
        self.embedding_norm = nn.BatchNorm1d(embedding_dim) if batch_norm else nn.Identity()

    def reset_projection(self) -> None:
        """Make the projection the identity."""
        nn.init.eye_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    @property
    def last_layer(self) -> nn.Linear:
        """The layer before the batch norm, which `fit_last_layer` replaces."""
        return self.projection

    @property
    def last_norms(self) -> list[nn.Module]:
        """The batch norm after it; none in a loaded encoder."""
        return [] if isinstance(self.embedding_norm, nn.Identity) else [self.embedding_norm]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embed pictures.

        Arguments
        ---------
        images : torch.Tensor
            (batch, 3, size, size) uint8, RGB.

        Returns
        -------
        torch.Tensor
            Embeddings (batch, embedding_dim), float32 under autocast too.
        """
        return self.embed(self.features(images))

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of features (batch, 3, size, size): what is trained of the encoder."""
        embeddings = self.embedding_model(features)
        with torch.autocast(features.device.type, enabled=False):
            return self.embedding_norm(self.projection(embeddings.float()))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures (batch, 3, size, size) uint8 as float32 from -1 to 1."""
        return images.float().div_(127.5).sub_(1)
