"""The last layer of a trained encoder in closed form: whitened by how far the views of one item lie apart. No labels.

What augmentation does to an utterance is what its embedding should not show. The covariance of the pooled statistics
within the views of an item tells in which directions that lies, and how much; divided by its square root, each
direction counts by how repeatable it is. That is within-class covariance normalisation (Hatch et al., 2006) after
linear discriminant analysis, with the item as class. Training pulls the last layer the same way, but some hundred
steps, all that a small corpus gives, do not take it far.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch

from speechbrain_cadino.encoder.embed import evaluating
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.distributed import broadcast, gather_rows, is_main, max_over_ranks, world_size
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)


class LastLayerRefit:
    """Replaces the last layer and batch norm of an encoder by `discriminant_layer` of views of its training items.

    On several ranks each embeds its own items, rank 0 takes the statistics of all, and all get the same layer. Rank 0
    needs 4 bytes for each statistic of each view, and 36 more while it computes: 0.5 GB and 4.4 GB for two views of
    20,000 items with 3,072 statistics, on the device of the encoder.

    Arguments
    ---------
    shrinkage : float
        See `discriminant_layer`.
    max_items : int
        So many items, of all ranks together, are enough; a few times the number of pooled statistics.

    Raises
    ------
    UserError
        If a setting makes no sense.

    Example
    -------
    >>> from speechbrain.lobes.features import Fbank
    >>> from speechbrain.processing.features import InputNormalization
    >>> from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
    >>> from speechbrain_cadino.encoder.model import SpeakerEncoderNet
    >>> ecapa = ECAPA_TDNN(80, channels=[16, 16, 16, 16, 48], lin_neurons=24)
    >>> norm = InputNormalization(norm_type="sentence", std_norm=False)
    >>> encoder = SpeakerEncoderNet(Fbank(n_mels=80), norm, ecapa, embedding_dim=24)
    >>> refit = LastLayerRefit(shrinkage=0.3)
    >>> views = [torch.randn(25, 50, 80), torch.randn(25, 50, 80)]
    >>> refit(encoder, [(torch.arange(25), views)])
    True
    """

    def __init__(self, shrinkage: float = 0.3, max_items: int = 20_000) -> None:
        if not shrinkage > 0 or max_items < 2:
            raise UserError(f"last_layer_refit has shrinkage {shrinkage} and max_items {max_items}: set 0.3 and 20000.")
        self.shrinkage, self.max_items = shrinkage, max_items

    @torch.no_grad()
    def __call__(self, net: SpeakerEncoderNet, batches: Iterable) -> bool:
        """Refit an encoder in place; its modules' modes are put back afterwards. Every rank must call it.

        With no more items than outputs the encoder stays as it is, and a sentence says so: the items' means span one
        direction less than there are items, and the outputs beyond would show nothing but noise.

        Arguments
        ---------
        net : speechbrain_cadino.encoder.model.SpeakerEncoderNet
            Its batch norm after the last layer does nothing afterwards, in evaluation mode.
        batches : iterable of (torch.Tensor, list of torch.Tensor)
            Items (batch,), each met in one batch of one rank only, and their views: features (batch, frames, mels)
            each. Ranks have batches of the same size.

        Returns
        -------
        bool
            Whether it was refitted; the same on all ranks.

        Raises
        ------
        UserError
            If the items have one view only, there are none, or a statistic is not finite.
        """
        layer, items, statistics, seen = net.embedding_model.fc.conv, [], [], 0
        handle = layer.register_forward_pre_hook(lambda module, inputs: statistics.append(inputs[0].squeeze(2)))
        try:
            with evaluating(net):
                for batch_items, views in batches:
                    if len(views) < 2:
                        raise UserError("last_layer_refit compares two views or more of an item: set n_global to 2.")
                    for view in views:
                        net.embed(view)
                        items.append(batch_items)
                    seen += len(batch_items) * world_size()
                    if seen >= self.max_items:
                        break
        finally:
            handle.remove()
        if not statistics:
            raise UserError(
                "last_layer_refit has got no items: set a smaller batch_size, so that an epoch has a batch."
            )
        statistics, items = gather_rows(torch.cat(statistics)), gather_rows(torch.cat(items).to(layer.weight.device))
        (enough,) = max_over_ranks(is_main() and _are_enough(statistics, items, len(layer.weight)))
        if not enough:
            return False
        if is_main():
            weight, bias = discriminant_layer(statistics, items, len(layer.weight), self.shrinkage)
            layer.weight.copy_(weight.unsqueeze(2))
            layer.bias.copy_(bias)
        broadcast(layer.weight)
        broadcast(layer.bias)
        net.embedding_norm.reset_parameters()  # its running statistics too
        return True


def _are_enough(statistics, items, out_dim):
    if not statistics.isfinite().all():
        raise UserError("The encoder's statistics are not finite: lower lr, and start again in another output_folder.")
    n_items = len(items.unique())
    if n_items <= out_dim:
        logger.warning(
            f"The last layer stays as it was trained: last_layer_refit would have {n_items} items for {out_dim} "
            "outputs, and needs more items than outputs."
        )
    return n_items > out_dim


def discriminant_layer(
    statistics: torch.Tensor, items: torch.Tensor, out_dim: int, shrinkage: float = 0.3
) -> tuple[torch.Tensor, torch.Tensor]:
    """The linear layer that best tells items apart, given what differs between views of one item.

    Statistics, scaled to variance 1 each, are whitened within items; of the directions then, the ``out_dim`` with the
    largest variance between the items' means are kept, and rotated, always alike, so that no output has much more
    variance than another. A rotation changes no cosine.

    Arguments
    ---------
    statistics : torch.Tensor
        (n, dim), of n views.
    items : torch.Tensor
        (n,) int64, the item that each view shows; two views or more of some item.
    out_dim : int
        Outputs, at most ``dim``.
    shrinkage : float
        Share of their mean that is added to the variances within items, since a small corpus underrates some.

    Returns
    -------
    weight : torch.Tensor
        (out_dim, dim) float32.
    bias : torch.Tensor
        (out_dim,) float32. Over ``statistics`` each output has mean 0, and all together the mean square 1.

    Raises
    ------
    ValueError
        If ``out_dim`` is larger than ``dim``, or no item has two views.

    Example
    -------
    >>> statistics, items = torch.randn(60, 5), torch.arange(60) % 20
    >>> weight, bias = discriminant_layer(statistics, items, out_dim=3)
    >>> weight.shape, bool(((statistics @ weight.T + bias).mean(0).abs() < 1e-5).all())
    (torch.Size([3, 5]), True)
    """
    dim = statistics.shape[1]
    items = items.unique(return_inverse=True)[1]
    counts = items.bincount()
    if out_dim > dim or len(items) == len(counts):
        raise ValueError(f"{out_dim} outputs of {dim} statistics, {len(items)} views of {len(counts)} items.")
    statistics = statistics.double()
    center, scale = statistics.mean(0), statistics.std(0).clamp_min(1e-6)
    x = (statistics - center) / scale
    means = x.new_zeros(len(counts), dim).index_add_(0, items, x) / counts[:, None]
    apart = x - means[items]
    within = apart.T @ apart / (len(x) - len(counts))
    variances, axes = torch.linalg.eigh(within)
    whiten = axes / (variances + shrinkage * variances.mean()).sqrt()
    largest = torch.linalg.eigh(whiten.T @ torch.cov(means.T) @ whiten)[1][:, -out_dim:]
    noise = torch.randn(out_dim, out_dim, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    layer = whiten @ largest @ torch.linalg.qr(noise)[0].to(x.device)
    layer = layer / (x @ layer).square().mean().sqrt() / scale[:, None]
    return layer.T.float(), -(center @ layer).float()
