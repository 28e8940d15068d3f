"""Overload: a crop cut off below its own peak."""

from __future__ import annotations

import torch

from speechbrain_cadino.augmentation.levels import decibels_to_ratio


def clip(waves: torch.Tensor, clip_db: torch.Tensor) -> torch.Tensor:
    """Cut each crop off at ``clip_db`` (batch,) below its own peak."""
    limits = waves.abs().amax(1, keepdim=True) * decibels_to_ratio(-clip_db)
    return torch.clamp(waves, -limits, limits)
