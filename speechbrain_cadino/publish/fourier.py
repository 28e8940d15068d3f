"""The short-time Fourier transform as a convolution, which ONNX runs with any number of samples."""

from __future__ import annotations

import copy
import math

import torch
from speechbrain.processing.features import STFT
from torch import nn
from torch.nn import functional as F


class FourierConvolution(nn.Module):
    """What SpeechBrain's `STFT` gives, by a product of each frame with windowed cosines and sines.

    For 400 samples that is 161,000 multiplications a frame where the fast transform has some 10,000: little beside an
    encoder, and exact to the rounding of float32. ONNX Runtime's own transform is slower than that.

    Arguments
    ---------
    stft : speechbrain.processing.features.STFT
        Whose size, hop, window, padding and scale are taken over.

    Example
    -------
    >>> stft = STFT(sample_rate=16000, n_fft=400)
    >>> FourierConvolution(stft)(torch.randn(2, 1600)).shape == stft(torch.randn(2, 1600)).shape
    True
    """

    def __init__(self, stft: STFT) -> None:
        super().__init__()
        size, self.hop = stft.n_fft, stft.hop_length
        self.edge, self.pad_mode = (size // 2 if stft.center else 0), stft.pad_mode
        window, before = torch.zeros(size, dtype=torch.float64), (size - stft.win_length) // 2
        window[before : before + stft.win_length] = stft.window.double()
        if stft.normalized_stft:
            window /= math.sqrt(size)
        frequencies = torch.arange(size // 2 + 1 if stft.onesided else size)
        # The product is reduced before it becomes an angle, which would lose digits otherwise.
        angles = (frequencies[:, None] * torch.arange(size) % size).double() * (2 * math.pi / size)
        basis = torch.cat([angles.cos(), -angles.sin()]) * window
        self.register_buffer("basis", basis.float().unsqueeze(1), persistent=False)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Waves (batch, time) to their spectrum (batch, frames, frequencies, 2): real and imaginary part."""
        padded = F.pad(waves.unsqueeze(1), (self.edge, self.edge), mode=self.pad_mode)
        real, imaginary = F.conv1d(padded, self.basis, stride=self.hop).transpose(1, 2).chunk(2, dim=2)
        return torch.stack([real, imaginary], dim=3)


def without_fast_transform(net: nn.Module) -> nn.Module:
    """A copy of a network on the CPU, in evaluation mode and without gradients, its `STFT`s as `FourierConvolution`.

    Arguments
    ---------
    net : torch.nn.Module
        Not changed.
    """
    net = copy.deepcopy(net).cpu().eval().requires_grad_(False)
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, STFT):
                setattr(module, name, FourierConvolution(child))
    return net
