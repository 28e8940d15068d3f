"""Pictures on disk as sets: a file by itself, or all of a folder; names, sizes and times, not opened yet."""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.fingerprints import each_in_threads
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.listing import why_not_named
from speechbrain_cadino.faces.images import is_image_name
from speechbrain_cadino.utils.text import printable

AT_ONCE = 65536  # names that are Python objects at a time


class PictureSets(NamedTuple):
    """Sets of pictures, as columns: several millions of pictures are no Python objects.

    Arguments
    ---------
    paths : np.ndarray of str, (m,)
        A picture, or a folder of them.
    offsets : np.ndarray of int64, (m + 1,)
        The pictures of set ``s`` are those from ``offsets[s]`` to ``offsets[s + 1]``.
    names : np.ndarray of str, (k,)
        The pictures' names below their folder, in order; '' where the path is the picture itself.
    status : np.ndarray of int64, (k, 2)
        Bytes, and the time of the last change in ns.
    rejected : list of (str, str)
        Paths that cannot be listed, and the reasons.
    """

    paths: np.ndarray
    offsets: np.ndarray
    names: np.ndarray
    status: np.ndarray
    rejected: list

    def pictures(self, number: int) -> list[str]:
        """The paths of a set's pictures."""
        path, names = self.paths[number], self.names[self.offsets[number] : self.offsets[number + 1]]
        return [os.path.join(path, name) if name else path for name in names.tolist()]

    def digest(self) -> str:
        """32 hexadecimal digits that change with any name, size or time of the last change."""
        digest = hashlib.blake2b(digest_size=16)
        for texts in (self.paths, self.names):
            for start in range(0, len(texts), AT_ONCE):
                digest.update("\0".join(texts[start : start + AT_ONCE].tolist()).encode() + b"\0")
        digest.update(self.offsets.tobytes() + self.status.tobytes() + repr(self.rejected).encode())
        return digest.hexdigest()


class Names:
    """Texts that come one after another, kept as a numpy column.

    Example
    -------
    >>> names = Names()
    >>> names.extend(["a", "b"])
    >>> names.column().tolist()
    ['a', 'b']
    """

    def __init__(self) -> None:
        self._parts, self._pending = [np.array([], dtype=STRING)], []

    def extend(self, names: Iterable[str]) -> None:
        """Take in some."""
        self._pending.extend(names)
        if len(self._pending) >= AT_ONCE:
            self._parts.append(np.array(self._pending, dtype=STRING))
            self._pending = []

    def column(self) -> np.ndarray:
        """All of them, (n,) str."""
        return np.concatenate([*self._parts, np.array(self._pending, dtype=STRING)])


@dataclass
class _Looked:
    """What a path holds: pictures, folders, and folders that links lead to."""

    names: list = field(default_factory=list)
    status: list = field(default_factory=list)  # (size, changed) of each
    folders: list = field(default_factory=list)
    links: list = field(default_factory=list)
    rejected: list = field(default_factory=list)


def list_sets(paths: Sequence[str]) -> PictureSets:
    """The pictures of each path, a file or a folder, whose sub-folders are not looked into; each path is listed once.

    Arguments
    ---------
    paths : sequence of str, (m,)
        Each different. One that is absent or holds no picture is an empty set, and rejected.
    """
    return _joined(
        zip(paths, each_in_threads(_look, paths, "looking for pictures", "folders", chunk=8)), keep_empty=True
    )


def list_tree(folder: str | Path) -> PictureSets:
    """The folders below one that hold pictures, itself included, in the order of their names; links are followed."""
    found = _joined(_walk(str(folder).rstrip("/") or "/"), keep_empty=False)
    return in_order(found, np.argsort(found.paths, kind="stable"))


def in_order(sets: PictureSets, order: np.ndarray) -> PictureSets:
    """The sets with these numbers, in this order."""
    counts = np.diff(sets.offsets)[order]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = np.arange(offsets[-1]) + np.repeat(sets.offsets[:-1][order] - offsets[:-1], counts)
    return PictureSets(sets.paths[order], offsets, sets.names[rows], sets.status[rows], sets.rejected)


def _walk(root) -> Iterator:
    """(folder, what it holds), level by level; what links lead to after all that is really there."""
    visited, level, links = set(), [root], []
    while level or links:
        level, links = (level, links) if level else (sorted(links), [])
        folders = []
        for folder in level:
            try:
                status = os.stat(folder)
            except OSError as error:
                yield folder, _Looked(rejected=[(printable(folder), f"cannot be listed ({error.strerror})")])
                continue
            if (status.st_dev, status.st_ino) not in visited:  # else a link to a folder that was seen
                visited.add((status.st_dev, status.st_ino))
                folders.append(folder)
        level = []
        looked = each_in_threads(_look, folders, "looking for pictures", "folders", chunk=8)
        for folder, found in zip(folders, looked):
            level += found.folders
            links += found.links
            yield folder, found


def _look(path):
    """What a path holds: itself if it is a file, else its pictures and folders."""
    try:
        status = os.stat(path)
        if not stat.S_ISDIR(status.st_mode):
            return _Looked([""], [_size_and_change(status)])
        found = _Looked()
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                _take(entry, found)
        return found
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        return _Looked(rejected=[(printable(path), f"cannot be opened ({getattr(error, 'strerror', error)})")])


def _take(entry, found):
    """Put an entry of a folder where it belongs."""
    reason = why_not_named(entry.path)
    try:
        if entry.is_dir():
            if reason is None:
                (found.links if entry.is_symlink() else found.folders).append(entry.path)
        elif not is_image_name(entry.name):
            return
        elif reason is None:
            found.status.append(_size_and_change(entry.stat()))
            found.names.append(entry.name)
    except OSError as error:  # a link that leads nowhere, or to itself
        reason = f"cannot be opened ({error.strerror})"
    if reason is not None:
        found.rejected.append((printable(entry.path), reason))


def _size_and_change(status):
    if not stat.S_ISREG(status.st_mode):  # reading a pipe may never end
        raise OSError(0, "it is no file")
    return status.st_size, status.st_ctime_ns  # unlike st_mtime_ns, nobody can set that back


def _joined(looked, keep_empty):
    """The `PictureSets` of (path, what it holds)."""
    paths, names, ends, status, rejected = Names(), Names(), array("q", [0]), array("q"), []
    for path, found in looked:
        rejected += found.rejected
        if not found.names and not keep_empty:
            continue
        if not found.names and not found.rejected:
            rejected.append((path, "holds no picture (.jpg, .png and the like)"))
        paths.extend([path])
        names.extend(found.names)
        ends.append(ends[-1] + len(found.names))
        status.extend(number for pair in found.status for number in pair)
    return PictureSets(paths.column(), np.array(ends), names.column(), np.array(status).reshape(-1, 2), rejected)
