"""One process a folder: who writes into it holds its lock, and a second process is told who that is."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import make_folder

LOCK = ".lock"
SINCE = "%Y-%m-%d %H:%M:%S"
# Where the system keeps no locks on that file system.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}
_held = set()

logger = logging.getLogger(__name__)


class FolderLock:
    """A lock that the system takes back when its process ends, however it ends: none is ever left behind.

    It is ``flock`` on a file that is removed at the end. Linux passes it on to NFS servers, so it holds between
    machines too; where a file system has no locks, a warning says so and nothing is held.

    Arguments
    ---------
    folder : str or Path
        Made if it is missing.
    path : str or Path, optional
        The lock file; default: ``.lock`` in the folder.

    Example
    -------
    >>> import tempfile
    >>> lock = FolderLock(tempfile.mkdtemp())
    >>> lock.acquire()
    >>> lock.release()
    """

    def __init__(self, folder: str | Path, path: str | Path | None = None):
        self.folder = Path(folder)
        self.path = self.folder / LOCK if path is None else Path(path)
        self._descriptor, self._ours, self._made = None, False, None

    def acquire(self) -> None:
        """Take the lock; `announce` follows once it is sure that this process will write.

        Raises
        ------
        UserError
            If another process has it, or the folder cannot be written.
        """
        folder = self.folder.absolute()
        self._made = next((one for one in (*reversed(folder.parents), folder) if not os.path.exists(one)), None)
        make_folder(self.path.parent)
        self._ours = not self.path.exists()
        while self._descriptor is None:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise UserError(
                    f"The folder {self.folder} cannot be written ({error.strerror}): choose one that you may write to."
                ) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno in _UNSUPPORTED:
                    logger.warning(
                        "%s lies on a file system without locks (%s): let one process at a time work in it.",
                        self.folder,
                        error.strerror,
                    )
                    return
                raise UserError(
                    f"{self.folder} is in use by {self._holder()}: wait for its end, end it, or give another folder."
                ) from None
            if _is_file(descriptor, self.path):
                self._descriptor = descriptor
                _held.add(descriptor)
            else:  # the one before removed the file between the two calls
                os.close(descriptor)

    def announce(self) -> None:
        """Write into the lock file who holds it."""
        if self._descriptor is None:
            return
        self._ours, self._made = True, None
        who = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": time.strftime(SINCE),
            "command": shlex.join(sys.argv),
        }
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(who).encode(), 0)

    def release(self) -> None:
        """Give the lock back; the file of a killed process, of which nothing was announced, stays as it was.

        Where nothing was announced, folders that were made for nothing go: those that were not there and are empty.
        """
        if self._descriptor is None:
            return
        if self._ours:
            self.path.unlink(missing_ok=True)  # still held: nobody can take it in between
        _held.discard(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = None
        for path, _, _ in os.walk(self._made, topdown=False) if self._made else ():
            with suppress(OSError):  # what is not empty stays
                os.rmdir(path)

    def fileno(self) -> int | None:
        """The descriptor: a process that inherits it holds the lock too. None where there are no locks."""
        return self._descriptor

    def _holder(self):
        try:
            who = json.loads(self.path.read_text(encoding="utf-8"))
            pid, host, since, command = (who[name] for name in ("pid", "host", "since", "command"))
        except (OSError, ValueError, KeyError, TypeError):
            return "another process that has just started"
        if host == socket.gethostname() and not _is_alive(pid):
            # The holder that wrote this was killed, and who came after it is still looking, or is a child of it.
            return f"another process, perhaps one that process {pid} ({command}) has left behind"
        return f"process {pid} on {host} since {since} ({command})"


@contextmanager
def hold_folder(folder: str | Path, path: str | Path | None = None) -> Iterator[FolderLock]:
    """Hold a folder's lock for the time of the block; arguments and errors as of `FolderLock`, which is given."""
    lock = FolderLock(folder, path)
    lock.acquire()
    try:
        lock.announce()
        yield lock
    finally:
        lock.release()


def is_held(folder: str | Path) -> bool:
    """Whether a process that has announced itself is at work in a folder; nothing is locked, or written, by asking.

    Of a process on another machine it is not known whether it has been killed: it counts as at work.
    """
    try:
        who = json.loads(Path(folder, LOCK).read_text(encoding="utf-8"))
        pid, host, since = int(who["pid"]), who["host"], time.mktime(time.strptime(who["since"], SINCE))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if host != socket.gethostname():
        return True
    try:
        return psutil.Process(pid).create_time() <= since + 1  # else its number was given again
    except psutil.Error:
        return False


def _is_file(descriptor, path):
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _close_in_child():
    """A forked worker that outlives a killed run must not keep its folder."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)
