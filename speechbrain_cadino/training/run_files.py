"""The files of a run's folder: which are a run's own, and whether something of worth is there already."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speechbrain_cadino.encoder.export import is_encoder
from speechbrain_cadino.encoder.folder import CARD, ONNX_FILE, ONNX_INT8_FILE
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.places import CHECKPOINT, CORPUS, ENCODER, RECORD, check_output, has_checkpoints

UTTERANCES = "utterances.npz"
_FOLDERS = (
    "large_margin",
    "losses",
    "save",
    "encoder",
    "face_encoder",
    "corpus",
    "clusters",
    "tensorboard",
    "embeddings",
    "init_encoder",
    "init_clusters",
    "init_embeddings",
)
KEPT = ("version", "ranks", "settings", "sources", "trials", "utterances")  # by `RunIdentity`
# What a run writes, or replaces, at the top of its folder.
WRITTEN = (
    UTTERANCES, "hyperparams.yaml", "log.txt", "env.log", "train.py", "train_log.txt", "epochs.csv", "epochs.png",
    "labels.csv", "labels.json", "result.json", "iterations.csv", "iterations.png", "report.html", "report.npz",
    *_FOLDERS,
)  # fmt: skip
# The folders in which nothing but the run may write, as patterns.
PARTS = (*_FOLDERS, "iteration_*")


def check_place(get: Callable[[str], Any]) -> None:
    """Refuse an output folder within another run, an encoder or the data, before anything is made.

    Arguments
    ---------
    get : callable
        Name of a setting -> its value, None if there is none.

    Raises
    ------
    UserError
    """
    output, train_csv = get("output_folder"), get("train_csv")
    if output is None:
        return
    data = {"data_folder": get("data_folder")}
    listed = train_csv is not None or get("file_list") is not None  # then nothing else of the data folder is found
    read = {} if listed else data
    read |= {name: get(name) for name in ("noise_folder", "rir_folder", "face_folder", "development_face_folder")}
    named = (data if listed else {}) | {"development_folder": get("development_folder")}
    check_output(output, read=read, named=named, itself=(CHECKPOINT, ENCODER, CORPUS))
    corpus = os.path.join(output, "corpus")
    if train_csv is not None and os.path.realpath(os.path.dirname(train_csv)) == os.path.realpath(corpus):
        raise UserError(
            f"train_csv is {train_csv}, which the run in {output} would replace: give another output_folder, or leave "
            "train_csv out."
        )


def read_record(folder: str | Path) -> dict | None:
    """The content of ``run.json``, None where there is none; a `UserError` if it is damaged."""
    path = Path(folder) / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("it holds no mapping")
        lacking = [name for name in KEPT if name not in record and "part_of" not in record]
        if lacking:
            raise ValueError(f"it lacks {lacking[0]}")
        return record
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}, which says what run this is, cannot be read ({error}): give another output_folder."
        ) from error


def is_begun(folder: str | Path) -> bool:
    """Whether weights or labels of a run are there; before that, a setting can simply be corrected."""
    folder = Path(folder)
    return has_weights(folder) or any(
        (folder / name).exists() for name in ("labels.csv", "iteration_1", "large_margin")
    )


def has_weights(folder: str | Path) -> bool:
    """Whether a training has left a checkpoint or an encoder in its folder."""
    return has_checkpoints(folder) or (Path(folder) / "encoder" / ENCODER).is_file()


def kept_encoders(folder: str | Path) -> list[str]:
    """The parts of a run's folder, or ``.`` for itself, that have an encoder; of further modalities', the files."""
    folder = Path(folder)
    parts = [folder, *folder.glob("iteration_*"), folder / "large_margin"]
    found = [part for part in parts if is_encoder(part / "encoder")]
    further = (path for part in parts for path in part.glob("*_encoder/*"))
    found += [path for path in further if path.name not in (ONNX_FILE, ONNX_INT8_FILE, CARD)]  # which come and go
    return sorted(str(path.relative_to(folder)) for path in found)


def check_unclaimed(folder: str | Path) -> None:
    """Refuse a folder that has no ``run.json`` but files that a run would overwrite, or go on from.

    Raises
    ------
    UserError
    """
    folder = Path(folder)
    if has_checkpoints(folder) or any(has_checkpoints(part) for part in folder.glob("iteration_*")):
        raise UserError(
            f"{folder} holds checkpoints, but not what they were made from ({RECORD}), as runs of version 0.1.0 do: "
            "give another output_folder, or let that version finish it."
        )
    for name in [*WRITTEN, *sorted(path.name for path in folder.glob("iteration_*"))]:
        path = folder / name
        empty = path.is_dir() and not any(path.iterdir())
        prepared = name == "corpus" and (path / CORPUS).is_file()  # by hand; it knows what it was made from
        if (path.exists() or path.is_symlink()) and not empty and not prepared:
            raise UserError(
                f"{folder} holds {name}, which a run would replace, but no run ({RECORD}): give another output_folder, "
                "or move that away."
            )
