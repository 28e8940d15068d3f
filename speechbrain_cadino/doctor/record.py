"""The record of a run, read from its folder alone: whole, stopped, running, of an older version, or copied in part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speechbrain_cadino.doctor.corpus import CorpusFacts, corpus_facts
from speechbrain_cadino.doctor.log import LogFacts, read_log
from speechbrain_cadino.doctor.part import Part, count
from speechbrain_cadino.training.auto import LATER
from speechbrain_cadino.training.finish import LARGE_MARGIN
from speechbrain_cadino.training.left_files import MISSING, Table, read_json, read_table
from speechbrain_cadino.training.run_files import UTTERANCES
from speechbrain_cadino.training.settings_record import record_settings
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.locks import is_held
from speechbrain_cadino.utils.places import ENCODER, RECORD, has_checkpoints, trainings_of
from speechbrain_cadino.utils.settings.kinds import AUTO

EPOCHS, ITERATIONS, LABELS, LOG = "epochs.csv", "iterations.csv", "labels.csv", "log.txt"


@dataclass
class RunRecord:
    """What is known of a run.

    Arguments
    ---------
    folder : Path
    parts : list of Part
        In the order of their training.
    settings : mapping
        As of `Part`.
    iterations : list of dict
        Rows of ``iterations.csv``.
    log : LogFacts
    corpus : CorpusFacts
    version : str
        Of the package, '' if it is not known.
    finished, running : bool
    lacking : list of str
        Names of files that are not there or cannot be read, and so were not looked at.
    """

    folder: Path
    parts: list
    settings: Mapping
    iterations: list
    log: LogFacts
    corpus: CorpusFacts
    version: str
    finished: bool
    running: bool
    lacking: list


def read_run(folder: str | Path) -> RunRecord:
    """Read the output folder of a run; nothing is written, and a run that is at work is not disturbed.

    Raises
    ------
    UserError
        If there is nothing of a run in it.
    """
    folder, lacking = Path(folder), []
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: give the output_folder of a run.")
    record = _told(read_json(folder / RECORD), RECORD, lacking) or {}
    if "part_of" in record:
        raise UserError(f"{folder} is a part of the run in {folder.parent}: give that folder.")
    iterations = _table(folder / ITERATIONS, lacking, "iteration").rows
    settings = _settings(folder, record, lacking)
    parts = [_part(*found, settings, iterations, lacking) for found in _folders(folder, settings)]
    if not record and not settings and not any(part.rows for part in parts):
        raise UserError(
            f"{folder} holds no run ({RECORD}, hyperparams.yaml or {EPOCHS}): give the output_folder of one."
        )
    if iterations == [] and any(part.name for part in parts if part.info):
        lacking.append(ITERATIONS)
    log = read_log(folder / LOG)
    if not log.last:
        lacking.append(LOG)
    finished = record.get("finished") is not None if record else all(part.info for part in parts)
    corpus = corpus_facts(folder / "corpus" / "train.csv", folder / UTTERANCES, lacking)
    return RunRecord(
        folder, parts, settings, iterations, log, corpus, str(record.get("version", "")),
        finished, is_held(folder), lacking,
    )  # fmt: skip


def _folders(folder, settings):
    """The names and folders of the trainings, in their order."""
    found = [(path.name.replace("_", " "), path) for path in trainings_of(folder)]
    is_itself = (folder / EPOCHS).exists() or (not found and not count(settings.get("n_iterations")))
    return [("", folder)] if is_itself or (not found and has_checkpoints(folder)) else found


def _part(name, folder, settings, iterations, lacking):
    rows, fault = _table(folder / EPOCHS, lacking, "epoch")
    if name == LARGE_MARGIN:
        own = {key.partition(".")[2]: value for key, value in settings.items() if key.startswith("large_margin.")}
        settings = {**settings, **own}
    steps = (
        f"iteration {row.get('iteration')}" if row.get("step") != LARGE_MARGIN else LARGE_MARGIN for row in iterations
    )
    result = dict(zip(steps, iterations)).get(name, {})
    info = {}
    if (folder / "encoder" / ENCODER).exists():
        found = _told(read_json(folder / "encoder" / ENCODER), f"{ENCODER} of the encoder", lacking)
        info = (found or {}).get("info") or {}
    return Part(name, folder, rows, settings, info if isinstance(info, dict) else {}, result, fault)


def _settings(folder, record, lacking):
    """Name -> value; where an older version kept ``auto`` alone, the number is in hyperparams.yaml."""
    try:
        written, resolved = record["settings"]["written"], record["settings"]["resolved"]
        if AUTO not in [value for name, value in written.items() if name not in LATER]:
            return resolved
    except (AttributeError, KeyError, TypeError):  # an older version, or run.json was not copied
        resolved = {}
    read = _told(_read_settings(folder / "hyperparams.yaml"), "hyperparams.yaml", lacking)
    return {**resolved, **read.resolved} if read else resolved


def _read_settings(path):
    """What a YAML says, None if it cannot be read."""
    try:
        return record_settings(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError, TypeError, UserError):
        return None
    except Exception as error:  # of YAML, whose classes differ by version
        if "yaml" not in type(error).__module__:
            raise
        return None


def _table(path, lacking, key) -> Table:
    """A table; where it is there and has nothing of use, it is among what is lacking."""
    table = read_table(path, key)
    if table.fault and not table.rows and table.fault != MISSING:
        lacking.append(str(path.relative_to(path.parents[1])))
    return table


def _told(found, name, lacking):
    """What was found in a file; nothing, None, is among what is lacking."""
    if found is None:
        lacking.append(name)
    return found
