"""Which parts of a network behave as in training."""

from __future__ import annotations

from torch import nn


def train_norms_alone(module: nn.Module) -> None:
    """Put all modules but batch norms into evaluation mode; a batch norm stays as it is.

    Arguments
    ---------
    module : torch.nn.Module

    Example
    -------
    >>> net = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    >>> train_norms_alone(net)
    >>> [part.training for part in net]
    [True, False]
    """
    for part in module.modules():
        if not isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.training = False
