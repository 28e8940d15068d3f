"""Where a program may put its output: not into the data, nor among the files of a run, an encoder or a corpus."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from speechbrain_cadino.utils.errors import UserError

# Files by which a folder is known, and what it is then.
RECORD, ENCODER, CHECKPOINT, CORPUS = "run.json", "encoder.json", "CKPT.yaml", "train.json"
FACE_ENCODER = "face_encoder.json"
OWNERS = {RECORD: "the run", CHECKPOINT: "the checkpoint", ENCODER: "the encoder", CORPUS: "the prepared corpus"}
OWNERS[FACE_ENCODER] = "the face encoder"


def check_output(
    folder: str | Path,
    name: str = "output_folder",
    read: Mapping[str, str | Path | None] | None = None,
    named: Mapping[str, str | Path | None] | None = None,
    itself: Collection[str] = tuple(OWNERS),
    parts: Collection[str] | None = None,
) -> None:
    """Refuse a place for output that belongs to something else; links are seen through, nothing is written.

    Arguments
    ---------
    folder : str or Path
        Where the output is to go; it need not be there.
    name : str
        Of the setting, for messages.
    read : dict of str to str, Path or None
        Setting to a folder that is read with all that lies in it: the output may be neither it, nor in it, nor around.
    named : dict of str to str, Path or None
        Setting to a folder in which files are named one by one: the output may be in it, for it is not found there.
    itself : collection of str
        Those of `OWNERS` that the folder may not be itself; below any of them it may not be.
    parts : collection of str, optional
        What in a run's folder is the run's own, ``*`` for any ending; below others, such as a folder of scores, the
        output may lie. Default: all of it.

    Raises
    ------
    UserError

    Example
    -------
    >>> import tempfile
    >>> check_output(Path(tempfile.mkdtemp(), "results"), read={"data_folder": tempfile.mkdtemp()})
    """
    place = os.path.realpath(folder)
    for setting, path in {**(read or {}), **(named or {})}.items():
        if path is None or not os.path.isdir(path):
            continue
        real = os.path.realpath(path)
        if real == place:
            raise UserError(f"{name} is {folder}, which is {setting} as well: give a folder of its own.")
        if is_below(place, real) and setting in (read or {}):
            raise UserError(f"{name} is {folder}, which lies in {setting} ({path}): give a folder outside of it.")
        if is_below(real, place):
            raise UserError(
                f"{name} is {folder}, in which {setting} lies ({path}): give a folder that holds nothing but output."
            )
    for above in [*_upwards(place)][::-1]:
        owner = _owner(above)
        if owner is None or above == place and owner not in itself:
            continue
        first = os.path.relpath(place, above).split(os.sep)[0]
        if owner == RECORD and above != place and parts is not None and not any(fnmatchcase(first, p) for p in parts):
            continue
        where = "is" if above == place else "lies in"
        raise UserError(f"{name} is {folder}, which {where} {OWNERS[owner]} {above}: give a folder outside of it.")


def is_below(path: str, folder: str) -> bool:
    """Whether a resolved path lies in a resolved folder, at any depth.

    Example
    -------
    >>> is_below("/a/b/c", "/a"), is_below("/ab", "/a"), is_below("/a", "/a"), is_below("/a", "/")
    (True, False, False, True)
    """
    return path != folder and path.startswith(os.path.join(folder, ""))


def has_checkpoints(folder: str | Path) -> bool:
    """Whether a training has left checkpoints in its output folder."""
    return any(Path(folder, "save").glob("CKPT*"))


def trainings_of(folder: str | Path) -> list[Path]:
    """The folders of a run's trainings in their order: its iterations, then that with a large margin; else none.

    Example
    -------
    >>> trainings_of("nowhere")
    []
    """
    numbered = {path: re.fullmatch(r"iteration_(\d+)", path.name) for path in Path(folder).glob("iteration_*")}
    parts = sorted((path for path, number in numbered.items() if number), key=lambda path: int(numbered[path][1]))
    return [part for part in (*parts, Path(folder, "large_margin")) if part.is_dir()]


def _owner(folder):
    """By which of `OWNERS` a folder is known, or None; checkpoints alone make a run, too."""
    for file in OWNERS:
        if os.path.isfile(os.path.join(folder, file)):
            return file
    return RECORD if has_checkpoints(folder) else None


def _upwards(path: str) -> Iterator[str]:
    yield path
    while os.path.dirname(path) != path:
        path = os.path.dirname(path)
        yield path
