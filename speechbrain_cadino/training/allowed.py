"""What may change between two starts of one run, each with its reason. Everything else makes another experiment."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from speechbrain_cadino.training.settings_record import SettingsRecord

_BY_CONTENT = "what it leads to is compared by its content, so it may be moved"
_SPEED = "the same batches come, faster or slower"
_TELLS = "it is told or drawn, and nothing is trained on it"

# Names, with * for any ending.
FREE = {
    "output_folder": "the folder may be moved or renamed",
    "data_folder": _BY_CONTENT,
    "demo_folder": _BY_CONTENT,
    "calls_folder": _BY_CONTENT,
    "train_csv": _BY_CONTENT,
    "file_list": _BY_CONTENT,
    "development_trials": _BY_CONTENT,
    "development_folder": _BY_CONTENT,
    "held_out_trials": _BY_CONTENT,
    "held_out_trials.*": _BY_CONTENT,
    "noise_folder": _BY_CONTENT,
    "rir_folder": _BY_CONTENT,
    "init": _BY_CONTENT,
    "init_face": _BY_CONTENT,
    "face_folder": _BY_CONTENT,
    "development_face_folder": _TELLS,
    "labels": _BY_CONTENT,
    "embeddings": _BY_CONTENT,
    "embedding_ids": _BY_CONTENT,
    "start_from": _BY_CONTENT,
    "prepare_options.workers": _SPEED,
    "loader_options": _SPEED,
    "loader_options.*": _SPEED,
    "preload": "exact for files of 16 bits; for others the change is warned of",
    "evaluate_every": _TELLS,
    "license": "it is written on the encoder's card",
    "train_log": _TELLS,
    "verbose": _TELLS,
    "train_loggers*": _TELLS,
    "collapse_watch*": "it stops a run that has gone wrong, and changes none",
    "skip_nonfinite_grads": "what a run that has met such a loss is advised to set",
    "nonfinite_patience": "as skip_nonfinite_grads",
}


def is_free(name: str) -> bool:
    """Whether a setting may have any other value at each start."""
    return any(fnmatchcase(name, pattern) for pattern in FREE)


def refusal(name: str, was: SettingsRecord, now: SettingsRecord, folder: str | Path) -> str | None:
    """Why a setting may not change from one record to another; None if it may.

    Arguments
    ---------
    name : str
    was, now : SettingsRecord
    folder : Path
        The output folder.

    Returns
    -------
    str or None
        A clause for the end of a sentence, possibly empty.
    """
    if is_free(name):
        return None
    rule = _RULES.get(name.partition(".")[0] if name.startswith("large_margin.") else name)
    return "" if rule is None else rule(was, now, Path(folder))


def _keep_checkpoints(was, now, folder):
    """More may be kept from now on; with fewer, some of the ones to average would go."""
    return _only_upwards("keep_checkpoints", was, now)


def _number_of_epochs(was, now, folder):
    """More epochs are more of the same only if nothing else follows from their number, and the run is one training."""
    users = [user for user in now.users_of("number_of_epochs") if user != "epoch_counter.limit"]
    if users:
        return f", on which {users[0].partition('.')[0]} depends"
    if was.get("run") is not None:
        return ""
    return _only_upwards("number_of_epochs", was, now)


def _n_iterations(was, now, folder):
    """Further iterations follow the ones made, unless the last training has begun from what was the last one."""
    if (folder / "large_margin").exists():
        return ", and the large-margin training has begun"
    return _only_upwards("n_iterations", was, now)


def _false_acceptance(was, now, folder):
    """Nothing is trained on the threshold, which is found last: it may be another until an encoder has it."""
    if (folder / "encoder").exists() or any(folder.glob("*/encoder")):
        return ", which gave its encoder's threshold (SpeakerEncoder.verify_files takes another one)"
    return None


def _large_margin(was, now, folder):
    """It comes last, so its settings count from its beginning on."""
    return ", and that training has begun" if (folder / "large_margin").exists() else None


def _only_upwards(name, was, now):
    one, other = was.get(name), now.get(name)
    numbers = all(isinstance(value, (int, float)) for value in (one, other))
    return None if numbers and other >= one else ", and it may only be raised"


_RULES = {
    "keep_checkpoints": _keep_checkpoints,
    "number_of_epochs": _number_of_epochs,
    "n_iterations": _n_iterations,
    "large_margin": _large_margin,
    "false_acceptance": _false_acceptance,
}
