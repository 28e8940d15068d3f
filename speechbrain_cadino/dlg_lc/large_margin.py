"""The last training's settings, looked at before the first one: it goes on from the last iteration's weights."""

from __future__ import annotations

from speechbrain_cadino.dlg_lc.distillation import active_distillation
from speechbrain_cadino.training.experiment import Experiment
from speechbrain_cadino.utils.errors import UserError

PART = "large_margin"
# What the run sets for that training, or has read before it.
OF_THE_RUN = (
    "output_folder", "save_folder", "iteration", "init", "start_from", "start_from_epoch", "n_classes", "run",
    "data_folder", "train_csv", "file_list", "prepare_options", "development_trials", "development_folder",
    "held_out_trials", "labels", "embeddings", "embedding_ids", "clustering", "n_clusters", "n_fine", "n_iterations",
    "stop_agreement", "modalities", "voice_data", "join", PART,
)  # fmt: skip


def check_large_margin(experiment: Experiment) -> None:
    """Refuse settings of the large-margin training that would do nothing, or give a model of another size.

    Arguments
    ---------
    experiment : Experiment
        Of the whole run.

    Raises
    ------
    UserError
    """
    settings = experiment.hparams.large_margin
    for name in settings:
        if name in OF_THE_RUN:
            raise UserError(f"{PART}.{name} does nothing, since it is that of the whole run: leave it out there.")
    try:
        later = experiment.changed(dict(settings)).settings
    except UserError as error:
        raise UserError(f"In {PART}: {error}") from error
    before, then = _teacher(experiment.settings), _teacher(later)
    if then is not None and then != before:
        has = "nothing" if before is None else f"embeddings {before[0]} and ids {before[1]}"
        raise UserError(
            f"{PART} has a distillation with embeddings {then[0]} and ids {then[1]}, but what is learnt from is read "
            f"once for the whole run, whose distillation has {has}: set it there."
        )
    for name in ("encoder", "classifier"):
        now, then = (
            {key: tuple(value.shape) for key, value in some[name].state_dict().items()}
            for some in (experiment.settings, later)
        )
        other = next((key for key in now | then if now.get(key) != then.get(key)), None)
        if other is not None:
            raise UserError(
                f"{PART} makes {name} another one, whose {other} is of {then.get(other)} and not {now.get(other)}, but "
                f"it goes on from the weights of the last iteration: leave out of {PART} what decides its size."
            )


def _teacher(settings):
    """What the setting ``distillation`` is to learn from; None where it is off."""
    distillation = active_distillation(settings)
    return None if distillation is None else (distillation.embeddings, distillation.ids)
