"""The arguments that a folder may give to the classes of an encoder, by kind and bound, and the building itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from speechbrain_cadino.encoder.classes import ACTIVATIONS, CLASSES, class_name, find_class
from speechbrain_cadino.utils.settings.kinds import Kind, is_number

MOST = 64  # values of a list, and layers in a mapping
LARGEST = 2**14  # whole number in a mapping
SLACK = 2**24  # values that modules may hold beside their weights, such as tables of a filterbank
CUT = {"SelfSupervised": 4 * 10**8}  # values that a class may make and leave out again: layers of wav2vec2's largest
WIDE = "whole 1..65536"
ACTIVATION = "activation"
# Bounds are wide of every published network: they keep a stranger's number from filling the memory.
ARGUMENTS = {
    "Fbank": {
        **dict.fromkeys(("deltas", "context", "requires_grad"), "flag"),
        "sample_rate": "whole 16000..16000",
        "f_min": "number 0..8000",
        "f_max": "number? 1..8000",
        "n_fft": "whole 16..8192",
        "n_mels": "whole 1..512",
        "filter_shape": "text = triangular rectangular gaussian",
        **dict.fromkeys(("left_frames", "right_frames"), "whole 0..50"),
        **dict.fromkeys(("win_length", "hop_length"), "number 1..500"),
    },
    "KaldiFbank": {
        "n_mels": "whole 4..512",
        **dict.fromkeys(("f_min", "f_max"), "number 0..8000"),
        "scale": "number 0..1000000",
    },
    "InputNormalization": {
        **dict.fromkeys(("mean_norm", "std_norm", "avoid_padding_norm"), "flag"),
        "norm_type": "text = sentence batch global speaker",
    },
    "ECAPA_TDNN": {
        **dict.fromkeys(("input_size", "lin_neurons", "attention_channels", "se_channels"), WIDE),
        "activation": ACTIVATION,
        "channels": "wholes 1..65536",
        "kernel_sizes": "wholes 1..255",
        "dilations": "wholes 1..1024",
        "groups": "wholes 1..65536",
        "res2net_scale": "whole 1..64",
        "global_context": "flag",
        "dropout": "number 0..1",
    },
    "ResNet": {
        **dict.fromkeys(("input_size", "lin_neurons"), WIDE),
        "activation": ACTIVATION,
        "channels": "wholes 1..65536",
        "block_sizes": "wholes 1..256",
        "strides": "wholes 1..16",
    },
    "Xvector": {
        **dict.fromkeys(("in_channels", "lin_neurons"), WIDE),
        "activation": ACTIVATION,
        "tdnn_blocks": "whole 1..64",
        "tdnn_channels": "wholes 1..65536",
        "tdnn_kernel_sizes": "wholes 1..255",
        "tdnn_dilations": "wholes 1..1024",
    },
    "RawWaves": dict.fromkeys(("window", "hop_length"), "whole 1..16000"),
    "SelfSupervised": {  # without its weights, which would be the path of another file
        **dict.fromkeys(("lin_neurons", "attention_channels"), WIDE),
        "architecture": "text|mapping",
        "n_layers": "whole? 1..64",
        "lr_factor": "number 0..1000",
        "dropout": "number 0..1",
    },
    "IResNet": {
        "size": "whole 16..1024",
        **dict.fromkeys(("width", "embedding_dim"), WIDE),
        "layers": "wholes 1..256",
        "dropout": "number 0..1",
        "stem_stride": "whole 1..2",
    },
}


def checked_arguments(name: str, arguments: Any) -> dict:
    """Keyword arguments of a class as a file gives them, their classes found; a `ValueError` that names what is wrong.

    Arguments
    ---------
    name : str
        Of `CLASSES`. A class without a row of its own in `ARGUMENTS` takes plain numbers, texts and lists.
    arguments : dict

    Example
    -------
    >>> checked_arguments("InputNormalization", {"norm_type": "sentence"})
    {'norm_type': 'sentence'}
    >>> checked_arguments("ECAPA_TDNN", {"lin_neurons": 10**9})
    Traceback (most recent call last):
    ValueError: ECAPA_TDNN's lin_neurons is 1000000000, and must be a whole number from 1 to 65536
    """
    if not isinstance(arguments, dict) or not all(isinstance(key, str) for key in arguments):
        raise ValueError(f"the arguments of {name} are no mapping")
    kinds = ARGUMENTS.get(name)
    for key, value in arguments.items():
        if kinds is not None and key not in kinds:
            raise ValueError(f"{name} has no argument {key[:40]!r}")
        kind = kinds[key] if kinds else None
        if kind == ACTIVATION:
            if not isinstance(value, str) or value not in ACTIVATIONS:
                raise ValueError(f"{name}'s {key} is {_short(value)}, and must be one of {', '.join(ACTIVATIONS)}")
        elif not _plain(value) or not (kind is None or Kind.parse(kind).fits(value)):
            wanted = "a number of usual size, a text or a short list of these" if kind is None else Kind.parse(kind)
            raise ValueError(f"{name}'s {key[:40]} is {_short(value)}, and must be {wanted}")
    return {key: find_class(value) if _is_activation(name, key, value) else value for key, value in arguments.items()}


def plain_arguments(arguments: dict) -> dict:
    """Keyword arguments as a file has them: classes by their name."""
    return {
        key: (class_name(value) or value.__name__) if isinstance(value, type) else value
        for key, value in arguments.items()
    }


def spare(specs: dict[str, dict]) -> int:
    """How many values modules may hold, while they are built, beside their weights."""
    return SLACK + sum(CUT.get(spec["class"], 0) for spec in specs.values() if isinstance(spec.get("class"), str))


def build(spec: Any) -> torch.nn.Module:
    """The module of what a file says: ``{"class": name, "arguments": {...}}``; a `ValueError` if it may not be."""
    if not isinstance(spec, dict) or set(spec) != {"class", "arguments"} or not isinstance(spec["class"], str):
        raise ValueError(f"a module is {_short(spec)}, no class and arguments")
    name = spec["class"]
    if name not in CLASSES:
        raise ValueError(
            f"a module is of the class {name[:60]!r}, which is not built from a folder; one of your own is, after "
            "speechbrain_cadino.encoder.classes.allow_class(it)"
        )
    return find_class(name)(**checked_arguments(name, spec["arguments"]))


@contextmanager
def limited_size(n_values: int) -> Iterator[None]:
    """Within it, tensors that are made from sizes may have so many values together; more is a `ValueError`, unmade."""
    with _Limit(n_values):
        yield


class _Limit(TorchFunctionMode):
    FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}

    def __init__(self, n_values):
        super().__init__()
        self.left = n_values

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in self.FACTORIES:
            size = (kwargs or {}).get("size", args[:1] if args and not isinstance(args[0], int) else args)
            size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
            self.left -= math.prod(size)
            if self.left < 0:
                raise ValueError("its modules are larger than its weights")
        return function(*args, **(kwargs or {}))


def _is_activation(name, key, value):
    return ARGUMENTS.get(name, {}).get(key) == ACTIVATION or (name not in ARGUMENTS and value in tuple(ACTIVATIONS))


def _plain(value, levels=3):
    """Whether a value is a number of usual size, a short text, or a short list or mapping of these."""
    if isinstance(value, dict):
        sizes = [(key, item) for key, item in value.items() if isinstance(item, int)]
        small = all(abs(item) <= (MOST if str(key).endswith("layers") else LARGEST) for key, item in sizes)
        return (
            small
            and all(isinstance(key, str) for key in value)
            and levels > 0
            and all(_plain(item, levels - 1) for item in value.values())
        )
    if isinstance(value, list):
        return levels > 0 and len(value) <= MOST and all(_plain(item, levels - 1) for item in value)
    if isinstance(value, str):
        return len(value) <= 4096
    return value is None or isinstance(value, bool) or (is_number(value) and abs(value) <= 1e9)


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
