"""The audio files of a folder or of a list, not opened yet: names, sizes and times of the last change."""

import hashlib
import heapq
import os
from array import array
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.suffixes import AUDIO_SUFFIXES, UNREADABLE_SUFFIXES, suffix_of, without_suffix
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import in_words, printable, read_text


class Listing(NamedTuple):
    """Files by path, in order, each once.

    Arguments
    ---------
    paths : list of str, (n,)
        Relative to the data folder.
    sizes, changed : array of int, (n,)
        Bytes, and the time of the last change in ns.
    rejected : list of (str, str)
        Paths that cannot be used, as they can be printed, and the reasons.
    ignored : Counter
        By suffix, how many files of a folder were not looked at, since their names are not those of audio.
    """

    paths: list
    sizes: array
    changed: array
    rejected: list
    ignored: Counter

    def digest(self) -> str:
        """32 hexadecimal digits that change with any name, size or time of the last change."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update("\0".join(self.paths).encode())
        digest.update(self.sizes.tobytes() + self.changed.tobytes())
        digest.update(repr(self.rejected).encode())
        return digest.hexdigest()


def list_folder(folder: str | Path) -> Listing:
    """The audio of a folder and its sub-folders, links followed, in the order of the names, whatever the disk's.

    Files that need converting (m4a and the like) are among them where no other file of that name is there. A folder
    that several links lead to is listed once: where it really is, else by the first link in the order of the names. So
    is a file.

    Raises
    ------
    UserError
        If there is no audio, or none but such as must be converted.
    """
    rejected, ignored, readable, others = [], Counter(), [], []
    for path, reason in _walk(folder):
        suffix, name = suffix_of(path), os.path.basename(path)
        if reason is not None:
            rejected.append((printable(path), reason))
        elif name.startswith("."):
            ignored["hidden"] += 1
        elif suffix in AUDIO_SUFFIXES:
            readable.append(path)
        elif suffix in UNREADABLE_SUFFIXES:
            others.append(path)
        else:
            ignored[suffix or "without suffix"] += 1
    if not readable and others:
        kinds = ", ".join(sorted({suffix_of(path) for path in others}))
        raise UserError(
            f"All {len(others)} audio files in {folder} are {kinds}, which libsndfile cannot read: convert them to "
            "flac or wav, m4a and aac with recipes/VoxCeleb/SSL_CADINO/convert_m4a.sh."
        )
    if not readable:
        seen = f", only {in_words(ignored)}" if ignored else ""
        raise UserError(
            f"No audio (.wav, .flac, .ogg, .mp3 and the like) is in {folder}{seen}: give the folder that has it."
        )
    converted = {without_suffix(path) for path in readable}
    to_convert = [path for path in others if without_suffix(path) not in converted]
    ignored["converted already"] += len(others) - len(to_convert)
    return _with_status(folder, sorted(readable + to_convert), rejected, +ignored)


def list_paths(paths: list[str], folder: str | Path) -> Listing:
    """The files of a list of paths relative to ``folder``, in its order; one that comes twice counts once."""
    return _with_status(folder, paths, [], Counter())


def find_audio(folder: str | Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The paths of `list_folder`, and beside them what is rejected by its name alone."""
    listing = list_folder(folder)
    return listing.paths, listing.rejected


def read_file_list(path: str | Path, folder: str | Path | None = None) -> list[str]:
    """Paths of a list, one a line, each once; blank lines are passed over.

    Blanks at a line's ends belong to the name only if a file of that name is below ``folder``.

    Raises
    ------
    UserError
        If the list cannot be read or names nothing.
    """
    text = read_text(path, "file list", "give a text file of paths", errors="surrogateescape")
    paths = {}
    for line in text.split("\n"):
        name = line.strip()
        if name != line and folder is not None and os.path.isfile(os.path.join(folder, line)):
            name = line
        if name:
            paths[name] = None
    if not paths:
        raise UserError(f"The file list {path} is empty: write one path a line into it, relative to data_folder.")
    return list(paths)


def _walk(folder):
    """(path below ``folder``, None) of each file, (path, reason) of what cannot be listed.

    Folders that links lead to come after all that are really there.
    """
    visited, folders, links = set(), [""], []
    while folders or links:
        below = folders.pop() if folders else heapq.heappop(links)
        try:
            status = os.stat(os.path.join(folder, below))
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(os.path.join(folder, below)) as entries:
                entries = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield below or ".", f"the folder cannot be listed ({error.strerror})"
            continue
        for entry in entries:
            path = os.path.join(below, entry.name)
            if not _is_folder(entry):
                yield path, None
            elif entry.is_symlink():
                heapq.heappush(links, path)
            else:
                folders.append(path)


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which is then told when it is opened
        return False


def _with_status(folder, paths, rejected, ignored):
    """The `Listing` of paths in order, those left out that cannot be used or are the same file as an earlier one."""
    kept, sizes, changed, identities = [], array("q"), array("q"), array("Q")
    for path in paths:
        reason = why_not_named(path)
        try:
            status = os.stat(os.path.join(folder, path))
        except OSError as error:
            reason = reason or f"cannot be opened ({error.strerror})"
        if reason is not None:
            rejected.append((printable(path), reason))
            continue
        kept.append(path)
        sizes.append(status.st_size)
        changed.append(status.st_ctime_ns)  # unlike st_mtime_ns, nobody can set it back
        identities.extend((status.st_dev, status.st_ino))
    again = _same_files(np.array(identities, dtype=np.uint64).reshape(-1, 2))
    if again:
        rejected += [(kept[row], f"is the same file as {kept[first]}") for row, first in again.items()]
        rows = [row for row in range(len(kept)) if row not in again]
        kept, sizes, changed = [kept[i] for i in rows], *(array("q", [a[i] for i in rows]) for a in (sizes, changed))
    return Listing(kept, sizes, changed, rejected, ignored)


def _same_files(identities):
    """Row -> the first row of the same (device, inode), (n, 2), for those that are not the first."""
    _, first, group = np.unique(identities, axis=0, return_index=True, return_inverse=True)
    first = first[group.reshape(-1)]
    known = identities[:, 1] > 0  # some network file systems give none
    return {int(row): int(first[row]) for row in np.flatnonzero((first < np.arange(len(first))) & known)}


def why_not_named(path: str) -> str | None:
    """The reason why a name cannot go into a manifest, or None."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    return "its name has a line break: rename it" if "\n" in path or "\r" in path else None
