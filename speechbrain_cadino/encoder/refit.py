"""The last layer of a trained encoder in closed form: whitened by how far the views of one item or class lie apart.

What augmentation does to an utterance is what its embedding should not show, nor what differs between the utterances of
one label, true or found. Training pulls the last layer that way, but some hundred steps, all that a small corpus gives,
do not take it far.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import nn

from speechbrain_cadino.encoder.discriminant import Scatter, discriminant_layer
from speechbrain_cadino.encoder.embed import evaluating
from speechbrain_cadino.utils.distributed import broadcast, is_main, together
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

logger = logging.getLogger(__name__)


@torch.no_grad()
def fit_last_layer(
    net: nn.Module, batches: Iterable, shrinkage: float, setting: str, labels: torch.Tensor | None = None
) -> bool:
    """Replace the last layer and batch norm of an encoder by the `discriminant_layer` of views of its training items.

    On several ranks each embeds its own items, and all get the same layer, of all items. Each needs the memory of a
    `Scatter` on the device of the encoder, and rank 0 four times as much at the end. With no more items than outputs
    the encoder stays as it is, and a sentence says so: the items' means span one direction less than there are items,
    and the outputs beyond would show nothing but noise. Every rank must call it; if one fails, all do.

    Arguments
    ---------
    net : SpeakerEncoderNet or FaceEncoderNet
        Its ``last_layer`` is replaced; the batch norms after it do nothing then, in evaluation mode. The modes
        of its modules are put back afterwards.
    batches : iterable of (torch.Tensor, list of torch.Tensor)
        Items (batch,), each met in one batch of one rank only, and their views: features (batch, ...) each, that
        ``net.embed`` takes.
    shrinkage : float
        See `discriminant_layer`.
    setting : str
        Which setting asks for it, for messages.
    labels : torch.Tensor, optional
        (items,) int64, from 0: the class of each item there is, by its number in the batches.

    Returns
    -------
    bool
        Whether it was refitted; the same on all ranks.

    Raises
    ------
    UserError
        If the items have one view only, there are none, or a statistic is not finite; or another rank has failed.

    Example
    -------
    >>> from speechbrain.lobes.features import Fbank
    >>> from speechbrain.processing.features import InputNormalization
    >>> from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
    >>> from speechbrain_cadino.encoder.model import SpeakerEncoderNet
    >>> ecapa = ECAPA_TDNN(80, channels=[16, 16, 16, 16, 48], lin_neurons=24)
    >>> norm = InputNormalization(norm_type="sentence", std_norm=False)
    >>> encoder = SpeakerEncoderNet(Fbank(n_mels=80), norm, ecapa, embedding_dim=24)
    >>> views = [torch.randn(25, 50, 80), torch.randn(25, 50, 80)]
    >>> fit_last_layer(encoder, [(torch.arange(25), views)], 0.3, "compensation")
    True
    """
    scatter = together(_scatter, net, batches, setting, labels)
    scatter.all_reduce()
    if not _are_enough(scatter, len(net.last_layer.weight), setting):
        return False
    _set_last_layer(net, scatter, shrinkage)
    return True


def _scatter(net, batches, setting, labels):
    """The `Scatter` of the statistics that this rank's views give before the last layer."""
    layer, statistics = net.last_layer, []
    device = layer.weight.device
    labels = None if labels is None else labels.cpu()  # as the items are
    scatter = Scatter(layer.weight.shape[1], device, 0 if labels is None else int(labels.max()) + 1)
    handle = layer.register_forward_pre_hook(lambda module, inputs: statistics.append(inputs[0].flatten(1)))
    try:
        with evaluating(net):
            for items, views in batches:
                if len(views) < 2:
                    raise UserError(f"{setting} compares two views or more of an item: give two.")
                for view in views:
                    net.embed(view)
                items = items.repeat(len(views))
                classes = None if labels is None else labels[items].to(device)
                scatter.add(torch.cat(statistics), items.to(device), classes)
                statistics.clear()
    finally:
        handle.remove()
    return scatter


def _set_last_layer(net, scatter, shrinkage):
    """The layer, solved by rank 0, on all ranks; and no batch norm after it."""
    layer = net.last_layer

    def solve():
        weight, bias = discriminant_layer(scatter, len(layer.weight), shrinkage)
        layer.weight.copy_(weight.view_as(layer.weight))
        layer.bias.copy_(bias)

    on_main(solve)
    broadcast(layer.weight)
    broadcast(layer.bias)
    for norm in net.last_norms:  # a loaded encoder may have none
        norm.reset_parameters()  # its running statistics too


def _are_enough(scatter, out_dim, setting):
    if not scatter.n_items:
        raise UserError(f"{setting} has got no item that can be read: check the files.")
    if not scatter.sums.isfinite().all():
        raise UserError("The encoder's statistics are not finite: lower lr, and start again in another output_folder.")
    if scatter.n_items <= out_dim and is_main():
        logger.warning(
            f"{setting} would have {scatter.n_items} items for {out_dim} outputs, and needs more items than outputs: "
            "it does nothing."
        )
    return scatter.n_items > out_dim
