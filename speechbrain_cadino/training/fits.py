"""Whether the parts of a network fit each other: a short batch goes through it as soon as it is built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import torch

from speechbrain_cadino.encoder.embed import evaluating
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.faults import FAULTS, fault_line
from speechbrain_cadino.utils.settings.objects import check_objects

BATCH = 2


def check_built(settings: dict[str, Any]) -> None:
    """`check_objects`, and then `check_fits`, of a YAML's top level."""
    check_objects(settings)
    check_fits(settings)


def check_fits(settings: dict[str, Any]) -> None:
    """Refuse parts of a network that cannot work together, which else the first batch would show, by a stack trace.

    The modules stay as they are, and no random number is drawn from what the training draws from.

    Arguments
    ---------
    settings : dict
        The top level of a YAML, built: ``encoder`` and ``crops``, and of ``head``, ``dino_loss``, ``classifier``,
        ``modalities``, ``voice_data``, ``opt_class`` and ``retrieval_utterances`` what is there.

    Raises
    ------
    UserError
    """
    _check_classifiers(settings)
    encoder, crops = settings.get("encoder"), settings.get("crops")
    if settings.get("voice_data") is not None:
        encoder = None  # it is not used
    if encoder is not None and crops is not None:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), evaluating(encoder):
            _check_network(settings, encoder, int(crops.lengths.min()))
        encoder_settings(encoder)  # without them it cannot be exported, after all epochs
        if settings.get("dino_loss") is not None and len(crops.lengths) < 2:
            raise UserError(
                f"crops has n_global {crops.n_global} and n_local {crops.n_local}, which is one view of an utterance, "
                "and DINO compares two: set n_global to 2."
            )
    if settings.get("opt_class") is not None:
        _check_optimiser(settings["opt_class"])
    if settings.get("retrieval_utterances") == 1:
        raise UserError(
            "retrieval_utterances is 1, and an utterance is looked for among others: set it to 500, or to 0 to leave "
            "that out."
        )


def _check_network(settings, encoder, samples):
    waves = 0.1 * torch.randn(BATCH, samples, generator=torch.Generator().manual_seed(0))
    with _said(f"compute_features and mean_var_norm cannot take a crop of {samples / 16000:g} s"):
        features = encoder.features(waves)
    given = f"{features.shape[-1]} features of a frame" if features.dim() == 3 else f"{tuple(features.shape)} waves"
    with _said(f"embedding_model cannot take the {given} that compute_features gives"):
        embeddings = encoder.embedding_model(features)
    wanted = (BATCH, 1, encoder.embedding_dim)
    shape = tuple(getattr(embeddings, "shape", ()))
    if shape not in (wanted, (BATCH, encoder.embedding_dim)):
        raise UserError(
            f"embedding_model gives {shape} for a batch of {BATCH}, and embedding_dim {encoder.embedding_dim} asks for "
            f"{wanted}: set its size to embedding_dim (lin_neurons of SpeechBrain's networks)."
        )
    embeddings = _check_end(encoder, features)
    for name in ("head", "classifier"):
        if settings.get(name) is not None:
            with _said(f"{name} cannot take embeddings of {encoder.embedding_dim} numbers"), evaluating(settings[name]):
                logits = settings[name](embeddings)
            _check_prototypes(name, logits, settings.get("dino_loss"))


def _check_end(encoder, features):
    """The embeddings, which must be what the last norms make of the last layer: the export folds these together."""
    ends = []
    handle = encoder.last_layer.register_forward_hook(lambda layer, inputs, output: ends.append(output))
    try:
        embeddings = encoder.embed(features)
    finally:
        handle.remove()
    found = ends[-1].flatten(1) if ends else torch.zeros(0)
    for norm in encoder.last_norms if found.shape == embeddings.shape else ():
        found = norm(found)
    if found.shape != embeddings.shape or not torch.allclose(found, embeddings, rtol=1e-3, atol=1e-5):
        raise UserError(
            f"embedding_model is a {type(encoder.embedding_model).__name__} whose embeddings are not what its "
            "last_layer gives, with a batch norm after it at most: take out what follows, or name the right layer."
        )
    return embeddings


def _check_classifiers(settings):
    """Those of the modalities whose embeddings are given, or that come after the first; all have the same classes."""
    entries, first = settings.get("modalities") or {}, settings.get("classifier")
    found = {
        f"modalities.{name}.classifier": (one.get("encoder"), one.get("classifier")) for name, one in entries.items()
    }
    if settings.get("voice_data") is not None:
        found["classifier"] = settings["voice_data"], first
    for name, (encoder, classifier) in found.items():
        dim = getattr(encoder, "embedding_dim", None)
        if dim is not None and isinstance(classifier, torch.nn.Module):
            with torch.no_grad(), evaluating(classifier), _said(f"{name} cannot take embeddings of {dim} numbers"):
                n_classes = classifier(torch.zeros(BATCH, dim)).shape[-1]
            if hasattr(first, "weight") and n_classes != len(first.weight):
                raise UserError(
                    f"{name} has {n_classes} classes and classifier {len(first.weight)}: set n_classes of both to "
                    "!ref <n_classes>."
                )


def _check_prototypes(name, logits, loss):
    center = getattr(loss, "center", None)
    if name == "head" and center is not None and logits.shape[-1] != center.shape[-1]:
        raise UserError(
            f"head has {logits.shape[-1]} prototypes and dino_loss {center.shape[-1]}: leave out_dim of both at "
            "n_prototypes."
        )


def _check_optimiser(opt_class: Callable):
    """Made once, of a matrix and a vector, in the groups that SpeechBrain makes of them."""
    matrix, vector = (torch.nn.Parameter(torch.zeros(shape)) for shape in ((1, 1), (1,)))
    with _said("opt_class cannot be made"):
        opt_class([{"params": [matrix]}, {"params": [vector], "weight_decay": 0.0}])


@contextmanager
def _said(what):
    try:
        yield
    except FAULTS as error:
        raise UserError(f"{what} ({fault_line(error).rstrip('.')}): correct the settings.") from error
