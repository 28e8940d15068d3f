"""What files hold, in 16 digits each, cheaply for a million: to tell a corpus, or a folder of noise, from another."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from speechbrain_cadino.corpus.layout import STRING

# Up to so many bytes in all, files are read whole; of more, each by its length and some pieces.
WHOLE_BYTES = 2**30
PIECES, PIECE_BYTES = 4, 1024
UNREADABLE = "unreadable"
THREADS = 8
_CHUNK = 4096


def file_fingerprints(paths: Sequence[str], whole: bool | None = None) -> tuple[np.ndarray, bool]:
    """Fingerprints of files' contents; their names and times don't matter.

    Of a corpus over a gigabyte, only the length and four pieces of 1 KiB, spread from beginning to end, are read of a
    file: any other recording is told from it, an edit between the pieces is not. A million files take less than a
    minute where the disk keeps up.

    Arguments
    ---------
    paths : sequence of str, (n,)
    whole : bool, optional
        Whether files are read whole; default: if they have a gigabyte at most in all.

    Returns
    -------
    fingerprints : np.ndarray of str, (n,)
        `UNREADABLE` for a file that is.
    whole : bool
    """
    names, place = np.unique(np.asarray(paths, dtype=STRING), return_inverse=True)
    names = names.tolist()
    with ThreadPoolExecutor(THREADS) as pool:
        chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
        if whole is None:
            whole = sum(sum(sizes) for sizes in pool.map(_sizes, chunks)) <= WHOLE_BYTES
        bar = tqdm(total=len(names), desc="comparing audio", unit="file", delay=5, dynamic_ncols=True)
        found = []
        for part in pool.map(partial(_fingerprints, whole=whole), chunks):
            found += part
            bar.update(len(part))
        bar.close()
    return np.array(found, dtype=STRING)[place], whole


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


def digest_of(texts: list[str]) -> str:
    """A digest, 32 hexadecimal digits, of a list of texts."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{len(texts)}\0".encode())
    digest.update("\0".join(texts).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def id_keys(ids: Sequence[str]) -> np.ndarray:
    """A number for each utterance's ID, (n,) int64, to keep state by utterance in 8 bytes each.

    Of a million IDs, two have the same number with a probability of 3e-8.

    Example
    -------
    >>> keys = id_keys(["a", "b"])
    >>> keys.dtype, bool(keys[0] != keys[1]), bool(keys[1] == id_keys(["b"])[0])
    (dtype('int64'), True, True)
    """
    texts = np.asarray(ids, dtype=STRING).tolist()
    digests = [hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)


def places_of(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Where each of ``keys`` stands in ``among``, (n,) int64, -1 where it does not; both from `id_keys`.

    Example
    -------
    >>> places_of(np.array([5, 7, 9]), np.array([9, 5])).tolist()
    [1, -1, 0]
    """
    order = np.argsort(among, kind="stable")
    found = np.searchsorted(among[order], keys)
    found = np.minimum(found, max(len(among) - 1, 0))
    if not len(among):
        return np.full(len(keys), -1, dtype=np.int64)
    places = order[found]
    return np.where(among[places] == keys, places, -1)


def _sizes(paths):
    sizes = []
    for path in paths:
        try:
            sizes.append(os.stat(path).st_size)
        except (OSError, ValueError):
            sizes.append(0)
    return sizes


def _fingerprints(paths, whole):
    return [_fingerprint(path, whole) for path in paths]


def _fingerprint(path, whole):
    try:
        file = os.open(path, os.O_RDONLY)
    except (OSError, ValueError):
        return UNREADABLE
    try:
        size = os.fstat(file).st_size
        if whole or size <= PIECES * PIECE_BYTES:
            starts, length = range(0, size, 2**20), 2**20
        else:
            starts, length = [(size - PIECE_BYTES) * piece // (PIECES - 1) for piece in range(PIECES)], PIECE_BYTES
        digest = hashlib.blake2b(b"%d\0" % size, digest_size=8)
        for start in starts:
            digest.update(os.pread(file, length, start))
    except OSError:
        return UNREADABLE
    finally:
        os.close(file)
    return digest.hexdigest()
