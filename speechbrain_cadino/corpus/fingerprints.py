"""What files hold, in sixteen digits each: by them a replaced file is told from the old one, and a run from another."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.progress import progress_bar

# Up to so many bytes in all, files are read whole; of more, each by its length and some pieces.
WHOLE_BYTES = 2**30
IN_PART = "~"  # stands before what pieces of a file give, where that is kept
PIECES, PIECE_BYTES, BLOCK = 4, 1024, 2**20
THREADS = max(8, os.cpu_count() or 1)  # they wait for the disk
MANY = 1000  # files from which a bar is shown


def content_hash(path: str | Path, whole: bool = True) -> str:
    """Sixteen hexadecimal digits (BLAKE2b) of a file's length and bytes, '' where it cannot be read.

    On one core 0.4 ms for 8 s of 16-bit audio (256 kB), beside 0.6 (wav) or 2.1 ms (flac) that decoding takes; what is
    read once from the disk serves both.

    Arguments
    ---------
    path : str or Path
    whole : bool
        False: of a file over 4 KiB only four pieces of 1 KiB are read, spread from beginning to end. Any other
        recording is told from it, an edit between the pieces is not.
    """
    try:
        file = os.open(path, os.O_RDONLY)
    except (OSError, ValueError):
        return ""
    try:
        size = os.fstat(file).st_size
        if whole or size <= PIECES * PIECE_BYTES:
            starts, length = range(0, size, BLOCK), BLOCK
        else:
            starts, length = [(size - PIECE_BYTES) * piece // (PIECES - 1) for piece in range(PIECES)], PIECE_BYTES
        digest = hashlib.blake2b(b"%d\0" % size, digest_size=8)
        for start in starts:
            digest.update(os.pread(file, length, start))
    except OSError:
        return ""
    finally:
        os.close(file)
    return digest.hexdigest()


def file_fingerprints(paths: Sequence[str], whole: bool | None = None) -> tuple[np.ndarray, bool]:
    """The `content_hash` of many files; their names and times don't matter.

    Of a corpus over a gigabyte, only pieces are read: a million files take less than a minute where the disk keeps up.

    Arguments
    ---------
    paths : sequence of str, (n,)
    whole : bool, optional
        Whether files are read whole; default: if they have a gigabyte at most in all.

    Returns
    -------
    fingerprints : np.ndarray of str, (n,)
    whole : bool
    """
    names, place = np.unique(np.asarray(paths, dtype=STRING), return_inverse=True)
    names = names.tolist()
    if whole is None:
        whole = sum(size for size, _ in files_status(names)) <= WHOLE_BYTES
    found = in_threads(partial(content_hash, whole=whole), names, "comparing files")
    return np.array(found, dtype=STRING)[place], whole


def manifest_contents(manifest: Manifest, whole: bool | None = None) -> tuple[np.ndarray, bool]:
    """The fingerprint of each row's file, looked up only where the manifest does not have it (``contents``).

    Arguments
    ---------
    manifest : Manifest
        As the preparation gives it: a content that it has was read whole, and the file has not changed since.
    whole : bool, optional
        As of `file_fingerprints`.

    Returns
    -------
    fingerprints : np.ndarray of str, (n,)
    whole : bool
    """
    known = manifest.contents
    contents = np.full(len(manifest), "", dtype=STRING) if known is None else known.copy()
    in_part = np.strings.startswith(contents, IN_PART)
    if whole:
        contents[in_part] = ""
    elif in_part.any():
        contents, whole = np.strings.replace(contents, IN_PART, ""), False
    unknown = np.flatnonzero(contents == "")
    if len(unknown):
        contents[unknown], whole = file_fingerprints(manifest.wavs[unknown], whole)
    return contents, True if whole is None else bool(whole)


def files_digest(paths: Sequence[str]) -> str:
    """One digest, 32 hexadecimal digits, of the contents of files in their order."""
    return digest_of(file_fingerprints(paths)[0].tolist())


def folder_digest(folder: str | Path) -> str | None:
    """One digest of the names and contents of all files below a folder, links followed; None if it is no folder."""
    if not os.path.isdir(folder):
        return None
    paths, visited = [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:  # a link back to a folder above
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        paths += [os.path.join(parent, name) for name in names]
    contents = file_fingerprints(paths)[0].tolist()
    return digest_of(sorted(f"{os.path.relpath(path, folder)}\0{content}" for path, content in zip(paths, contents)))


def files_status(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Of many files, (n,): bytes, and time of the last change in ns; (0, 0) for what is absent or no file."""
    return in_threads(_status, paths, "looking at files")


def in_threads(function: Callable, items: Sequence, what: str) -> list:
    """What a function gives for each item, in order, by several threads, with a bar where there are many."""
    return list(each_in_threads(function, items, what))


def each_in_threads(function: Callable, items: Sequence, what: str, unit: str = "files", chunk: int = 64) -> Iterator:
    """The same, one after the other, for what is not to be kept as it is."""
    with ThreadPool(THREADS) as pool:
        found = pool.imap(function, items, chunksize=chunk)
        yield from progress_bar(found, what, len(items), unit, shown=len(items) >= MANY)


def _status(path):
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else (0, 0)
