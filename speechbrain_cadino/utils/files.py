"""Files, tables and folders that are either whole or absent: written under a temporary name, synced, then renamed."""

import csv
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from speechbrain_cadino.utils.disk import disk_errors
from speechbrain_cadino.utils.errors import UserError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` if the block ends well, else remove it.

    Arguments
    ---------
    path : str or Path
        The final name. Its folder is made if it is missing.

    Yields
    ------
    Path
        Where to write meanwhile; it keeps the suffix of ``path``, since some writers choose the format by it.

    Raises
    ------
    UserError
        If the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    make_folder(path.parent)
    try:
        with disk_errors(path):
            yield temporary
            sync(temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence], quote_all: bool = False) -> None:
    """Write a table, all or nothing; every CSV of this package is written here.

    Arguments
    ---------
    path : str or Path
    header : sequence of str
        The names of the columns.
    rows : iterable of sequences
        Python's own numbers are written much faster than NumPy's.
    quote_all : bool
        Quote every field, not only those that need it.

    Example
    -------
    >>> import tempfile
    >>> path = f"{tempfile.mkdtemp()}/table.csv"
    >>> write_csv(path, ["ID", "duration"], [("a", 1.5)])
    >>> open(path).read()
    'ID,duration\\na,1.5\\n'
    """
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL)
        writer.writerow(header)
        writer.writerows(rows)


@contextmanager
def atomic_folder(folder: str | Path, made: Callable[[str], object]) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``; put it in that place if the block ends well, else remove it.

    Arguments
    ---------
    folder : str or Path
        The final name. What stands there is removed at the end, but for what was not made here, which stays in it.
    made : callable
        Path relative to the folder (str) -> whether a file of that name is one that is made here.

    Yields
    ------
    Path
        An empty folder to write into.

    Raises
    ------
    UserError
        If the folder cannot be made or written, the disk is full, or something else has the temporary name.
    """
    folder = Path(folder).resolve()  # of a link, what it leads to
    temporary, replaced = (folder.with_name(f".{folder.name}.{end}") for end in ("partial", "replaced"))
    left = remove_made(temporary, made)  # what a killed process left
    if left:
        raise UserError(f"{temporary} holds {left[0]}, which was not made here: move it away.")
    if replaced.exists() and not folder.exists():  # killed between the two renamings
        os.replace(replaced, folder)
    make_folder(temporary)
    try:
        with disk_errors(folder):
            yield temporary
            replace_folder(temporary, folder, replaced, made)
    finally:
        remove_made(temporary, lambda name: True)


def replace_folder(new: Path, folder: Path, replaced: Path, made: Callable[[str], object]) -> None:
    """Make a folder durable and name it ``folder``; what had that name is ``replaced`` meanwhile, then removed.

    Files for which ``made``, as of `atomic_folder`, is false go into the new folder.
    """
    for path in [*(path for path in new.rglob("*") if not path.is_symlink()), new]:
        sync(path)
    if folder.exists():
        _take_over(replaced, folder, made)
        os.replace(folder, replaced)
    os.replace(new, folder)
    sync(folder.parent)
    _take_over(replaced, folder, made)


def _take_over(old: Path, folder: Path, made: Callable[[str], object]) -> None:
    """Remove what was made in an old folder, and move the rest, where its name is free, into the new one."""
    for name in foreign_files(old, made):
        if not os.path.lexists(folder / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(old / name, folder / name)
    remove_made(old, made)


def sync(path: str | Path) -> None:
    """Make a file or a folder durable, so that a rename does not overtake what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: str | Path) -> Path:
    """Make ``folder`` and its parents, or raise a `UserError` that says why not; returns it as a Path."""
    folder = Path(folder)
    try:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        in_the_way = next(
            (path for path in (folder, *folder.parents) if os.path.exists(path) and not os.path.isdir(path)), None
        )
        if in_the_way is not None:
            raise UserError(
                f"The folder {folder} cannot be made, {in_the_way} is a file: choose another output folder."
            ) from error
        raise UserError(
            f"The folder {folder} cannot be made ({error.strerror}): choose an output folder that you may write to."
        ) from error
    return folder


def remove_made(folder: str | Path, made: Callable[[str], object]) -> list[str]:
    """Remove what was made from a folder, and the folder if nothing else is in it; links are not followed.

    Arguments
    ---------
    folder : str or Path
        May be absent.
    made : callable
        Path relative to the folder (str) -> whether this file was made, and may go.

    Returns
    -------
    list of str
        What was left, relative to the folder, sorted.
    """
    left = []
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(parent, name)))]:
            path = os.path.join(parent, name)
            if made(os.path.relpath(path, folder)):
                os.unlink(path)
            else:
                left.append(os.path.relpath(path, folder))
        if not os.listdir(parent):
            os.rmdir(parent)
    return sorted(left)


def foreign_files(folder: str | Path, made: Callable[[str], object]) -> list[str]:
    """What `remove_made` would leave, removing nothing."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, folders, names in os.walk(folder)
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(parent, name)))]
        if not made(os.path.relpath(os.path.join(parent, name), folder))
    )
