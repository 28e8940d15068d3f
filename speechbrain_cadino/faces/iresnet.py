"""IResNet, the residual network of ArcFace (Deng et al., 2019): pictures of faces to embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_whole

STAGES = 4  # each halves the maps


class IResNet(nn.Module):
    """ArcFace's network: a stem, four stages of `ResidualBlock`, batch norm, dropout and one linear layer ``fc``.

    The default is IResNet-18: 24.02 million parameters, 12.85 of them in ``fc``, and 2.61 billion multiplications for
    a picture, 5.22 GFLOP. A small one for two cores, ``size=48, width=16, layers=(1, 1, 1, 1), stem_stride=2,
    embedding_dim=192``, has 0.41 million and 5.4 million. The batch norm that ArcFace has behind ``fc`` is not in here:
    `FaceEncoderNet` has it.

    Arguments
    ---------
    size : int
        Pixels of a side of the pictures.
    width : int
        Channels of the first stage; each further one has twice as many.
    layers : sequence of int
        Blocks of each of the four stages.
    embedding_dim : int
        Outputs.
    dropout : float
        Of the values before ``fc``.
    stem_stride : int
        1 as ArcFace has it; 2: the first convolution halves the maps already, for a quarter of the time.

    Raises
    ------
    UserError
        If an argument makes no sense.

    Example
    -------
    >>> IResNet(size=32, width=4, embedding_dim=24)(torch.randn(2, 3, 32, 32)).shape
    torch.Size([2, 24])
    """

    def __init__(
        self,
        size: int = 112,
        width: int = 64,
        layers: Sequence[int] = (2, 2, 2, 2),
        embedding_dim: int = 512,
        dropout: float = 0.0,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        sizes = dict(size=size, width=width, layers=list(layers), embedding_dim=embedding_dim)
        self.settings = dict(sizes, dropout=dropout, stem_stride=stem_stride)  # what builds another one like it
        _check(**self.settings)
        first = nn.Conv2d(3, width, 3, stem_stride, 1, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(width), nn.PReLU(width))
        widths = [width * 2**stage for stage in range(len(layers))]
        blocks = []
        for before, after, count in zip([width, *widths], widths, layers):
            blocks += [ResidualBlock(before, after, 2), *(ResidualBlock(after, after) for _ in range(count - 1))]
        self.blocks = nn.Sequential(*blocks)
        side = -(-size // (stem_stride * 2**STAGES))
        self.norm, self.dropout = nn.BatchNorm2d(widths[-1]), nn.Dropout(dropout)
        self.fc = nn.Linear(widths[-1] * side * side, embedding_dim)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, 0.1)  # ArcFace's; each convolution is followed by a batch norm

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of pictures (batch, 3, size, size) float32 around 0."""
        maps = self.norm(self.blocks(self.stem(images)))
        return self.fc(self.dropout(maps).flatten(1))


class ResidualBlock(nn.Module):
    """Batch norm, convolution, batch norm, PReLU, convolution (with the stride), batch norm; beside it the input.

    Where the shape changes, the input goes through a convolution of one pixel and a batch norm.

    Arguments
    ---------
    before, after : int
        Channels.
    stride : int

    Example
    -------
    >>> ResidualBlock(4, 8, stride=2)(torch.randn(2, 4, 7, 7)).shape
    torch.Size([2, 8, 4, 4])
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.PReLU(after),
            nn.Conv2d(after, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(batch, after, height / stride, width / stride) of maps (batch, before, height, width)."""
        return self.residual(maps) + self.shortcut(maps)


def _check(size, width, layers, embedding_dim, dropout, stem_stride):
    for name, value, low in (("size", size, 2**STAGES), ("width", width, 1), ("embedding_dim", embedding_dim, 1)):
        if not is_whole(value, low=low):
            raise UserError(f"IResNet has {name} {value}, and must have a whole number from {low} on.")
    if len(layers) != STAGES or not all(is_whole(count, low=1) for count in layers):
        raise UserError(f"IResNet has layers {layers}, and must have four whole numbers from 1 on: [2, 2, 2, 2].")
    if stem_stride not in (1, 2):
        raise UserError(f"IResNet has stem_stride {stem_stride}, and must have 1 or 2.")
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise UserError(f"IResNet has dropout {dropout}, and must have a number from 0, less than 1.")
