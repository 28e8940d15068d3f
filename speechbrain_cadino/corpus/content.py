"""What a file holds, as sixteen digits: by them a replaced file is told from the old one, and a run from another."""

import hashlib
import os
from collections.abc import Callable, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path

from tqdm import tqdm

BLOCK = 2**20
MANY = 1000  # files from which a bar is shown


def content_hash(path: str | Path) -> str:
    """Sixteen hexadecimal digits of a file's bytes (BLAKE2b), '' where it cannot be read.

    On one core 0.4 ms for 8 s of 16-bit audio (256 kB), beside 0.6 (wav) or 2.1 ms (flac) that decoding takes; what is
    read once from the disk serves both.
    """
    digest = hashlib.blake2b(digest_size=8)
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def files_status(wavs: Sequence[str]) -> list[str]:
    """For files whose content is not known: size and time of the last change, a list of (n,) str, '' if absent."""
    return in_threads(_status, wavs, "looking at files")


def in_threads(function: Callable, items: Sequence, what: str) -> list:
    """What a function gives for each item, in order, by several threads, with a bar where there are many."""
    with ThreadPool() as pool:
        found = pool.imap(function, items, chunksize=64)
        return list(tqdm(found, what, len(items), unit="file", dynamic_ncols=True, disable=len(items) < MANY))


def _status(wav):
    try:
        status = os.stat(wav)
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
