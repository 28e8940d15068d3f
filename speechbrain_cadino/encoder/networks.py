"""Where the networks that are known here have their last linear layer, and the batch norm that follows it, if any."""

from __future__ import annotations

from operator import attrgetter

from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.lobes.models.ResNet import ResNet
from speechbrain.lobes.models.Xvector import Xvector
from torch import nn

from speechbrain_cadino.utils.errors import UserError

# Class -> its last linear layer and the network's own batch norm after it, as functions of the network.
LAST = {
    ECAPA_TDNN: (attrgetter("fc.conv"), None),
    ResNet: (attrgetter("fc_embed"), attrgetter("norm_embed")),
    Xvector: (lambda net: net.blocks[-1].w, None),
}


def last_layer(network: nn.Module) -> nn.Linear | nn.Conv1d:
    """The last linear layer of a network: of a class in `LAST`, or that the network gives as ``last_layer``.

    Arguments
    ---------
    network : torch.nn.Module

    Returns
    -------
    torch.nn.Linear or torch.nn.Conv1d

    Raises
    ------
    UserError
        If there is none, or it is not linear, has no bias, or a kernel of another size than 1.

    Example
    -------
    >>> last_layer(Xvector(lin_neurons=8))
    Linear(in_features=3000, out_features=8, bias=True)
    """
    found = _of_class(network)
    layer = found[0](network) if found else getattr(network, "last_layer", None)
    name = type(network).__name__
    if layer is None:
        raise UserError(
            f"embedding_model is a {name}, which does not say what its last linear layer is: use SpeechBrain's "
            f"{known_networks()}, or give its class an attribute last_layer."
        )
    fits = isinstance(layer, nn.Linear) or isinstance(layer, nn.Conv1d) and layer.kernel_size == (1,)
    if not fits or layer.bias is None or getattr(layer, "groups", 1) != 1:
        raise UserError(
            f"embedding_model is a {name} whose last_layer is {layer}: it must be a torch.nn.Linear, or a Conv1d of "
            "kernel 1, with a bias."
        )
    return layer


def last_norm(network: nn.Module) -> nn.Module | None:
    """The network's own batch norm after `last_layer`, None without one: of `LAST`, or its attribute ``last_norm``.

    Example
    -------
    >>> last_norm(ResNet(lin_neurons=8)).num_features
    8
    """
    found = _of_class(network)
    if found:
        return found[1] and found[1](network)
    return getattr(network, "last_norm", None)


def known_networks() -> str:
    """The names of the classes in `LAST`, for messages."""
    *others, last = (kind.__name__ for kind in LAST)
    return f"{', '.join(others)} or {last}"


def _of_class(network):
    return next((found for kind, found in LAST.items() if isinstance(network, kind)), None)
