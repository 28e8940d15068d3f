"""Noise that follows the signal, as that of an adaptive codec does."""

import torch

from speechbrain_cadino.augmentation.levels import decibels_to_ratio


def add_modulated_noise(waves, q_db, white):
    """ITU-T P.810's modulated noise reference unit: y = x (1 + 10^(-Q/20) N), Q ``q_db`` (batch,), N ``white``."""
    return torch.addcmul(waves, waves * white, decibels_to_ratio(-q_db))
