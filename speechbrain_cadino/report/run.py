"""A run's folder, read: whatever is missing, unfinished, damaged or of an older version is less to show, no error."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain_cadino.encoder.export import METADATA
from speechbrain_cadino.training.for_report import ARRAYS, LOSSES
from speechbrain_cadino.training.left_files import MISSING, read_arrays, read_json, read_options, read_table
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.places import RECORD, trainings_of

TRACES = ("epochs.csv", "iterations.csv", RECORD, "hyperparams.yaml", "log.txt", "train_log.txt")


@dataclass
class Training:
    """One training of a run: its own folder, or that of an iteration.

    Arguments
    ---------
    folder : Path
    name : str
        For people: '' for the only one, else such as "iteration 2".
    rows : list of dict
        The records of its epochs, as `History.rows`.
    encoder : dict
        ``encoder.json`` of the exported encoder; empty without one.
    arrays : dict of str to np.ndarray
        Of `training.for_report`.
    losses : dict of str to list of dict
        By a modality's prefix, what each epoch's gate saw, in the epochs' order.
    """

    folder: Path
    name: str = ""
    rows: list = field(default_factory=list)
    encoder: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)
    losses: dict = field(default_factory=dict)

    @property
    def info(self) -> dict:
        """What the encoder's folder says for people."""
        info = self.encoder.get("info")
        return info if isinstance(info, dict) else {}

    @property
    def threshold(self) -> float | None:
        """The cosine from which the encoder says that two utterances are of one speaker."""
        value = self.encoder.get("threshold")
        return float(value) if _finite(value) else None

    @property
    def prefixes(self) -> list[str]:
        """What the columns of each modality begin with: '' for the first one."""
        gate = "_gate_threshold"
        return ["", *dict.fromkeys(f"{n.removesuffix(gate)}_" for row in self.rows for n in row if n.endswith(gate))]

    def series(self, name: str) -> tuple[list, list]:
        """Epochs and the finite values of a column there."""
        return series(self.rows, name)

    def last(self, name: str) -> float | None:
        """The last finite value of a column."""
        values = self.series(name)[1]
        return values[-1] if values else None

    def is_labelled(self) -> bool:
        """Whether it is one of stage II, on pseudo-labels."""
        return any("label_loss" in row for row in self.rows)


@dataclass
class Run:
    """All that a report tells of.

    Arguments
    ---------
    folder : Path
    trainings : list of Training
        In the order of their making.
    iterations : list of dict
        Rows of ``iterations.csv``.
    settings : dict
        The resolved settings of ``run.json``, or of ``hyperparams.yaml`` those that are plain.
    options : dict or None
        What was given on the command line; None: not known.
    record : dict
        ``run.json``.
    faults : list of str
        Sentences: which files are not as they were written.
    """

    folder: Path
    trainings: list = field(default_factory=list)
    iterations: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    options: dict | None = None
    record: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether it came to its end; runs of older versions do not say so, but their last training has an encoder."""
        asked = self.number("n_iterations")
        enough = not self.is_iterated or asked is None or self.iterations and len(self.iterations) >= asked
        return "finished" in self.record or bool(self.trainings and self.trainings[-1].encoder and enough)

    @property
    def is_iterated(self) -> bool:
        """Whether it is made of iterations, each a training."""
        return any(training.name for training in self.trainings)

    def number(self, name: str) -> float | None:
        """A setting that is a number, else None."""
        value = self.settings.get(name)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def read_run(folder: str | Path) -> Run:
    """Read what a run has left so far.

    Arguments
    ---------
    folder : str or Path
        Its output folder, or the folder of one of its iterations.

    Returns
    -------
    Run

    Raises
    ------
    UserError
        If there is no such folder, or nothing in it that a run leaves.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: give the output_folder of a run.")
    parts = trainings_of(folder)
    if not parts and not any((folder / name).is_file() for name in TRACES):
        raise UserError(f"{folder} holds nothing of a run ({', '.join(TRACES[:3])}): give the output_folder of one.")
    run = Run(folder)
    run.record = _read(run, folder / RECORD, read_json)
    settings = run.record.get("settings")
    resolved = settings.get("resolved") if isinstance(settings, dict) else None
    run.settings = resolved if isinstance(resolved, dict) else {}
    run.options = read_options(folder / "hyperparams.yaml")
    run.iterations = _table(run, folder / "iterations.csv", "iteration")
    named = [(part, part.name.replace("_", " ")) for part in parts] or [(folder, "")]
    run.trainings = [_training(run, *each) for each in named]
    return run


def series(rows: list[dict], name: str, against: str = "epoch") -> tuple[list, list]:
    """The numbers of a column, and where they stand.

    Example
    -------
    >>> series([{"epoch": 0}, {"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": float("nan")}], "loss")
    ([1], [2.5])
    """
    points = [(row[against], row[name]) for row in rows if _finite(row.get(name)) and _finite(row.get(against))]
    return [x for x, _ in points], [y for _, y in points]


def _finite(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


def _table(run, path, key):
    rows, fault = read_table(path, key)
    if fault and fault != MISSING:
        run.faults.append(f"{path.relative_to(run.folder)} is not as the run wrote it: {fault}.")
    return rows


def _read(run, path, reader):
    """What a reader makes of a file; {} of one that is not there, and of one that is damaged, which is said."""
    found = reader(path)
    if found is None and path.exists():
        run.faults.append(f"{path.relative_to(run.folder)} cannot be read: what it tells is left out.")
    return found or {}


def _training(run, folder, name):
    rows, encoder = _table(run, folder / "epochs.csv", "epoch"), _read(run, folder / "encoder" / METADATA, read_json)
    found = Training(folder, name, rows, encoder, _read(run, folder / ARRAYS, read_arrays))
    for path in sorted(folder.glob(f"losses/*{LOSSES.format(0)[-5:]}")):
        matched = re.fullmatch(r"(.*?)epoch(\d+)\.json", path.name)
        content = read_json(path)
        if matched and content:
            found.losses.setdefault(matched[1], []).append(content | {"epoch": int(matched[2])})
    return found
