"""Reading an encoder folder back: the network, or its weights for one that is to be trained further."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import torch

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.rebuild import rebuilt
from speechbrain_cadino.encoder.safe import DIGESTS, read_json
from speechbrain_cadino.utils.devices import check_device
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.places import ENCODER, FACE_ENCODER

METADATA = ENCODER
MODULES = ("compute_features", "mean_var_norm", "embedding_model")


def load_encoder(folder: str | Path, device: str | torch.device = "cpu") -> tuple[SpeakerEncoderNet, dict]:
    """Load a folder that `export_encoder` wrote. Nothing in it is run, whoever wrote it.

    The encoder is built from ``encoder.json`` and ``model.safetensors``, out of the classes of `classes.CLASSES`, and
    every file that plain SpeechBrain reads must be the one that was exported with them. A folder of an older version
    is read as plain data, with a warning.

    Arguments
    ---------
    folder : str or Path
    device : str or torch.device

    Returns
    -------
    net : SpeakerEncoderNet
        Mean subtraction included; in evaluation mode.
    metadata : dict
        What ``encoder.json`` says.

    Raises
    ------
    UserError
        If the folder is absent, holds no encoder or a damaged one, or the device is not there.
    """
    folder, device = Path(folder), str(device)
    metadata = read_metadata(folder)
    check_device(device)

    def assembled(modules):
        return SpeakerEncoderNet(**modules, embedding_dim=metadata["embedding_dim"], batch_norm=False)

    older = ("embedding_model.ckpt", "embedding_model.")
    net = rebuilt("encoder", folder, METADATA, metadata, MODULES, older, assembled, torch.zeros(1, SAMPLE_RATE))
    return net.to(device).requires_grad_(False), metadata


def read_metadata(folder: Path, name: str = METADATA) -> dict:
    """What an encoder's JSON says, or a `UserError` that says what the folder is in place of an encoder's."""
    try:
        metadata = _checked(read_json(folder / name))
        needed = "hyperparams.yaml" in (metadata.get(DIGESTS) or ("hyperparams.yaml",))
        if needed and not (folder / "hyperparams.yaml").is_file():
            raise FileNotFoundError("hyperparams.yaml is missing")
        return metadata
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} {_what_it_is(folder, error, name)}") from error


def _checked(metadata):
    """What is read of ``encoder.json``, by its types; what came later may be missing."""
    if not isinstance(metadata, dict):
        raise ValueError("it holds no mapping")
    number, mapping = (int, float, type(None)), (dict, type(None))
    wanted = {"embedding_dim": int, "threshold": number, "calibration": mapping, "info": mapping, DIGESTS: mapping}
    for name, kinds in wanted.items():
        value = metadata.get(name) if kinds is mapping else metadata[name]
        if (
            not isinstance(value, kinds)
            or isinstance(value, bool)
            or (isinstance(value, float) and not isfinite(value))
        ):
            raise ValueError(f"{name} is {value!r}")
    if not 1 <= metadata["embedding_dim"] <= 65536:
        raise ValueError(f"embedding_dim is {metadata['embedding_dim']!r}")
    return metadata


def _what_it_is(folder, error, name):
    """What a folder without an encoder is, and what was meant instead."""
    usual = name.removesuffix(".json")  # of the folder
    if not folder.exists():
        return f"does not exist: give the folder of an encoder that training wrote, such as RUN/{usual}."
    if not folder.is_dir():
        meant = f"did you mean {folder.parent}?" if (folder.parent / name).is_file() else f"give RUN/{usual}."
        return f"is a file, and the folder of an encoder that training wrote is wanted: {meant}"
    other = next((kind for kind in (ENCODER, FACE_ENCODER) if kind != name and (folder / kind).is_file()), None)
    if other is not None and not (folder / name).exists():
        kinds = {ENCODER: "voices", FACE_ENCODER: "faces"}
        return f"holds an encoder of {kinds[other]}, and one of {kinds[name]} is wanted: give RUN/{usual}."
    inside = [folder.glob(pattern) for pattern in (f"{usual}/{name}", f"*/{usual}/{name}")]
    inside = [path.parent for paths in inside for path in paths]
    if inside and not (folder / name).exists():  # a run, or stage II's with a folder for each iteration
        last = max(inside, key=lambda path: (path / name).stat().st_mtime)
        return f"holds no encoder itself: did you mean {last}?"
    reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else getattr(error, "strerror", None) or error
    return f"holds no encoder of ours ({name}: {reason}): give one that training wrote."


def start_from_encoder(net: SpeakerEncoderNet, folder: str | Path) -> None:
    """Give an encoder that is to be trained the weights of an encoder folder.

    The batch norm that follows the last layer stays as it is: the folder has its own folded into that layer.

    Arguments
    ---------
    net : SpeakerEncoderNet
        Changed in place.
    folder : str or Path

    Raises
    ------
    UserError
        As `load_encoder`, or if the folder's encoder has another architecture.
    """
    state = load_encoder(folder)[0].embedding_model.state_dict()
    try:
        net.embedding_model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(
            f"The encoder in {folder} has another architecture than the YAML's embedding_model: give one trained with "
            "the same settings, or train from a fresh one."
        ) from error
