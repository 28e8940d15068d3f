"""The coding of landlines: mu-law of a few bits."""

from __future__ import annotations

import math

import torch

LOG_MU = math.log1p(255)  # mu-law's mu


def quantise_mulaw(waves: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Code and decode by mu-law (mu = 255, ITU-T G.711's curve) with a sign and ``bits - 1`` bits of magnitude.

    ``bits`` is (batch,). What is over full scale is cut off. One step is at zero, so that silence stays silence.
    """
    steps = 2 ** (bits[:, None] - 1) - 1
    codes = torch.round(torch.log1p(255 * waves.abs().clamp_max(1)) * (steps / LOG_MU))
    return torch.copysign(torch.expm1(codes * (LOG_MU / steps)) / 255, waves)
