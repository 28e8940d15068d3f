"""The record of a run and what is given now: the first difference in one sentence."""

from __future__ import annotations

import logging
from pathlib import Path

import speechbrain_cadino
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.read_embeddings import embeddings_digest, read_ids
from speechbrain_cadino.encoder.table_files import read_any
from speechbrain_cadino.faces.digests import face_encoder_digest, face_folder_digest
from speechbrain_cadino.faces.items import check_face_folder
from speechbrain_cadino.faces.load import load_face_encoder
from speechbrain_cadino.training.allowed import refusal
from speechbrain_cadino.training.auto import LATER
from speechbrain_cadino.training.settings_record import SettingsRecord, tell
from speechbrain_cadino.training.sources import ABSENT, data_digest, encoder_digest, file_digest, weights_file_digest
from speechbrain_cadino.utils.distributed import world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import AUTO

# Setting -> digest of what it leads to, and what that is called.
SOURCES = {
    "init": (encoder_digest, "encoder"),
    "labels": (file_digest, "label table"),
    "embeddings": (embeddings_digest, "set of embeddings"),
    "embedding_ids": (file_digest, "list of IDs"),
    "init_face": (face_encoder_digest, "face encoder"),
    "face_folder": (face_folder_digest, "set of faces"),
    "noise_folder": (data_digest, "noise"),
    "rir_folder": (data_digest, "room responses"),
    "front_end_weights": (weights_file_digest, "weights"),
}
# What says what is wrong with that which a setting leads to.
LOADED = {
    "embeddings": read_any,
    "embedding_ids": read_ids,
    "init": load_encoder,
    "init_face": load_face_encoder,
    "face_folder": check_face_folder,
}
REMEDY = "give another output_folder, or what it began with"

logger = logging.getLogger(__name__)


def refuse_absent(sources: dict[str, list]) -> None:
    """Raise a `UserError` if an encoder or folder is not there, or no good; ``sources`` as of `compare_sources`."""
    for name, load in LOADED.items():
        path, digest = sources[name]
        if digest == ABSENT:
            load(path)


def warn_of_changes(folder: Path, record: dict) -> None:
    """Warn of what changes the weights a little, or perhaps: the package's version, the number of processes."""
    was, now = record["version"], speechbrain_cadino.__version__
    if was != now:
        logger.warning("The run in %s was begun by version %s, and goes on by %s.", folder, was, now)
    was, now = record["ranks"], world_size()
    if was != now:
        logger.warning(
            "The run in %s was begun by %d processes, and goes on by %d: batches stay the same, but each process "
            "has another part of them for batch norm and random numbers, so the weights will differ a little.",
            folder, was, now,
        )  # fmt: skip


def warn_of_rounding(folder: Path, before: SettingsRecord, settings: SettingsRecord) -> None:
    """Warn if audio was read from memory and now is from files, or the other way round."""
    was, now = before.get("preload"), settings.get("preload")
    if was != now:
        logger.warning(
            "The run in %s was begun with preload %s, and now it is %s: files of 16 bits stay the same; others (24 "
            "bits, float, mp3, ogg) are rounded in memory alone, so with them the weights will differ a little.",
            folder, tell(was), tell(now),
        )  # fmt: skip


def compare_settings(folder: Path, was: SettingsRecord, settings: SettingsRecord) -> None:
    """Raise a `UserError` if a setting is not what it was and may not change.

    One that is ``auto`` and has no number yet, as the corpus was not read, is passed over. What each clustering finds
    anew, such as n_clusters, never has one: there ``auto`` is a value like others.
    """
    refused = {}
    for name in was.differences(settings):
        clause = refusal(name, was, settings, folder)
        if clause is not None and not _follows_corpus(name, was, settings):
            refused[name] = clause
    if not refused:
        return
    name, clause = next(iter(refused.items()))
    one, other = (
        "not set" if name not in one.written else tell(one.get(name, one.written[name])) for one in (was, settings)
    )
    more = f" (and {len(refused) - 1} more: {', '.join(list(refused)[1:4])})" if len(refused) > 1 else ""
    raise UserError(
        f"The run in {folder} was begun with {name} {_short(one)}{clause}, and now it is "
        f"{_short(other)}{more}: {REMEDY}."
    )


def _follows_corpus(name, was, settings):
    filled = "." not in name and name not in LATER  # see `auto_settings`
    return filled and AUTO in (was.written.get(name), settings.written.get(name))


def compare_sources(folder: Path, record: dict, sources: dict[str, list], starts: list[str]) -> None:
    """Raise a `UserError` if something that a setting leads to is not what it was.

    Arguments
    ---------
    folder : Path
    record : dict
        Of the run.
    sources : dict
        Setting -> [path, digest]; of a run to start from, the run's own identity too.
    starts : list of str
        Digests of all that ``start_from`` offers.
    """
    for name, (path, digest, *run) in sources.items():
        was, was_digest, *was_run = record["sources"].get(name, [None, None])
        if digest == was_digest:
            continue
        if digest == ABSENT and was_digest is not None:
            logger.warning("%s, %s of the run in %s, is not there any more.", path, name, folder)
            continue
        if was_digest in starts or (any(run) and run == was_run):
            continue  # the other run has gone on since
        what = SOURCES[name][1] if name in SOURCES else "run"
        if was is None or path is None:
            change = f"{tell(was)}, and now it is {tell(path)}"
        elif was == path:
            change = f"{path}, which now holds another {what}"
        else:
            change = f"{was}, and now it is {path}, which holds another {what}"
        raise UserError(f"The run in {folder} was begun with {name} {change}: {REMEDY}.")


def _short(text, length=80):
    return text if len(text) <= length else f"{text[: length - 4]} ..."
