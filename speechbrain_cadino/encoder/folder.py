"""What the folders of all encoders share: how the last layer takes in what follows it, and what is said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from speechbrain_cadino import __version__
from speechbrain_cadino.utils.errors import UserError

ONNX_FILE, ONNX_INT8_FILE, CARD = "model.onnx", "model_int8.onnx", "README.md"  # made of an encoder that is there
ABSENT = "absent"  # in place of the digest of what is not there


def weights_digest(folder: str | Path, metadata: str, weights: str) -> str:
    """A digest of an encoder folder's ``hyperparams.yaml`` and weights; `ABSENT` without its JSON, or if damaged.

    Arguments
    ---------
    folder : str or Path
    metadata, weights : str
        Names of the JSON by which the folder is known, and of the file of weights.
    """
    folder = Path(folder)
    if not (folder / metadata).is_file():
        return ABSENT
    digest = hashlib.blake2b(digest_size=16)
    try:
        digest.update((folder / "hyperparams.yaml").read_bytes())
        state = torch.load(folder / weights, map_location="cpu", weights_only=True)
        for name, tensor in state.items():
            digest.update(name.encode() + tensor.numpy().tobytes())
    except Exception:  # whatever a damaged file makes; loading it tells
        return ABSENT
    return digest.hexdigest()


@contextmanager
def told_if_damaged(encoder: str, folder: Path) -> Iterator[None]:
    """Turn whatever readers, constructors or load_state_dict make of a damaged folder into a `UserError`."""
    try:
        yield
    except Exception as error:
        reason = str(error).strip().split("\n")[0].rstrip(".:")
        raise UserError(f"The {encoder} in {folder} cannot be loaded ({reason}): export it again.") from error


def folded_layer(net: torch.nn.Module, mean: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias, float32, of ``norm(layer(x)) - mean`` as one layer, the ``last_layer`` of an encoder.

    With the scale s = weight / sqrt(running_var + eps) of the norm, and of a further one after it alike: W' = s W and
    b' = s (b - running_mean) + bias - mean, in double precision.
    """
    layer = net.last_layer
    weight, bias = layer.weight.detach().cpu().double(), layer.bias.detach().cpu().double()
    for norm in net.last_norms:
        gain, shift, center, variance = (
            tensor.detach().cpu().double() for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        )
        scale = gain / (variance + norm.eps).sqrt()
        weight, bias = weight * scale.view(-1, *[1] * (weight.dim() - 1)), (bias - center) * scale + shift
    return weight.float(), (bias - mean.double()).float()


def describe(
    of_kind: dict,
    mean: torch.Tensor,
    threshold: float | None,
    threshold_from: str,
    info: dict | None,
    calibration: dict | None = None,
) -> dict:
    """What an encoder's JSON says; ``of_kind`` is what only voices or only faces have."""
    return {
        "speechbrain_cadino": __version__,
        **of_kind,
        "embedding_dim": len(mean),
        "mean_subtracted": bool(mean.any()),
        "threshold": None if threshold is None else float(threshold),
        "threshold_from": threshold_from,
        "calibration": calibration,
        "info": info or {},
    }


def checked_mean(mean: torch.Tensor | np.ndarray | None, embedding_dim: int) -> torch.Tensor:
    """The mean of the training embeddings, (embedding_dim,) on the CPU, zeros for None; `UserError` if not of it."""
    mean = torch.zeros(embedding_dim) if mean is None else torch.as_tensor(mean).detach().cpu()
    if mean.shape != (embedding_dim,):
        raise UserError(
            f"The mean has the shape {tuple(mean.shape)}, not ({embedding_dim},): take it from this encoder."
        )
    return mean


def check_replaceable(folder: Path, metadata: str) -> None:
    """Refuse a folder that holds files, but not the one by which an encoder is known."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / metadata).is_file():
        raise UserError(f"{folder} holds files but no encoder: give a folder that is new, empty or an older encoder.")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: give a folder for the encoder.")


def replaced_by_export(files: Collection[str]) -> Callable[[str], bool]:
    """For `atomic_folder`: whether an export writes a file or, as it is made of the older encoder, takes it away."""
    return {*files, ONNX_FILE, ONNX_INT8_FILE}.__contains__


def yaml_value(value: Any) -> str:
    """An argument as it stands in a HyperPyYAML file."""
    if isinstance(value, type):
        return f"!name:{value.__module__}.{value.__qualname__}"
    return yaml.safe_dump(value, default_flow_style=True, width=float("inf")).removesuffix("...\n").strip()


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8."""
    path.write_text(text, encoding="utf-8")
