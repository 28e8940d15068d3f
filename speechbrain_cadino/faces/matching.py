"""Whose face is it: utterances and pictures below a folder, matched by names; and which faces are held out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.layout import STRING, compiled_pattern
from speechbrain_cadino.corpus.names import folded, name_key
from speechbrain_cadino.corpus.spellings import on_disk, spellings
from speechbrain_cadino.corpus.trials import read_trials
from speechbrain_cadino.faces.images import is_image_name
from speechbrain_cadino.faces.listing import PictureSets
from speechbrain_cadino.utils.errors import UserError

SETTING = "face_pattern"


class Matched(NamedTuple):
    """What `match_faces` finds.

    Arguments
    ---------
    paths : np.ndarray of str, (n,)
        The face of each utterance, a folder or a picture; '' where it has none.
    others : np.ndarray of str, (o,)
        Faces of no utterance.
    """

    paths: np.ndarray
    others: np.ndarray


def face_keys(wavs: Sequence[str], pattern: str, data_folder: str | Path | None = None) -> list[str | None]:
    """What the first group of a regular expression finds in each path below ``data_folder``; None where nothing."""
    pattern = compiled_pattern(pattern, SETTING)
    root = "" if data_folder is None else str(data_folder).rstrip("/") + "/"
    found = (pattern.search(str(wav).removeprefix(root)) for wav in wavs)
    return [match and (match[1] or None) for match in found]


def match_faces(keys: Sequence[str | None], sets: PictureSets, folder: str | Path) -> Matched:
    """Find the face of each key: the folder, or else the picture, whose path below ``folder`` is the key or ends in it.

    Arguments
    ---------
    keys : sequence of str or None, (n,)
        Such as ``id00012/21Uxsk56VDQ``, of `face_keys`; a picture's has no suffix. A picture whose key is a name alone
        lies in ``folder`` itself.
    sets : PictureSets
        What lies below ``folder``, of `list_tree`.
    folder : str or Path

    Raises
    ------
    UserError
        If several folders are as good.
    """
    root = str(folder).rstrip("/") or "/"
    index = _Index(sets, root)
    known = {None: ""}
    for key in keys:
        if key not in known:
            known[key] = index.find(key)
    paths = np.array([known[key] for key in keys], dtype=STRING)
    return Matched(paths, np.array(list(index.unused()), dtype=STRING))


def held_out_faces(
    paths: Sequence[str], pattern: str, trials: Sequence[str | Path], folder: str | Path | None = None
) -> np.ndarray:
    """Which faces are of the utterances that trial lists name, by the folder that ``pattern`` finds in their names.

    Names in which folders are joined (``id-video-00001.wav``) are taken apart, and links are seen through.

    Arguments
    ---------
    paths : sequence of str, (n,)
    pattern : str
        As for `face_keys`.
    trials : sequence of str or Path
    folder : str, Path or None
        The folder of faces.

    Returns
    -------
    np.ndarray of bool, (n,)
        Those whose path ends in the folder, or in the name itself, whatever its suffix and the case of its letters; and
        what lies in such a folder: pictures, and below ``folder`` also folders, such as ``id/video/frames``.
    """
    pattern, ends = compiled_pattern(pattern, SETTING), set()
    for path in trials:
        for name in read_trials(path, labelled=False).utterances:
            for form in [one for plain in spellings(name) for one in (plain, *on_disk(plain))]:
                match = pattern.search(form)
                ends.update([name_key(form)] + ([folded(os.path.normpath(match[1]))] if match and match[1] else []))
    lengths = sorted({end.count("/") + 1 for end in ends})
    top = None if folder is None else folded(os.path.abspath(folder)).count("/") + 1

    def is_named(parts, end, least=1):
        return any("/".join(parts[max(0, end - n) : end]) in ends for n in lengths if n >= least)

    def is_out(path):
        given = os.path.abspath(path)
        for place in dict.fromkeys((given, os.path.realpath(path))):
            is_picture = is_image_name(place)
            parts = folded(os.path.splitext(place)[0] if is_picture else place).split("/")
            if any(is_named(parts, len(parts) - up) for up in range(1 + is_picture)):
                return True
            # One part alone, such as a name without a folder, may be what any folder is called.
            above = range(top + 1, len(parts)) if place == given and top is not None else ()
            if any(is_named(parts, end, least=2) for end in above):
                return True
        return False

    return np.fromiter(map(is_out, paths), dtype=bool, count=len(paths))


class _Index:
    """Faces below a folder by their relative paths and what these end in."""

    def __init__(self, sets, root):
        self.sets, self.root = sets, root
        below = [path[len(root) :].lstrip("/") for path in sets.paths.tolist()]
        self.exact = {path: number for number, path in enumerate(below)}
        self.below, self.endings, self.used, self.singles = below, {}, set(), {}

    def find(self, key):
        """The path of a key's face, or ''."""
        number = self._folder(key)
        if number is not None:
            self.used.add(number)
            return self.sets.paths[number]
        parent, _, stem = key.rpartition("/")
        number = self._folder(parent)
        if number is None:
            return ""
        if number not in self.singles:
            self.singles[number] = {os.path.splitext(path)[0]: [path, False] for path in self.sets.pictures(number)}
        found = self.singles[number].get(os.path.join(self.sets.paths[number], stem))
        if found is None:
            return ""
        found[1] = True
        return found[0]

    def _folder(self, key):
        if key in self.exact:
            return self.exact[key]
        depth = key.count("/")
        if depth not in self.endings:
            self.endings[depth] = self._by_ending(depth)
        found = self.endings[depth].get(key, [])
        if len(found) > 1:
            first, second = (self.below[number] for number in found[:2])
            raise UserError(
                f"The face of {key} may be {first} or {second} below {self.root}: give the folder in which {key} lies, "
                "or a face_pattern that finds more of the path."
            )
        return found[0] if found else None

    def _by_ending(self, depth):
        endings = {}
        for number, path in enumerate(self.below):
            parts = path.split("/")
            if len(parts) > depth + 1:
                endings.setdefault("/".join(parts[-depth - 1 :]), []).append(number)
        return endings

    def unused(self):
        """Folders of no key; of those whose single pictures are faces, the other pictures."""
        taken = {number for number, pictures in self.singles.items() if any(used for _, used in pictures.values())}
        for number, path in enumerate(self.sets.paths.tolist()):
            if number in taken:
                yield from (path for path, used in self.singles[number].values() if not used)
            elif number not in self.used:
                yield path
