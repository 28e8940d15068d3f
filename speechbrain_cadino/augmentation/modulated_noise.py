"""Noise that follows the signal, as that of an adaptive codec does."""

from __future__ import annotations

import torch

from speechbrain_cadino.augmentation.levels import decibels_to_ratio


def add_modulated_noise(waves: torch.Tensor, q_db: torch.Tensor, white: torch.Tensor) -> torch.Tensor:
    """ITU-T P.810's modulated noise reference unit: y = x (1 + 10^(-Q/20) N), Q ``q_db`` (batch,), N ``white``."""
    return torch.addcmul(waves, waves * white, decibels_to_ratio(-q_db))
