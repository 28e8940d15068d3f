"""Reading a face encoder's folder back: the network, or its weights for one that is to be trained further."""

from __future__ import annotations

from pathlib import Path

import torch

from speechbrain_cadino.encoder.load import read_metadata
from speechbrain_cadino.encoder.rebuild import rebuilt
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.devices import check_device
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.places import FACE_ENCODER
from speechbrain_cadino.utils.settings.kinds import is_whole

METADATA, CHECKPOINT = FACE_ENCODER, "face_encoder.ckpt"
FILES = ("hyperparams.yaml", METADATA, CHECKPOINT)  # older folders have these


MODULES = ("embedding_model",)
LARGEST = 1024  # pixels of a side


def load_face_encoder(folder: str | Path, device: str | torch.device = "cpu") -> tuple[FaceEncoderNet, dict]:
    """Load a folder that `export_face_encoder` wrote. As with `load_encoder`, nothing in it is run.

    Arguments
    ---------
    folder : str or Path
    device : str or torch.device

    Returns
    -------
    net : FaceEncoderNet
        In evaluation mode, mean subtraction included.
    metadata : dict
        What ``face_encoder.json`` says.

    Raises
    ------
    UserError
        If the folder is absent, holds no face encoder or a damaged one, or the device is not there.
    """
    folder, device = Path(folder), str(device)
    metadata = read_metadata(folder, METADATA)
    check_device(device)

    def assembled(modules):
        return FaceEncoderNet(
            **modules, embedding_dim=metadata["embedding_dim"], size=metadata["size"], batch_norm=False
        )

    if not is_whole(metadata.get("size"), low=1) or metadata["size"] > LARGEST:
        raise UserError(f"{folder} holds no face encoder of ours ({METADATA}: size is {metadata.get('size')!r}).")
    example = torch.zeros(1, 3, metadata["size"], metadata["size"], dtype=torch.uint8)
    net = rebuilt("face encoder", folder, METADATA, metadata, MODULES, (CHECKPOINT, ""), assembled, example)
    return net.to(device), metadata


def is_face_encoder(folder: str | Path) -> bool:
    """Whether a folder has what `export_face_encoder` writes, weights included; they are not read.

    Example
    -------
    >>> is_face_encoder("nowhere")
    False
    """
    return all((Path(folder) / name).is_file() for name in FILES)


@torch.no_grad()
def start_from_face_encoder(net: FaceEncoderNet, folder: str | Path) -> None:
    """Give a face encoder that is to be trained the weights of an encoder folder.

    The folder's projection, which has its batch norm and mean, goes into ``fc``, so that training moves it, too; the
    projection is the identity afterwards, and the batch norm stays as it is.

    Arguments
    ---------
    net : FaceEncoderNet
        Changed in place.
    folder : str or Path

    Raises
    ------
    UserError
        As `load_face_encoder`, or if the folder's encoder has another architecture.
    """
    loaded = load_face_encoder(folder)[0]
    state = loaded.embedding_model.state_dict()
    weight, bias = loaded.projection.weight.double(), loaded.projection.bias.double()
    try:
        state["fc.weight"] = (weight @ state["fc.weight"].double()).float()
        state["fc.bias"] = (weight @ state["fc.bias"].double() + bias).float()
        net.embedding_model.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        raise UserError(
            f"The face encoder in {folder} has another architecture than the YAML's face embedding_model: give one "
            "trained with the same settings, or train from a fresh one."
        ) from error
    net.reset_projection()
