"""Names of files that mean the same: keys without type and letter case, and the identity of what they lead to."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from speechbrain_cadino.corpus.suffixes import without_suffix


def name_key(path: str) -> str:
    """A path without suffix, in one letter case and one Unicode form, without the dots that it begins with."""
    key = folded(without_suffix(os.path.normpath(path)))
    while key.startswith("../"):
        key = key[3:]
    return key


def folded(path: str) -> str:
    """A path below the root in one letter case and one Unicode form."""
    return unicodedata.normalize("NFC", path.lstrip("/")).casefold()


def endings(key: str) -> Iterator[str]:
    """a/b/c -> a/b/c, b/c: what has a folder."""
    parts = key.split("/")
    return ("/".join(parts[i:]) for i in range(len(parts) - 1))


def resolved(wav: str) -> str | None:
    """The key of a path with its links resolved, None if there are none."""
    wav = os.path.abspath(wav)
    parent, name = os.path.split(wav)
    real = os.path.realpath(wav) if os.path.islink(wav) else os.path.join(_real_folder(parent), name)
    return None if real == wav else name_key(real)


def identity(path: str) -> tuple[int, int] | None:
    """(device, inode) of a file, or None."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def identities(name: str, folders: Iterable[str]) -> dict[tuple[int, int], str]:
    """The files that a name may mean: identity to path."""
    paths = [os.path.join(folder, name) for folder in folders]
    return {file: path for path in paths if (file := identity(path)) is not None}


def folders_above(folder: str) -> Iterator[str]:
    """All folders above one, by its own path and by the resolved one."""
    for start in dict.fromkeys((folder, os.path.realpath(folder))):
        yield start
        while os.path.dirname(start) != start:
            start = os.path.dirname(start)
            yield start


@lru_cache(maxsize=65536)
def _real_folder(folder):
    return os.path.realpath(folder)
