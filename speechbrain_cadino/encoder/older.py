"""Encoder folders of before the safe files: their HyperPyYAML read as plain data, their pickles as tensors alone."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import torch
import yaml

from speechbrain_cadino.encoder.classes import ACTIVATIONS, CLASSES
from speechbrain_cadino.encoder.safe import MAX_WEIGHTS, read_regular
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)

MAX_YAML, MAX_LEVELS = 2**16, 8  # bytes; an encoder's file has 2 kB and 4 levels
NEW, NAME, REF = "!new:", "!name:", "!ref"
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str")}


def tell_that_it_is_older(folder: Path) -> None:
    """Say once a folder that it has no checksums."""
    logger.warning(
        "%s was exported by an older version, without checksums: damage to its settings may go unseen. Export it again "
        "with export_encoder or export_face_encoder.",
        folder,
    )


def read_modules(path: Path, wanted: tuple[str, ...]) -> dict[str, dict]:
    """The modules that an encoder's HyperPyYAML names, as plain data: nothing is imported, built or called.

    Arguments
    ---------
    path : Path
    wanted : tuple of str
        Keys whose ``!new:`` is read; what else the file says is looked at, but not used.

    Returns
    -------
    dict
        Of each key: ``{"class": path of the class, "arguments": {...}}``; classes among the arguments by their name.

    Raises
    ------
    UserError
        If the file has another tag, an anchor, a class that no encoder here has, or lacks a key.
    """
    try:
        text = read_regular(path, MAX_YAML).decode("utf-8")
        _check_shape(yaml.parse(text, yaml.SafeLoader))
        found = _plain(yaml.compose(text, yaml.SafeLoader))
        return {name: _spec(name, found[name]) for name in wanted}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, RecursionError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise UserError(
            f"{path} is not loaded, since it may run code: {reason[:200]}. Take an encoder that this package exported; "
            "if you trust this one, SpeechBrain's EncoderClassifier.from_hparams loads it."
        ) from error


def _spec(name, found):
    if not isinstance(found, dict) or set(found) != {"class", "arguments"}:
        raise ValueError(f"{name} is no {NEW} of a class")
    names = {path: short for short, path in CLASSES.items()}
    return found | {"class": names.get(found["class"], found["class"])}


def _check_shape(events):
    """Refuse aliases, by which little text becomes much, and many levels, before anything is composed."""
    level = 0
    for event in events:
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or level > MAX_LEVELS:
            raise ValueError("an alias stands in it" if level <= MAX_LEVELS else "it has too many levels")


def _plain(node):
    """A YAML node as plain values: ``!new:`` as class and arguments, ``!name:`` and ``!ref`` as the text."""
    tag = node.tag if node is not None else "nothing"
    if isinstance(node, yaml.MappingNode):
        keys = [_plain(key) for key, _ in node.value]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
            raise ValueError("a key is no text, or stands twice")
        values = {key: _plain(value) for key, (_, value) in zip(keys, node.value)}
        if tag.startswith(NEW):
            return {"class": _allowed(tag[len(NEW) :]), "arguments": values}
        if tag == "tag:yaml.org,2002:map":
            return values
    elif isinstance(node, yaml.SequenceNode) and tag == "tag:yaml.org,2002:seq":
        return [_plain(item) for item in node.value]
    elif isinstance(node, yaml.ScalarNode):
        if tag.startswith(NAME) and not node.value:
            return _activation(tag[len(NAME) :])
        if tag.startswith(NEW) and not node.value:  # a class without arguments
            return {"class": _allowed(tag[len(NEW) :]), "arguments": {}}
        if tag == REF:
            return f"!ref {node.value}"
        if tag in PLAIN:
            return yaml.SafeLoader("").construct_object(node)
    raise ValueError(f"{tag[:80]} stands in it")


def _allowed(path):
    if path not in {*CLASSES.values(), *OTHERS}:
        raise ValueError(f"{NEW}{path[:80]} stands in it")
    return path


def _activation(path):
    name = path.rpartition(".")[2]
    if name not in ACTIVATIONS or path not in (ACTIVATIONS[name], f"torch.nn.modules.activation.{name}"):
        raise ValueError(f"{NAME}{path[:80]} stands in it")
    return name


# What stands in the files that this package wrote beside the encoder's own modules.
OTHERS = (
    "speechbrain.utils.parameter_transfer.Pretrainer",
    "speechbrain.dataio.preprocess.AudioNormalizer",
    "speechbrain_cadino.faces.model.FaceEncoderNet",
)


def read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file that `torch.save` wrote, by name; nothing else may be in it, and no code runs.

    Raises
    ------
    ValueError
        If it is damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise ValueError(f"{path.name} is missing, or no file")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError(f"{path.name} is compressed")
        if sum(member.file_size for member in members) > MAX_WEIGHTS:
            raise ValueError(f"{path.name} has over {MAX_WEIGHTS / 2**30:.0f} GB")
        damaged = archive.testzip()  # torch.load does not look at the checksums
    if damaged is not None:
        raise ValueError(f"{path.name} is damaged")
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()
    ):
        raise ValueError(f"{path.name} holds other things than tensors by name")
    return dict(state)
