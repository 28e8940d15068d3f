"""SpeechBrain's ECAPA-TDNN with a faster training step on CPUs: same parameters, same embeddings, other memory layout.

PyTorch's one-dimensional convolutions run well below the speed of a matrix product on a CPU at ECAPA's sizes, their
backward above all. Here features stay ``(batch, frames, channels)``, every convolution is one matrix product over all
frames of the batch, and the attention's layer over ``[x, mean, deviation]`` is split: mean and deviation are the same
in every frame, so their two thirds of the product are done once an utterance, not once a frame. The moments of the
pooling have gradients made by hand.
"""

from __future__ import annotations

import inspect

import numpy as np
import torch
from speechbrain.lobes.models import ECAPA_TDNN as speechbrain_ecapa
from torch.nn import functional as F

from speechbrain_cadino.encoder.ecapa_settings import check_ecapa
from speechbrain_cadino.utils.errors import UserError

_SIGNATURE = inspect.signature(speechbrain_ecapa.ECAPA_TDNN.__init__)


class ECAPA_TDNN(speechbrain_ecapa.ECAPA_TDNN):
    """As SpeechBrain's `ECAPA_TDNN`, argument for argument and parameter for parameter.

    On a CPU, with whole inputs (``lengths=None``), one group and no dropout, ``forward`` takes the faster way; else it
    is SpeechBrain's own.

    Example
    -------
    >>> net = ECAPA_TDNN(80, channels=[16, 16, 16, 16, 48], lin_neurons=24)
    >>> net(torch.randn(2, 50, 80)).shape
    torch.Size([2, 1, 24])
    """

    _edge = 0  # frames that the widest layer sees to either side

    def __init__(self, input_size: int, *args, **kwargs) -> None:
        given = _SIGNATURE.bind(self, input_size, *args, **kwargs)
        given.apply_defaults()
        if "groups" not in kwargs:  # SpeechBrain's default is for five layers
            given.arguments["groups"] = [1] * np.size(given.arguments["channels"])
        check_ecapa(given.arguments)
        super().__init__(*given.args[1:])
        kernels, dilations = given.arguments["kernel_sizes"], given.arguments["dilations"]
        self._edge = max(dilation * (size - 1) // 2 for size, dilation in zip(kernels, dilations))
        convolutions = [layer for layer in self.modules() if isinstance(layer, torch.nn.Conv1d)]
        dropouts = [layer for layer in self.modules() if isinstance(layer, torch.nn.Dropout1d)]
        self._plain = (
            all(layer.groups == 1 for layer in convolutions)
            and all(layer.p == 0 for layer in dropouts)
            and self.asp.global_context
        )

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embed features.

        Arguments
        ---------
        x : torch.Tensor
            Features (batch, frames, mels).
        lengths : torch.Tensor or None
            Relative lengths (batch,), as in SpeechBrain.

        Returns
        -------
        torch.Tensor
            Embeddings (batch, 1, lin_neurons).

        Raises
        ------
        UserError
            If there are no more frames than a layer sees to either side of one.
        """
        if x.shape[1] <= self._edge:
            raise UserError(
                f"embedding_model sees {self._edge} frames to either side, by its kernel_sizes and dilations, and "
                f"there are {x.shape[1]} in all: lower dilations, or give longer crops or utterances."
            )
        if lengths is not None or x.device.type != "cpu" or not self._plain:
            return super().forward(x, lengths)
        x = _tdnn(self.blocks[0], x)
        outputs = []
        for block in self.blocks[1:]:
            x = _se_res2net(block, x)
            outputs.append(x)
        x = _tdnn(self.mfa, torch.cat(outputs, dim=2))
        pooled = self.asp_bn(_attentive_statistics(self.asp, x).unsqueeze(2))
        return self.fc(pooled).transpose(1, 2)


def _convolve(layer, x):
    """SpeechBrain's `Conv1d` with reflected edges, on (batch, frames, channels), as one matrix product."""
    size, dilation, frames = layer.kernel_size, layer.dilation, x.shape[1]
    if size == 1:
        return F.linear(x, layer.conv.weight[:, :, 0], layer.conv.bias)
    edge = dilation * (size - 1) // 2
    x = torch.cat([x[:, 1 : edge + 1].flip(1), x, x[:, -edge - 1 : -1].flip(1)], dim=1)
    taps = torch.cat([x[:, tap * dilation : tap * dilation + frames] for tap in range(size)], dim=2)
    return F.linear(taps, layer.conv.weight.transpose(1, 2).flatten(1), layer.conv.bias)


def _batch_norm(layer, x):
    """SpeechBrain's `BatchNorm1d` on (batch, frames, channels): one picture in channels-last layout."""
    shape = x.shape
    picture = x.reshape(1, shape[0] * shape[1], 1, shape[2]).permute(0, 3, 1, 2)
    norm = layer.norm
    if norm.training:
        norm.num_batches_tracked.add_(1)
    picture = F.batch_norm(
        picture, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training, norm.momentum, norm.eps
    )
    return picture.permute(0, 2, 3, 1).reshape(shape)


def _tdnn(block, x):
    return _batch_norm(block.norm, block.activation(_convolve(block.conv, x)))


def _se_res2net(block, x):
    residual = x if block.shortcut is None else _convolve(block.shortcut, x)
    x = _tdnn(block.tdnn1, x)
    chunks = x.chunk(block.res2net_block.scale, dim=2)
    outputs = [chunks[0]]
    for index, layer in enumerate(block.res2net_block.blocks):
        chunk = chunks[index + 1] if index == 0 else chunks[index + 1] + outputs[-1]
        outputs.append(_tdnn(layer, chunk))
    x = _tdnn(block.tdnn2, torch.cat(outputs, dim=2))
    squeeze = block.se_block
    gate = F.relu(_convolve(squeeze.conv1, x.mean(dim=1, keepdim=True)))
    gate = torch.sigmoid(_convolve(squeeze.conv2, gate))
    return torch.addcmul(residual, gate, x)


def _attentive_statistics(pooling, x):
    """SpeechBrain's `AttentiveStatisticsPooling` on (batch, frames, channels) -> (batch, 2 * channels)."""
    channels = x.shape[2]
    context = _statistics(x, x.new_full((1, 1, 1), 1 / x.shape[1]), pooling.eps)
    layer = pooling.tdnn.conv.conv
    weight = layer.weight[:, :, 0]
    scores = F.linear(x, weight[:, :channels]) + F.linear(context, weight[:, channels:], layer.bias).unsqueeze(1)
    scores = torch.tanh(_batch_norm(pooling.tdnn.norm, pooling.tdnn.activation(scores)))
    return _statistics(x, F.softmax(_convolve(pooling.conv, scores), dim=1), pooling.eps)


def _statistics(x, weights, eps):
    """Mean and deviation over frames, frames weighted: (batch, frames, channels) -> (batch, 2 * channels)."""
    mean, variance = _Moments.apply(x, weights)
    return torch.cat([mean, variance.clamp(eps).sqrt()], dim=1)


class _Moments(torch.autograd.Function):
    """Weighted mean and variance over frames, each (batch, channels), of weights that sum to 1 over the frames.

    By hand, since autograd would keep and pass through every product, and `torch.var_mean` is slow over a middle
    dimension. The mean within the variance has no gradient: the weighted deviations from it sum to 0.
    """

    @staticmethod
    def forward(ctx, x, weights):
        mean = (weights * x).sum(dim=1)
        deviation = x - mean.unsqueeze(1)
        variance = deviation.square_().mul_(weights).sum(dim=1)
        ctx.save_for_backward(x, weights, mean)
        return mean, variance

    @staticmethod
    def backward(ctx, to_mean, to_variance):
        x, weights, mean = ctx.saved_tensors
        to_mean, to_variance = to_mean.unsqueeze(1), to_variance.unsqueeze(1)
        deviation = x - mean.unsqueeze(1)
        scaled = deviation * to_variance
        to_x = torch.add(to_mean, scaled, alpha=2).mul_(weights)
        to_weights = scaled.mul_(deviation).addcmul_(x, to_mean) if ctx.needs_input_grad[1] else None
        return to_x, to_weights
