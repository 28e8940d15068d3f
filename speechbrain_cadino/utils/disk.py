"""Disks that are full, read-only or broken: one sentence that names the place and how much is free."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechbrain_cadino.utils.errors import UserError

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota of the disk is used up",
    errno.EFBIG: "a file may not become so large here (see ulimit -f)",
    errno.EIO: "the disk has failed",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
}
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit",
    errno.EIO: "check the disk",
}


@contextmanager
def disk_errors(path: str | Path, needed: int | None = None) -> Iterator[None]:
    """Turn what fails in writing ``path`` into a `UserError`; other errors pass.

    Arguments
    ---------
    path : str or Path
        What is written, for the sentence and to look at the disk.
    needed : int, optional
        Bytes that the writing takes, if known.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        sentence = disk_sentence(error, path, needed)
        if sentence is None:
            raise
        raise UserError(sentence) from error


def disk_sentence(error: BaseException, path: str | Path | None = None, needed: int | None = None) -> str | None:
    """What a failed writing has to say, None if the error is of another kind.

    Arguments
    ---------
    error : BaseException
        NumPy and PyTorch do not say why they could not write a file, so the disk is looked at.
    path, needed :
        As of `disk_errors`; without a path the error's own file is named.
    """
    number = getattr(error, "errno", None)
    where = path if path is not None else getattr(error, "filename", None)
    if _is_unfinished_write(error):
        number = _write_failure(where)
    if number not in REASONS or (path is None and number in (errno.EACCES, errno.EPERM, errno.EIO)):
        return None  # without a path it may have been a file to read
    space = _space(where, needed) if number in (errno.ENOSPC, errno.EDQUOT) else ""
    remedy = REMEDIES.get(number)
    remedy = f"{remedy}, then the same command goes on, or choose" if remedy else "choose"
    return f"{where or 'A file'} cannot be written, {REASONS[number]}{space}: {remedy} a folder elsewhere."


def _is_unfinished_write(error):
    """NumPy's and PyTorch's ways to say that a file was not written to its end."""
    text = str(error)
    if isinstance(error, OSError):
        return error.errno is None and "requested and" in text and "written" in text
    return isinstance(error, RuntimeError) and ("PytorchStreamWriter failed" in text or "inline_container" in text)


def _write_failure(where):
    """Why the disk takes no more: by trying. A disk that does now was full a moment ago."""
    folder = _existing(where)
    probe = folder / f".probe-{os.getpid()}"
    try:
        with open(probe, "wb") as file:
            file.write(bytes(1 << 20))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno
    finally:
        try:
            probe.unlink(missing_ok=True)
        except OSError:
            pass
    return errno.ENOSPC


def _space(where, needed):
    free = shutil.disk_usage(_existing(where)).free
    return f" ({_size(free)} are free{'' if needed is None else f', about {_size(needed)} are needed'})"


def _existing(where):
    folder = Path(where or ".").absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _size(n_bytes):
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
