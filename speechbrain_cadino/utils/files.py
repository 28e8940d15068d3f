"""Files, tables and folders that are either whole or absent: written under a temporary name, synced, then renamed."""

import csv
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
        If the folder cannot be made or written.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    make_folder(path.parent)
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose a folder that you may write to."
        ) from error
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
def atomic_folder(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``; put it in that place if the block ends well, else remove it.

    Arguments
    ---------
    folder : str or Path
        The final name. What stands there is removed at the end: look first whether it may be.

    Yields
    ------
    Path
        An empty folder to write into.

    Raises
    ------
    UserError
        If the folder cannot be made.
    """
    folder = Path(folder).resolve()  # of a link, what it leads to
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
    make_folder(temporary)
    try:
        yield temporary
        replace_folder(temporary, folder, folder.with_name(f".{folder.name}.replaced"))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, folder: Path, replaced: Path) -> None:
    """Make a folder durable and name it ``folder``; what had that name is ``replaced`` meanwhile, then removed."""
    for path in [*(path for path in new.rglob("*") if not path.is_symlink()), new]:
        sync(path)
    if folder.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        os.replace(folder, replaced)
    os.replace(new, folder)
    sync(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


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
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be made ({error.strerror}): choose an output folder that you may write to."
        ) from error
    return folder
