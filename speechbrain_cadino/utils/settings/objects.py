"""What the objects of a YAML must be: by a table, like the kinds of its values."""

from __future__ import annotations

import inspect
import pydoc
from functools import partial
from typing import Any

from speechbrain_cadino.utils.errors import UserError

# name, what it must be, of which class (or with which names); ``?``: or null.
#   is:     an object of that class
#   has:    an object with these attributes, as the class has them
#   makes:  the class itself, or one derived from it (!name:)
#   calls:  a function of these arguments (!name:)
TABLE = """
brain_class            makes  speechbrain_cadino.training.brain.CadinoBrain
dataset                makes  speechbrain_cadino.views.dataset.ViewDataset
dataset.crops          is     speechbrain_cadino.views.crops.CropSpec
dataset.augment        is?    speechbrain_cadino.augmentation.parameters.AugmentationSampler
dataset.positive_sampler  has  speechbrain_cadino.views.same_utterance.SameUtterance: __call__
opt_class              makes  torch.optim.Optimizer
train_loggers.*        makes? speechbrain.utils.train_logger.TrainLogger
run                    calls? experiment manifest development
budget                 calls? durations given
checkpointer           is     speechbrain_cadino.training.checkpoints.SafeCheckpointer
epoch_counter          is     speechbrain.utils.epoch_loop.EpochCounter
modules.*              is     torch.nn.Module
encoder                is     speechbrain_cadino.encoder.model.SpeakerEncoderNet
embedding_model        is     torch.nn.Module
compute_features       is     torch.nn.Module
mean_var_norm          is     torch.nn.Module
student                is     speechbrain_cadino.dino.multicrop.MultiCropNet
head                   is     torch.nn.Module
classifier             is     torch.nn.Module
augmenter              is     torch.nn.Module
augment                is?    speechbrain_cadino.augmentation.parameters.AugmentationSampler
augment.settings       is     speechbrain_cadino.augmentation.settings.AugmentationSettings
augment_settings       is     speechbrain_cadino.augmentation.settings.AugmentationSettings
augment_settings.channel  is?  speechbrain_cadino.augmentation.settings.ChannelSettings
crops                  is     speechbrain_cadino.views.crops.CropSpec
positive_sampler       is     speechbrain_cadino.views.positive_sampler.PositiveSampler
clustering             has    speechbrain_cadino.clusters.clustering.Clustering: __call__ check_memory n_clusters
join                   has?   speechbrain_cadino.clusters.joint.Join: __call__ check
voice_data             is?    speechbrain_cadino.dlg_lc.precomputed.Precomputed
face_augment           is?    speechbrain_cadino.faces.augment.FaceAugmenter
face_augment_settings  is     speechbrain_cadino.faces.settings.FaceAugmentationSettings
face_compensation      has?   speechbrain_cadino.faces.compensation.FaceCompensation: __call__ refit
cluster_compensation   has?   speechbrain_cadino.encoder.compensation.Compensation: __call__
compensation           is?    speechbrain_cadino.encoder.compensation.Compensation
cluster_schedule       is     speechbrain_cadino.dino.refresh.RefreshSchedule
gate                   is     speechbrain_cadino.dlg_lc.loss_gate.LossGate
corrector              is?    speechbrain_cadino.dlg_lc.correction.LabelCorrector
distillation           is?    speechbrain_cadino.dlg_lc.distillation.Distillation
aam                    is     speechbrain_cadino.dlg_lc.aam.AAMSoftmax
dino_loss              is     speechbrain_cadino.dino.loss.DINOLoss
consistency_loss       is     torch.nn.Module
koleo_loss             is     torch.nn.Module
collapse_watch         is     speechbrain_cadino.dino.collapse.CollapseWatch
last_layer_refit       has?   speechbrain_cadino.encoder.compensation.Compensation: refit
gradient_clipper       is     speechbrain_cadino.training.clipping.GradientClipper
lr_schedule            has    speechbrain_cadino.training.schedules.WarmupCosine: value
momentum_schedule      has    speechbrain_cadino.training.schedules.Cosine: value
teacher_temp_schedule  has    speechbrain_cadino.training.schedules.Linear: value
margin_schedule        has    speechbrain_cadino.training.schedules.Linear: value
"""
NEEDED = {name: (how, what) for name, how, what in (line.split(maxsplit=2) for line in TABLE.strip().splitlines())}


def check_objects(settings: dict[str, Any]) -> None:
    """Refuse an object of the wrong class.

    Arguments
    ---------
    settings : dict
        The top level of a YAML, built. What is not there is not looked at.

    Raises
    ------
    UserError

    Example
    -------
    >>> check_objects({"modules": {"a": 3}})
    Traceback (most recent call last):
    speechbrain_cadino.utils.errors.UserError: modules.a is 3, and must be an object of torch.nn.Module: correct it.
    """
    for name in NEEDED:
        top, _, part = name.partition(".")
        if top not in settings:
            continue
        if not part:
            check_object(name, settings[top])
            continue
        parts = _parts(settings[top])
        for key in parts if part == "*" else [part]:
            if key in parts:
                check_object(f"{top}.{key}", parts[key], key if name == "modules.*" and key in NEEDED else name)


def check_object(name: str, value: Any, line: str | None = None) -> None:
    """Refuse a value that is not what a line of the table says; the line of ``name``, if none is given."""
    how, what = NEEDED[line or name]
    if value is None and how.endswith("?"):
        return
    how, (dotted, _, names) = how.rstrip("?"), what.partition(": ")
    called = _called(value)
    if how == "calls":
        wanted, fits = f"a function of ({', '.join(what.split())}) (!name:)", _takes(called, what.split())
    elif how == "makes":
        wanted, fits = f"{dotted} or a class derived from it (!name:)", _is_kind(called, dotted)
        if fits and line == "train_loggers.*":
            _check_call(name, value, value, "lacks something", "give it")
        elif fits and name == "opt_class":
            _check_call(name, value, partial(called.step, None), "needs more at each step", "set another one")
    elif how == "has":
        fits = called is None and all(hasattr(value, attribute) for attribute in names.split())
        wanted = f"an object like those of {dotted} (!new:)"
    else:
        wanted, fits = f"an object of {dotted}", called is None and isinstance(value, pydoc.locate(dotted))
    if not fits:
        null = ", or null" if NEEDED[line or name][0].endswith("?") else ""
        raise UserError(f"{name} is {_tell(value)}, and must be {wanted}{null}: correct it.")


def _is_kind(called, dotted):
    return inspect.isclass(called) and issubclass(called, pydoc.locate(dotted))


def _takes(called, names):
    try:
        return not inspect.isclass(called) and set(names) <= set(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return False


def _check_call(name, value, called, what, remedy):
    """What is called later, without arguments: a logger's class, an optimiser's step."""
    try:
        inspect.signature(called).bind()
    except TypeError as error:
        raise UserError(f"{name} is {_tell(value)}, which {what} ({error}): {remedy}.") from error


def _parts(value):
    """What is in an object: of a mapping, of what a class will be called with, or as attributes."""
    if isinstance(value, dict):
        return value
    return value.keywords if isinstance(value, partial) else getattr(value, "__dict__", {})


def _called(value):
    """The class or function of a !name:, None for anything else."""
    while isinstance(value, partial):
        value = value.func
    return value if inspect.isclass(value) or inspect.isroutine(value) else None


def _tell(value):
    called = _called(value)
    if called is not None:
        kind = "class" if inspect.isclass(called) else "function"
        return f"the {kind} {called.__module__}.{called.__qualname__}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return "null" if value is None else repr(value)
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"
