"""Other ways to write the name of a file: quoted, for another system, as a URL, or with its folders joined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from speechbrain_cadino.corpus.suffixes import KNOWN, suffix_of

QUOTES = "\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb<>()[]{},;"
# file:// and its host, what stands for a folder, and the letter of a drive
_URL = re.compile(r"^file:(//[^/]*)?(?=/)", re.IGNORECASE)
_ROOT = re.compile(r"^(\$\w+|\$?\{\w+\}|%\w+%|~)(?=/)")
_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")
# A piece of a file: as our own IDs have it, as SpeechBrain's, as ranges [0:3] and :0-3; and what a URL asks for.
_PIECE = re.compile(r"(#\d+|_\d+\.\d+_\d+\.\d+|((?<=\.\w{3})|(?<=\.\w{4}))[:[]\d[\d.]*[-:,][\d.]+|\?[^/]*)$")
_FEATURES = re.compile(r"\.(npy|npz|pt|pth|pkl|h5|hdf5|feats?|gz|bz2|xz|zip)$", re.IGNORECASE)  # made of a file
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff]")  # marks that copying from a page leaves
_SLASHES = re.compile("[\u2044\u2215\uff0f]")  # that are none
_PERCENT = re.compile(r"%(2[0-9a-f]|5[bdf]|[c-f][0-9a-f]%)", re.IGNORECASE)
_JOINTS = re.compile(r"[-_:|+~./]+")
# The suffixes that are tried where a name has none.
LIKELY = (".wav", ".flac", ".ogg", ".opus", ".mp3")
FEWEST, MOST = 2, 6  # folders and name that are joined in one


def spellings(name: str) -> list[str]:
    r"""A name as it stands, and, if that is another one, what it says without quotes, backslashes, roots and the like.

    Example
    -------
    >>> spellings("a/b.wav"), spellings(r"'C:\data\a\b.wav'")[1], spellings("file:///data/a%20b.wav#2")[1]
    (['a/b.wav'], '/data/a/b.wav', '/data/a b.wav')
    """
    plain = _SLASHES.sub("/", _UNSEEN.sub("", name)).strip(QUOTES)
    if "\\" in plain:
        plain = re.sub(r"\\+", "/", plain)
    if _URL.match(plain) or _PERCENT.search(plain):
        plain = unquote(_URL.sub("", plain))
    for pattern in (_ROOT, _DRIVE, _PIECE, _FEATURES):
        plain = pattern.sub("", plain)
    return [name] if plain in ("", name) else [name, plain]


def on_disk(name: str) -> list[str]:
    """What a name without a suffix, or one of joined folders, may be called on a disk.

    Example
    -------
    >>> on_disk("a-b-c-d.wav"), on_disk("a/b")[:2], on_disk("a/b.wav")
    (['a/b-c/d.wav', 'a/b/c/d.wav'], ['a/b.wav', 'a/b.flac'], [])
    """
    suffix = suffix_of(name) if suffix_of(name) in KNOWN else ""
    stem = name[: len(name) - len(suffix)]
    stems = [] if suffix else [stem]
    for joint in ("--", "-", "_") if "/" not in name else ():
        first, *middle, last = stem.split(joint) if joint in stem else ("", "")
        if first and middle:
            stems += [f"{first}/{joint.join(middle)}/{last}", "/".join([first, *middle, last])]
        elif first:
            stems.append(f"{first}/{last}")
    return [f"{stem}{end}" for stem in dict.fromkeys(stems) for end in ([suffix] if suffix else LIKELY)]


def joined(key: str) -> str | None:
    """One form for all ways to join folders in a name; None if a key has folders, or nothing is joined in it.

    Example
    -------
    >>> joined("id1-abc_d-0001"), joined("id1--abc_d--0001"), joined("id1/1"), joined("1")
    ('id1-abc-d-0001', 'id1-abc-d-0001', None, None)
    """
    return None if "/" in key or not _JOINTS.search(key) else flat(key)


def flat(key: str) -> str:
    """A key with all that may join folders alike."""
    return _JOINTS.sub("-", key).strip("-")


def tails(key: str, fewest: int = FEWEST) -> Iterator[str]:
    """The endings of a key that may stand joined in a name: ``fewest`` folders and name, up to `MOST`.

    Example
    -------
    >>> list(tails("data/a/b/c"))
    ['data/a/b/c', 'a/b/c', 'b/c']
    """
    parts = key.split("/")[-MOST:]
    return ("/".join(parts[i:]) for i in range(len(parts) - fewest + 1))
