"""The trained face encoder as a folder."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.encoder.arguments import plain_arguments
from speechbrain_cadino.encoder.classes import exact_name
from speechbrain_cadino.encoder.folder import (
    check_replaceable,
    checked_mean,
    describe,
    folded_layer,
    replaced_by_export,
    write_text,
    yaml_value,
)
from speechbrain_cadino.encoder.safe import WEIGHTS, save_weights, sealed
from speechbrain_cadino.faces.load import CHECKPOINT, FILES, METADATA, MODULES, load_face_encoder
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_folder

HEADER = """\
# A face encoder: speechbrain_cadino.inference.FaceEncoder.from_folder(THIS_FOLDER). Aligned crops of faces, RGB.
# The batch norm and the subtraction of the training mean are in the weights of its projection.
"""


def export_face_encoder(
    net: FaceEncoderNet,
    folder: str | Path,
    mean: torch.Tensor | np.ndarray | None = None,
    threshold: float | None = None,
    threshold_from: str = "",
    info: dict | None = None,
) -> Path:
    """Write a face encoder as a folder for `load_face_encoder`, and check that it loads.

    Batch norm and the subtraction of ``mean`` are folded into the projection, so that the loaded encoder gives
    ``net(images) - mean`` to 1e-5. The folder can be moved. An older export is replaced; other files in it stay.

    Arguments
    ---------
    net : FaceEncoderNet
        Not changed. Its embedding model says by ``settings`` with which arguments it was built, as `IResNet` does.
    folder : str or Path
        New, empty, or an older export.
    mean, threshold, threshold_from, info :
        As of `export_encoder`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UserError
        If the folder holds something else or cannot be written, the mean is not this encoder's, the embedding model
        has no ``settings``, or it gives embeddings that are not finite.
    """
    folder = Path(folder).resolve()
    check_replaceable(folder, METADATA)
    mean = checked_mean(mean, net.embedding_dim)
    kind, settings = type(net.embedding_model), _settings(net)
    modules = {MODULES[0]: {"class": exact_name(kind), "arguments": plain_arguments(settings)}}
    metadata = describe({"size": net.size, "modules": modules}, mean, threshold, threshold_from, info)
    state = {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}
    state = {name: tensor for name, tensor in state.items() if not name.startswith("embedding_norm.")}
    state["projection.weight"], state["projection.bias"] = folded_layer(net, mean)
    try:
        with atomic_folder(folder, replaced_by_export({*FILES, WEIGHTS})) as temporary:
            write_text(temporary / "hyperparams.yaml", _yaml_text(net, settings))
            torch.save(state, temporary / CHECKPOINT)
            save_weights(state, temporary / WEIGHTS)
            files = [name for name in (*FILES, WEIGHTS) if name != METADATA]
            write_text(temporary / METADATA, json.dumps(sealed(metadata, METADATA, temporary, files), indent=2) + "\n")
            _check(temporary, net, mean)
    except OSError as error:
        raise UserError(
            f"The face encoder cannot be written to {folder} ({error.strerror}): choose another."
        ) from error
    return folder


def _settings(net):
    """The arguments that the encoder's embedding model says it was built with."""
    kind, settings = type(net.embedding_model), getattr(net.embedding_model, "settings", None)
    if not isinstance(settings, dict):
        raise UserError(
            f"The face encoder's embedding_model is a {kind.__name__}, which does not say with which arguments it was "
            "built: give it an attribute settings, a dict of them."
        )
    return settings


def _yaml_text(net, settings):
    """The HyperPyYAML file of the encoder as it is exported, for people: `load_face_encoder` reads the JSON."""
    kind = type(net.embedding_model)
    lines = [f"{HEADER}embedding_model: !new:{kind.__module__}.{kind.__qualname__}"]
    lines += [f"    {name}: {yaml_value(value)}" for name, value in settings.items()]
    lines += [f"encoder: !new:{FaceEncoderNet.__module__}.{FaceEncoderNet.__qualname__}"]
    lines += ["    embedding_model: !ref <embedding_model>", f"    embedding_dim: {net.embedding_dim}"]
    return "\n".join([*lines, f"    size: {net.size}", "    batch_norm: False"]) + "\n"


def _check(folder, net, mean):
    """Load the folder and compare, both on the CPU: on a GPU TF32 may round as much as what is looked for."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (2, 3, net.size, net.size), dtype=torch.uint8, generator=generator)
    with torch.no_grad():
        wanted = copy.deepcopy(net).cpu().eval()(images) - mean.float()
        loaded = load_face_encoder(folder)[0](images)
    if not wanted.isfinite().all():
        raise UserError(
            "The face encoder's embeddings are not finite, so it was not exported: take an earlier checkpoint."
        )
    if not torch.allclose(loaded, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max())):
        raise UserError(
            "The face encoder built again gives other embeddings, so it was not exported: let settings of its "
            "embedding_model hold all its arguments."
        )
