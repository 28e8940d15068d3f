"""The trained encoder as a folder that plain SpeechBrain loads, without this package."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.inference.classifiers import EncoderClassifier

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.encoder.arguments import plain_arguments
from speechbrain_cadino.encoder.classes import CLASSES, class_name
from speechbrain_cadino.encoder.folder import (
    check_replaceable,
    checked_mean,
    describe,
    folded_layer,
    replaced_by_export,
    write_text,
    yaml_value,
)
from speechbrain_cadino.encoder.load import METADATA, load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.networks import last_norm
from speechbrain_cadino.encoder.plain import deciding, hearing
from speechbrain_cadino.encoder.pooling import without_noise
from speechbrain_cadino.encoder.safe import WEIGHTS, save_weights, sealed
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_folder

FILES = ("hyperparams.yaml", METADATA, "embedding_model.ckpt", "mean_var_norm_emb.ckpt")  # older folders have these
HEADER = """\
# A speaker encoder for SpeechBrain 1.1: SpeakerRecognition.from_hparams(source=THIS_FOLDER), or EncoderClassifier.
# Waves at 16 kHz. The batch norm after the last layer and the subtraction of the training mean are in its weights.
"""


def export_encoder(
    net: SpeakerEncoderNet,
    folder: str | Path,
    mean: torch.Tensor | np.ndarray | None = None,
    threshold: float | None = None,
    threshold_from: str = "",
    info: dict | None = None,
    calibration: dict | None = None,
) -> Path:
    """Write an encoder as a folder for ``SpeakerRecognition.from_hparams(source=folder)``, and check that it loads.

    Of a network that is not SpeechBrain's, such as `SelfSupervised`, plain SpeechBrain needs the class to be installed.

    The batch norm after the last layer and the subtraction of ``mean`` are folded into that layer, so that the loaded
    encoder gives ``net(waves) - mean`` to 1e-5. The folder can be moved. An older export is replaced; other files that
    lie in its folder stay.

    Arguments
    ---------
    net : speechbrain_cadino.encoder.model.SpeakerEncoderNet
        Not changed.
    folder : str or Path
        New, empty, or an older export.
    mean : torch.Tensor or np.ndarray, optional
        (embedding_dim,) the mean of the training embeddings.
    threshold : float, optional
        Cosine (after mean subtraction) from which two utterances count as one speaker's.
    threshold_from : str
        How the threshold was found, for people.
    info : dict, optional
        Anything that JSON can hold, kept in ``encoder.json`` for people.
    calibration : dict, optional
        Arguments of a `Calibration`, for probabilities.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UserError
        If the folder holds something else or cannot be written, the mean is not this encoder's, or the encoder is not
        built of SpeechBrain's modules or gives embeddings that are not finite.
    """
    folder = Path(folder).resolve()
    check_replaceable(folder, METADATA)
    settings = encoder_settings(net)
    mean = checked_mean(mean, net.embedding_dim)
    classes = module_classes(net)
    modules = {
        name: {"class": classes[name], "arguments": plain_arguments(values)} for name, values in settings.items()
    }
    of_kind = {"sample_rate": SAMPLE_RATE, "modules": modules}
    metadata = describe(of_kind, mean, threshold, threshold_from, info, calibration)
    try:
        with atomic_folder(folder, replaced_by_export({*FILES, WEIGHTS})) as temporary:
            text = yaml_text(settings, classes) + hearing() + deciding(threshold)
            write_text(temporary / "hyperparams.yaml", text)
            weights = folded_weights(net, mean)
            torch.save(weights, temporary / "embedding_model.ckpt")
            zeros, ones = torch.zeros(net.embedding_dim), torch.ones(net.embedding_dim)
            identity = {"count": 1, "glob_mean": zeros, "glob_std": ones}
            torch.save(identity, temporary / "mean_var_norm_emb.ckpt")
            save_weights(_whole_state(net, weights), temporary / WEIGHTS)
            files = [name for name in (*FILES, WEIGHTS) if name != METADATA]
            write_text(temporary / METADATA, json.dumps(sealed(metadata, METADATA, temporary, files), indent=2) + "\n")
            _check(temporary, net, mean)
    except OSError as error:
        raise UserError(f"The encoder cannot be written to {folder} ({error.strerror}): choose another.") from error
    return folder


def is_encoder(folder: str | Path) -> bool:
    """Whether a folder has what `export_encoder` writes, weights included; they are not read.

    Example
    -------
    >>> is_encoder("nowhere")
    False
    """
    return all((Path(folder) / name).is_file() for name in FILES)


def folded_weights(net: SpeakerEncoderNet, mean: torch.Tensor | np.ndarray) -> dict[str, torch.Tensor]:
    """State dict of the embedding model with ``norm(last_layer(x)) - mean`` in its last layer alone.

    The network's own batch norm after it, if it has one, is there as a fresh one, which does nothing.
    """
    state = {name: tensor.detach().cpu().clone() for name, tensor in net.embedding_model.state_dict().items()}
    weight, bias = folded_layer(net, mean)
    names = {module: name for name, module in net.embedding_model.named_modules()}
    norm = last_norm(net.embedding_model)
    if norm is not None:
        undone = (1 + norm.eps) ** 0.5  # a fresh one divides by it
        weight, bias = weight * undone, bias * undone
        fresh = torch.nn.BatchNorm1d(norm.num_features, eps=norm.eps).state_dict()
        state |= {f"{names[norm]}.{name}": tensor for name, tensor in fresh.items()}
    layer = names[net.last_layer]
    return {**state, f"{layer}.weight": weight, f"{layer}.bias": bias}


def module_classes(net: SpeakerEncoderNet) -> dict[str, str]:
    """Of each module that `encoder_settings` tells of, the name of its class in `CLASSES`."""
    return {name: class_name(type(getattr(net, name))) for name in encoder_settings(net)}


def _whole_state(net, weights):
    """State dict of the whole encoder as it is loaded, without batch norm, from the embedding model's."""
    others = ("embedding_model.", "embedding_norm.")
    state = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith(others)}
    return state | {f"embedding_model.{name}": tensor for name, tensor in weights.items()}


