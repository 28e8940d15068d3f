"""Levels of crops: their measure, and setting them."""

from __future__ import annotations

import torch

TINY = 1e-20


def set_level(waves: torch.Tensor, level_db: torch.Tensor) -> torch.Tensor:
    """Scale each crop to an RMS of ``level_db`` (batch,) below full scale; silence stays silence."""
    return waves * (decibels_to_ratio(level_db) / rms(waves).clamp_min(TINY))


def rms(waves: torch.Tensor) -> torch.Tensor:
    """Root mean square of each crop, (batch, 1)."""
    return torch.linalg.vector_norm(waves, dim=1, keepdim=True) / waves.shape[1] ** 0.5


def decibels_to_ratio(decibels: torch.Tensor) -> torch.Tensor:
    """Amplitude ratios, (batch,) to (batch, 1)."""
    return 10 ** (decibels[:, None] / 20)
