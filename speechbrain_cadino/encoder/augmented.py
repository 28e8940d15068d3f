"""Features of waves that have been through a channel and noise of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.batch import stack_parameters
from speechbrain_cadino.encoder.model import SpeakerEncoderNet


def augmented_features(
    net: SpeakerEncoderNet, augmenter: ViewAugmenter, waves: np.ndarray, parameters: Sequence[dict]
) -> torch.Tensor:
    """Augment waves and give their features, on the device of the encoder.

    Arguments
    ---------
    net : SpeakerEncoderNet
    augmenter : ViewAugmenter
        On that device.
    waves : np.ndarray
        (batch, time) float32.
    parameters : sequence of dict
        What is done to each, of an `AugmentationSampler`.

    Returns
    -------
    torch.Tensor
        (batch, frames, mels)
    """
    device = next(net.parameters()).device
    stacked = stack_parameters(list(parameters))
    moved = {name: type(rows)(*(tensor.to(device) for tensor in rows)) for name, rows in stacked.items()}
    return net.features(augmenter.augment(torch.from_numpy(waves).to(device), moved))
