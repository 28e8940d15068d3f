"""Any torch module as the network of an encoder: one of another toolkit, with weights that are there already."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from speechbrain_cadino.encoder.classes import allow_class, find_class
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.faults import fault_line


class Foreign(nn.Module):
    """A module from features (batch, frames, mels), or waves (batch, time), to embeddings, and a last layer of its own.

    The last layer is the identity at first: what the refit replaces, and what the export folds the mean into. In a YAML
    it is the ``embedding_model``; ``compute_features`` is the filterbank that the network was trained with, such as
    `KaldiFbank`, or `RawWaves` for one that takes waves.

    Its class is named by ``!name:``. The exported folder names it too, as it does this one: plain SpeechBrain needs
    both to be installed, and `load_encoder` builds them only in a process that has allowed both by `allow_class`.

    Arguments
    ---------
    network : class
        Of the module, or (from an encoder folder) the import path of one that `allow_class` was told of.
    embedding_dim : int
        Numbers in an embedding, which the module gives as (batch, embedding_dim) or (batch, 1, embedding_dim).
    weights : str, optional
        A file that ``torch.save`` wrote of its state dict, or of a dict that has it as ``state_dict`` or ``model``. It
        is read as plain data, and not needed again once the encoder is exported.
    frozen : bool
        Whether only the last layer is trained; the module stays in evaluation mode then.
    **arguments :
        Of the module's class: numbers, texts and lists.

    Raises
    ------
    UserError
        If the module cannot be built, or the weights are not its own.

    Example
    -------
    >>> class Mean(nn.Module):
    ...     def forward(self, features):
    ...         return features.mean(dim=1)
    >>> Foreign(Mean, embedding_dim=80)(torch.randn(2, 50, 80)).shape
    torch.Size([2, 80])
    """

    def __init__(
        self,
        network: Callable | str,
        embedding_dim: int,
        weights: str | Path | None = None,
        frozen: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__()
        network = find_class(network) if isinstance(network, str) else network
        while isinstance(network, partial):  # as !name: gives it
            network, arguments = network.func, {**network.keywords, **arguments}
        if not (isinstance(network, type) and issubclass(network, nn.Module)):
            raise UserError(f"The network {network} is no class of a torch.nn.Module: give one as !name:package.Class.")
        allow_class(network)
        allow_class(Foreign)
        try:
            self.network = network(**arguments)
        except Exception as error:  # of a class that is not ours
            raise UserError(
                f"{network.__name__} cannot be built ({fault_line(error)}): correct its arguments."
            ) from error
        if weights is not None:
            load_weights(self.network, weights)
        self.frozen = frozen
        self.settings = {"network": network, "embedding_dim": embedding_dim, "frozen": frozen, **arguments}
        self.last_layer = nn.Linear(embedding_dim, embedding_dim)
        with torch.no_grad():
            self.last_layer.weight.copy_(torch.eye(embedding_dim))
            self.last_layer.bias.zero_()
        if frozen:
            self.network.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Foreign:
        """As of a module; a frozen network stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.network.eval()
        return self

    def forward(self, features: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of features or waves that count in full: ``lengths`` are not looked at.

        Raises
        ------
        UserError
            If the module gives none of this size.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            embeddings = self.network(features)
        size, batch = self.last_layer.in_features, len(features)
        if not isinstance(embeddings, torch.Tensor) or embeddings.shape not in ((batch, size), (batch, 1, size)):
            given = tuple(getattr(embeddings, "shape", ())) or type(embeddings).__name__
            raise UserError(
                f"{type(self.network).__name__} gives {given} for a batch of {batch}, and embedding_dim {size} asks "
                f"for {(batch, size)}: set embedding_dim to the numbers of its embedding."
            )
        return self.last_layer(embeddings.reshape(batch, size))


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load a file of weights, as plain data, into a module; a `UserError` if they are not its own."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name in ("state_dict", "model"):
            if isinstance(state, dict) and isinstance(state.get(name), dict):
                state = state[name]
        network.load_state_dict(state)
    except Exception as error:  # whatever a damaged file makes
        raise UserError(
            f"The weights {path} cannot be loaded into {type(network).__name__} ({fault_line(error)}): give those of "
            "this class with these arguments."
        ) from error
