"""The classes that an encoder may be built of, each by one name: what a folder names beyond them is not built."""

from __future__ import annotations

import pydoc

from speechbrain_cadino.utils.errors import UserError

# Name in `encoder.json` -> where it is imported from. A class is looked up here and never by a path that a file gives.
CLASSES = {
    "Fbank": "speechbrain.lobes.features.Fbank",
    "KaldiFbank": "speechbrain_cadino.encoder.kaldi.KaldiFbank",
    "InputNormalization": "speechbrain.processing.features.InputNormalization",
    "ECAPA_TDNN": "speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN",
    "ResNet": "speechbrain.lobes.models.ResNet.ResNet",
    "Xvector": "speechbrain.lobes.models.Xvector.Xvector",
    "RawWaves": "speechbrain_cadino.encoder.raw_waves.RawWaves",
    "SelfSupervised": "speechbrain_cadino.encoder.self_supervised.SelfSupervised",
    "IResNet": "speechbrain_cadino.faces.iresnet.IResNet",
}
# Classes that stand as an argument of one of those, such as `activation`.
ACTIVATIONS = {
    name: f"torch.nn.{name}"
    for name in ("ReLU", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Mish", "Tanh", "Sigmoid", "Hardtanh", "Softplus")
}


def find_class(name: str) -> type:
    """The class of a name in `CLASSES` or `ACTIVATIONS`.

    Arguments
    ---------
    name : str

    Returns
    -------
    type

    Raises
    ------
    UserError
        If it is none of them.

    Example
    -------
    >>> find_class("ReLU")
    <class 'torch.nn.modules.activation.ReLU'>
    """
    path = CLASSES.get(name) or ACTIVATIONS.get(name)
    if path is None:
        known = ", ".join((*CLASSES, *ACTIVATIONS))
        raise UserError(
            f"An encoder is built of {name!r}, which is none of {known}: use an encoder made of these, or, for a class "
            "of your own, call speechbrain_cadino.encoder.classes.allow_class(it) first."
        )
    return pydoc.locate(path)


def class_name(kind: type) -> str | None:
    """The name of a class in `CLASSES` or `ACTIVATIONS`, also of one derived from it; None if there is none.

    Example
    -------
    >>> from torch import nn
    >>> class_name(nn.ReLU), class_name(nn.Linear)
    ('ReLU', None)
    """
    return next(filter(None, map(_own_name, kind.__mro__)), None)


def allow_class(kind: type, exact: bool = False) -> None:
    """Let encoders be built of a class of your own, by its import path, from now on and in this process alone.

    A network that a YAML names with `!new:` is allowed by that: whoever starts the run has chosen it.

    Arguments
    ---------
    kind : type
        Importable by its name from its module.
    exact : bool
        Also where it is derived from one of the table, whose name would otherwise stand for it.
    """
    path = _path(kind)
    if class_name(kind) is None or (exact and path not in CLASSES.values()):
        CLASSES[path] = path


def exact_name(kind: type) -> str:
    """The name of a class itself, whatever it is derived from: one of the table, or its path.

    Example
    -------
    >>> from torch import nn
    >>> exact_name(nn.ReLU), exact_name(nn.Linear)
    ('ReLU', 'torch.nn.modules.linear.Linear')
    """
    return _own_name(kind) or _path(kind)


def _own_name(kind):
    """The name of a class itself in the tables, None if there is none."""
    path = _path(kind).replace("torch.nn.modules.activation.", "torch.nn.")
    return next((name for table in (CLASSES, ACTIVATIONS) for name, known in table.items() if known == path), None)


def _path(kind):
    return f"{kind.__module__}.{kind.__qualname__}"