def yaml_text(settings: Any, classes: dict[str, str]) -> str:
    """The HyperPyYAML file of an encoder with these settings (of `encoder_settings`) and classes (`module_classes`)."""
    # Normalisation of embeddings, which plain SpeechBrain asks for, does nothing here: the mean is in the weights.
    settings = {**settings, "mean_var_norm_emb": {"norm_type": "global", "std_norm": False}}
    classes = {**classes, "mean_var_norm_emb": "InputNormalization"}
    foreign = {CLASSES[name] for name in classes.values() if not CLASSES[name].startswith("speechbrain.")}
    lines = [HEADER + "".join(f"# It needs {path} to be installed.\n" for path in sorted(foreign))]
    for name, values in settings.items():
        lines.append(f"{name}: !new:{CLASSES[classes[name]]}")
        lines += [f"    {key}: {yaml_value(value)}" for key, value in values.items()]
    lines += ["modules:", *(f"    {name}: !ref <{name}>" for name in settings)]
    lines += ["pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer", "    loadables:"]
    lines += [f"        {name}: !ref <{name}>" for name in ("embedding_model", "mean_var_norm_emb")]
    return "\n".join(lines) + "\n"


def _check(folder, net, mean):
    """Load the folder as plain SpeechBrain does, and as we do, and compare: what a subclass changes must show here.

    Both on the CPU: on a GPU SpeechBrain allows TF32, whose rounding can be as large as what is looked for.
    """
    waves = torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))
    plain = EncoderClassifier.from_hparams(source=str(folder), run_opts={"device": "cpu"})
    without_noise(plain.mods.embedding_model)
    loaded = plain.encode_batch(waves)
    loaded = loaded.reshape(len(waves), -1)  # ResNet gives (batch, dim), the others (batch, 1, dim)
    with torch.no_grad():
        wanted = copy.deepcopy(net).cpu().eval()(waves) - mean.float()
    if not wanted.isfinite().all():
        raise UserError("The encoder's embeddings are not finite, so it was not exported: take an earlier checkpoint.")
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # a network built once more draws no number of the run's
        ours = load_encoder(folder)[0](waves)
    alike = dict(rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
    if not all(torch.allclose(found, wanted, **alike) for found in (loaded, ours)):
        raise UserError(
            "SpeechBrain's own modules give other embeddings than the encoder's, so it was not exported: "
            "build it in the YAML from modules that compute the same."
        )
