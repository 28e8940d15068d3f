"""The self-supervised networks of torchaudio, by name or by the arguments of its `wav2vec2_model` and `wavlm_model`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torchaudio import models

from speechbrain_cadino.utils.errors import UserError

NAMES = (
    "wavlm_base",
    "wavlm_large",
    "wav2vec2_base",
    "wav2vec2_large",
    "wav2vec2_large_lv60k",
    "wav2vec2_xlsr_300m",
    "hubert_base",
    "hubert_large",
)
DROPOUTS = ("projection", "attention", "ff_interm")


def build_network(architecture: str | Mapping[str, Any], dropout: float) -> torch.nn.Module:
    """A torchaudio `Wav2Vec2Model` with random weights.

    Arguments
    ---------
    architecture : str or mapping
        One of `NAMES`; or arguments of `torchaudio.models.wav2vec2_model`, or, with ``encoder_num_buckets``, of
        `wavlm_model`, but for its dropouts. What is left out is as in the base networks.
    dropout : float
        All of its dropouts. None of its layers is ever dropped.

    Returns
    -------
    torchaudio.models.Wav2Vec2Model

    Raises
    ------
    UserError
        If there is no such network, or it cannot be built.
    """
    rates = {f"encoder_{place}_dropout": dropout for place in DROPOUTS}
    rates |= {"encoder_dropout": dropout, "encoder_layer_drop": 0.0}
    if isinstance(architecture, str):
        if architecture not in NAMES:
            raise UserError(
                f"The architecture is {architecture}, which is none of {', '.join(NAMES)}: give one of these, or a "
                "mapping of torchaudio's arguments."
            )
        return getattr(models, architecture)(**rates)
    factory = models.wavlm_model if "encoder_num_buckets" in architecture else models.wav2vec2_model
    known = set(inspect.signature(factory).parameters) - set(rates) - {"aux_num_out"}
    unknown = sorted(set(architecture) - known)
    if unknown:
        raise UserError(f"The architecture has no argument {unknown[0]}: give some of {', '.join(sorted(known))}.")
    given = {name: value for name, value in BASE.items() if name in known} | dict(architecture)
    convolutions = given["extractor_conv_layer_config"]
    given["extractor_conv_layer_config"] = convolutions and [tuple(layer) for layer in convolutions]
    try:
        return factory(**given, **rates, aux_num_out=None)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, AssertionError) as error:
        raise UserError(f"The architecture {dict(architecture)} cannot be built ({error}): correct it.") from error


BASE = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": None,
    "extractor_conv_bias": False,
    "encoder_embed_dim": 768,
    "encoder_pos_conv_kernel": 128,
    "encoder_pos_conv_groups": 16,
    "encoder_num_layers": 12,
    "encoder_num_heads": 12,
    "encoder_num_buckets": 320,
    "encoder_max_distance": 800,
    "encoder_ff_interm_features": 3072,
    "encoder_layer_norm_first": False,
}


def frame_of(network: torch.nn.Module) -> tuple[int, int]:
    """Samples that a frame of a `Wav2Vec2Model` sees, and samples from one frame to the next.

    Example
    -------
    >>> frame_of(models.wav2vec2_base())
    (400, 320)
    """
    window, hop = 1, 1
    for layer in network.feature_extractor.conv_layers:
        window, hop = window + (layer.kernel_size - 1) * hop, hop * layer.stride
    return window, hop
