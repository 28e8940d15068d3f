"""Files that are either whole or absent: written under a temporary name, synced, then renamed."""

import os
import uuid
from contextlib import contextmanager
from pathlib import Path

from speechbrain_cadino.utils.errors import UserError


@contextmanager
def atomic_path(path):
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
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose a folder that you may write to."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder):
    """Make ``folder`` and its parents, or raise a `UserError` that says why not; returns it as a Path."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be made ({error.strerror}): choose an output folder that you may write to."
        ) from error
    return folder
