"""An encoder folder's files as plain data, and the digests that tell whether one of them was changed or damaged."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from speechbrain_cadino.utils.errors import UserError

WEIGHTS = "model.safetensors"
DIGESTS = "sha256"  # in an encoder's JSON: of each file, and of the JSON's other values under its own name
MAX_TEXT = 16 * 2**20  # bytes of a JSON or YAML file
MAX_WEIGHTS = 2 * 2**30  # bytes of a file of weights: wav2vec2's largest has 1.3 GB
BLOCK = 2**20


def read_regular(path: Path, at_most: int) -> bytes:
    """What a file holds; what is none (a device, a pipe), or a larger one, is a `ValueError`.

    Arguments
    ---------
    path : Path
        May be a link, as in the hub's cache; what is there is judged by digests, not by its place.
    at_most : int
        Bytes.
    """
    with _opened(path) as file:
        data = file.read(at_most + 1)
    if len(data) > at_most:
        raise ValueError(f"{path.name} has over {at_most / 2**20:.0f} MB")
    return data


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; a `ValueError` as of `read_regular`."""
    digest = hashlib.sha256()
    with _opened(path) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> Any:
    """What a JSON file says, as plain values; anything that JSON readers might understand in two ways is refused.

    Raises
    ------
    ValueError
        If it is no JSON, has a key twice, a number that is too large, or too many levels.
    """
    try:
        return json.loads(
            read_regular(path, MAX_TEXT).decode("utf-8"), object_pairs_hook=_without_doubles, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError("it has too many levels") from error


def sealed(metadata: dict, name: str, folder: Path, files: Iterable[str]) -> dict:
    """An encoder's JSON with the digests of a folder's files, and of the JSON itself, in it.

    Arguments
    ---------
    metadata : dict
        Anything that JSON can hold.
    name : str
        Of the JSON file.
    folder : Path
        Holds the files.
    files : iterable of str
        Those that belong to the encoder.
    """
    metadata = json.loads(json.dumps({key: value for key, value in metadata.items() if key != DIGESTS}))
    digests = {file: file_digest(folder / file) for file in files}
    return metadata | {DIGESTS: digests | {name: _digest_of(metadata | {DIGESTS: digests})}}


def check_seal(metadata: dict, name: str, folder: Path) -> None:
    """Raise a `UserError` if the JSON, or one of the files that it has a digest of, is not what `sealed` saw.

    Arguments are as of `sealed`.
    """
    files = dict(metadata.get(DIGESTS) or {})
    good = files.pop(name, None) == _digest_of(metadata | {DIGESTS: files}) and WEIGHTS in files
    if not good or any(Path(file).name != file for file in files):
        raise UserError(
            f"{folder / name} was changed or damaged since the encoder was exported: export it again; another "
            "threshold is an argument of verify_files."
        )
    for file, digest in files.items():
        try:
            same = file_digest(folder / file) == digest
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"The encoder in {folder} cannot be loaded ({file}: {reason}): export it again.") from error
        if not same:
            raise UserError(
                f"The encoder in {folder} cannot be loaded ({file} was changed or damaged since it was exported, so "
                "that plain SpeechBrain and this package may not see one encoder): export it again."
            )


def save_weights(state: dict[str, torch.Tensor], path: Path) -> None:
    """Write tensors by name as safetensors; floating-point ones as float32."""
    state = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    path.write_bytes(safetensors.torch.save(state))  # save_file makes a file that its owner alone may read


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors that `save_weights` wrote; a `ValueError` if the file holds none."""
    try:
        return safetensors.torch.load(read_regular(path, MAX_WEIGHTS))
    except (safetensors.SafetensorError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path.name} holds no weights ({error})") from error


def _opened(path):
    """A file open for reading; opening never waits for a pipe's other end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb", closefd=True) if not os.path.isdir(path) else None
    if file is None or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        if file is not None:
            file.close()
        raise ValueError(f"{path.name} is no file")
    return file


def _digest_of(values):
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _without_doubles(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def _finite(text):
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large a number")
    return number
