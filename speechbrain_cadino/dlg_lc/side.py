"""One modality in stage II: its encoder, classifier, gate, loss and predictor. It is known by its name alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from speechbrain_cadino.clusters.cells import CELLS
from speechbrain_cadino.clusters.joint import CONCAT
from speechbrain_cadino.dlg_lc.loss import DLGLCLoss
from speechbrain_cadino.encoder.precomputed import PrecomputedEncoder
from speechbrain_cadino.training.ddp import unwrap
from speechbrain_cadino.training.teacher import EMATeacher
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.objects import check_object
from speechbrain_cadino.verification.fusion import TOGETHER

PROJECTION = "projection"  # the linear layer of a `Distillation`, in the modules
FIRST = "voice"  # whose settings are those of the top level, and whose names have no prefix
NEEDED = ("encoder", "classifier", "gate", "data")
SHARED = ("aam", "corrector", "margin_schedule")  # those of the first modality, if a further one has none of its own
# What an entry of ``modalities`` may have, and as which setting of the top level each object is checked.
KINDS = {
    "encoder": "modules.*", "classifier": "classifier", "gate": "gate", "aam": "aam", "corrector": "corrector",
    "margin_schedule": "margin_schedule", "augmenter": "augmenter", "compensation": "cluster_compensation",
    "last_layer_refit": "last_layer_refit", "data": None, "init": None, "weight": None,
}  # fmt: skip
# What metrics of the first modality, or of all together, begin with, and ways to join: no further one is called so.
TAKEN = (
    FIRST, TOGETHER, CONCAT, *CELLS, "gate", "label", "kept", "correction", "corrected", "fraction", "known", "wrong",
    "rightly", "half", "exported", "untrained", "init", "loss", "lr", "distillation", PROJECTION,
)  # fmt: skip


class Side:
    """What one modality has in the training.

    Arguments
    ---------
    name : str
        `prefix_of` it is before the names of its modules, recoverables and metrics.
    settings : mapping
        ``gate``, ``aam``, ``corrector`` and ``margin_schedule``; ``augmenter``, from a batch of the modality to a list
        of one view, or None if batches have a view ``augmented`` themselves; ``weight`` of its loss; and what else an
        entry of the setting ``modalities`` has.
    modules : torch.nn.ModuleDict
        Of the Brain, in which ``encoder`` and ``classifier`` are under the prefix.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], modules: nn.ModuleDict) -> None:
        self.name, self.prefix, self.settings, self._modules = name, prefix_of(name), settings, modules
        self.gate, self.margin_schedule = settings["gate"], settings["margin_schedule"]
        self.loss = DLGLCLoss(settings["aam"], settings["corrector"])
        self.augmenter, self.weight = settings.get("augmenter"), settings.get("weight", 1.0)
        if self.is_frozen:  # nothing is augmented
            self.augmenter = None
        self.predictor = None

    @property
    def is_frozen(self) -> bool:
        """Whether the embeddings are given, so that there is no encoder to train or to keep."""
        return isinstance(self.encoder, PrecomputedEncoder)

    @property
    def encoder(self) -> nn.Module:
        """The encoder itself."""
        return unwrap(self._modules[f"{self.prefix}encoder"])

    @property
    def classifier(self) -> nn.Module:
        """The classifier itself."""
        return unwrap(self._modules[f"{self.prefix}classifier"])

    def model(self) -> nn.Module:
        """Encoder and classifier in a row, themselves."""
        return nn.Sequential(self.encoder, self.classifier)

    def predict(self) -> None:
        """Have a moving average of the model, which predicts in its place."""
        self.predictor = EMATeacher(self.model(), batch_norm="ema")

    def follow(self, momentum: float) -> None:
        """Move the moving average, if there is one."""
        if self.predictor is not None:
            self.predictor.update(self.model(), momentum)

    def embeddings(self, batch: Any) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of what is trained on."""
        if self.augmenter is None:
            view = batch.augmented
        else:
            (view,) = self.augmenter(batch)
        return self._modules[f"{self.prefix}encoder"](view)

    def cosines(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Cosines (batch, classes) of embeddings."""
        return self._modules[f"{self.prefix}classifier"](embeddings)

    def projected(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings as they are compared with a teacher's: through its linear layer, if there is one."""
        name = f"{self.prefix}{PROJECTION}"
        if name not in self._modules:
            return embeddings
        with torch.autocast(embeddings.device.type, enabled=False):
            return self._modules[name](embeddings.float())

    def parts(self) -> list[nn.Module]:
        """What of it is trained, itself."""
        name = f"{self.prefix}{PROJECTION}"
        further = [unwrap(self._modules[name])] if name in self._modules else []
        return [self.encoder, self.classifier, *further]

    def of(self, parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
        """Those of some parameters that are this modality's, in their order."""
        own = {id(parameter) for part in self.parts() for parameter in part.parameters()}
        return [parameter for parameter in parameters if id(parameter) in own]

    def has_gradients(self) -> bool:
        """Whether any of its parameters has one."""
        return any(parameter.grad is not None for part in self.parts() for parameter in part.parameters())

    def recoverables(self) -> dict[str, Any]:
        """What of it goes into a checkpoint, by name."""
        found = {"gate": self.gate} | ({} if self.predictor is None else {"predictor": self.predictor})
        if self.prefix or self.is_frozen:  # those of the first modality are in the YAML's checkpointer
            found |= {"encoder": self.encoder, "classifier": self.classifier}
        return {self.prefix + name: value for name, value in found.items()}


def prefix_of(name: str) -> str:
    """What the names of a modality begin with.

    Example
    -------
    >>> prefix_of("voice"), prefix_of("face")
    ('', 'face_')
    """
    return "" if name == FIRST else f"{name}_"


def further_settings(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Name to the settings of each further modality, from the top level of a YAML; a `UserError` if they are no good.

    Each entry of ``modalities`` has ``encoder``, ``classifier`` and ``gate``. ``aam``, ``corrector`` and
    ``margin_schedule`` are those of the first modality unless it has its own.
    """
    entries = settings.get("modalities") or {}
    for name, entry in entries.items():
        check_name(name)
        check_entry(f"modalities.{name}", entry)
    shared = {name: settings[name] for name in SHARED} if entries else {}
    # A copy each: the margin is set at each step.
    return {
        name: {
            **shared,
            "aam": deepcopy(shared["aam"]),
            **{key: value for key, value in entry.items() if value is not None or key not in SHARED},
        }
        for name, entry in entries.items()
    }


def further_modules(settings: Mapping[str, Any]) -> dict[str, nn.Module]:
    """The encoders and classifiers of the further modalities, under the names that they have in a Brain."""
    entries = further_settings(settings)
    return {f"{name}_{part}": entry[part] for name, entry in entries.items() for part in ("encoder", "classifier")}


def check_entry(where: str, entry: Any) -> None:
    """Raise a `UserError` for an entry of ``modalities`` that lacks something, or has what nobody reads."""
    entry = entry if isinstance(entry, Mapping) else {}
    missing = [key for key in NEEDED if entry.get(key) is None]
    if missing:
        raise UserError(f"{where} has no {missing[0]}: set {', '.join(NEEDED)} of each modality.")
    for key, value in entry.items():
        if key not in KINDS:
            raise UserError(f"{where} has no setting {key}: it may have {', '.join(KINDS)}.")
        if KINDS[key] is not None and (value is not None or key in NEEDED):
            check_object(f"{where}.{key}", value, KINDS[key])
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < float("inf"):
        raise UserError(f"{where}.weight is {weight}, and must be a number from 0 on: correct it.")


def check_name(name: str) -> None:
    """Raise a `UserError` for a name that no further modality can have."""
    if not (isinstance(name, str) and name.isidentifier()) or name.partition("_")[0] in TAKEN:
        raise UserError(
            f"A modality is called {name}, which is no plain word, or is how other names begin: call it otherwise, "
            "such as face."
        )
