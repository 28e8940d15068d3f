"""What ECAPA-TDNN's arguments must be to each other; SpeechBrain asserts some of it without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_whole

COLUMNS = ("channels", "kernel_sizes", "dilations", "groups")
NUMBERS = ("input_size", "lin_neurons", "attention_channels", "res2net_scale", "se_channels")


def check_ecapa(arguments: Mapping[str, Any]) -> None:
    """Raise a `UserError` that names the setting if an ECAPA-TDNN cannot be built, or fails at its first batch.

    Arguments
    ---------
    arguments : dict
        All of `speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN`'s, by name.

    Example
    -------
    >>> plain = dict(input_size=80, lin_neurons=192, attention_channels=128, res2net_scale=8, se_channels=128)
    >>> columns = dict(channels=[8, 8, 24], kernel_sizes=[5, 3, 1], dilations=[1, 2, 1], groups=[1, 1, 1])
    >>> check_ecapa(dict(**plain, **columns, dropout=0.0))
    """
    for name in NUMBERS:
        if not is_whole(arguments[name], low=1):
            _refuse(f"{name} {arguments[name]}, and must have a whole number from 1 on")
    for name in COLUMNS:
        value = arguments[name]
        if not isinstance(value, (list, tuple)) or len(value) < 3 or not all(is_whole(one, low=1) for one in value):
            _refuse(f"{name} {value}, and must have a list of three whole numbers or more, each from 1 on")
    channels, scale = list(arguments["channels"]), arguments["res2net_scale"]
    for name in COLUMNS[1:]:
        if len(arguments[name]) != len(channels):
            _refuse(
                f"{len(arguments[name])} {name} for {len(channels)} channels ({name} {list(arguments[name])}, channels "
                f"{channels}): give as many of both, one for each layer"
            )
    if any(size % 2 == 0 for size in arguments["kernel_sizes"]):
        _refuse(f"kernel_sizes {list(arguments['kernel_sizes'])}: an even one shifts the frames, give odd ones")
    if len(set(channels[1:-1])) > 1:
        _refuse(f"channels {channels}: those between the first and the last must be equal, their outputs are joined")
    if channels[1] % scale:
        _refuse(f"channels {channels} and res2net_scale {scale}: those between must be a multiple of it")
    # SpeechBrain's SE-Res2Net block groups its layers from and to its own channels.
    inputs = [arguments["input_size"], *channels[:-2], channels[-2] * (len(channels) - 2)]
    for width, before, groups in zip(channels, inputs, arguments["groups"]):
        if width % groups or before % groups:
            _refuse(f"groups {list(arguments['groups'])}: {groups} does not divide a layer of {before} to {width}")
    dropout = arguments["dropout"]
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        _refuse(f"dropout {dropout}, and must have a number from 0, less than 1")


def _refuse(what):
    raise UserError(f"embedding_model has {what}.")
