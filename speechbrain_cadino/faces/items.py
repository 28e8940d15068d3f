"""Which items of a corpus have a face, and which face: by a column of the manifest, or by the names below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.layout import STRING, groups_from_paths, path_below
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.faces.checking import Checked
from speechbrain_cadino.faces.listing import PictureSets, in_order, list_sets, list_tree
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.matching import face_keys, match_faces
from speechbrain_cadino.utils.errors import UserError

ALONE = "face:"  # before the path of a face without a voice, as its ID


class Found(NamedTuple):
    """The faces of a corpus, not looked at yet.

    Arguments
    ---------
    paths : np.ndarray of str, (n,)
        Of each utterance, a picture or a folder; '' where there is none.
    alone : np.ndarray of str
        Faces of no utterance.
    n_ignored : int
        So many others there are, which are not wanted.
    sets : PictureSets
        Of all these paths, each once.
    """

    paths: np.ndarray
    alone: np.ndarray
    n_ignored: int
    sets: PictureSets


def find_faces(
    manifest: Manifest,
    face_folder: str | Path | None,
    face_pattern: str,
    data_folder: str | Path | None = None,
    faces_alone: bool = True,
) -> Found:
    """Which faces there are, and whose; the arguments are those of `prepare_faces`."""
    if face_folder is not None:
        check_face_folder(face_folder)
    if manifest.faces is not None:
        start = face_folder or data_folder or ""
        paths = _one_spelling([path and os.path.join(start, path) for path in manifest.faces.tolist()])
        return Found(_texts(paths), _texts([]), 0, list_sets(sorted({*paths} - {""})))
    if face_folder is None:
        raise UserError("There are no faces: give face_folder, or a train_csv with a column face.")
    sets = list_tree(face_folder)
    matched = match_faces(face_keys(manifest.wavs.tolist(), face_pattern, data_folder), sets, face_folder)
    alone = matched.others if faces_alone else matched.others[:0]
    wanted = sorted({*matched.paths.tolist(), *alone.tolist()} - {""})
    place = {path: number for number, path in enumerate(sets.paths.tolist())}
    if any(path not in place for path in wanted):  # pictures by themselves
        sets = list_sets(wanted)._replace(rejected=sets.rejected)
    else:
        sets = in_order(sets, np.array([place[path] for path in wanted], dtype=np.int64))
    return Found(matched.paths, alone, len(matched.others) - len(alone), sets)


def check_face_folder(face_folder: str | Path, setting: str = "face_folder") -> None:
    """Raise a `UserError`, which names the setting, if there is no such folder."""
    if not os.path.isdir(face_folder):
        what = "is a file" if os.path.exists(face_folder) else "does not exist"
        raise UserError(f"The face folder {face_folder} {what}: give {setting} the folder that holds the faces.")


def items_of(
    manifest: Manifest,
    found: Found,
    checked: Checked,
    face_folder: str | Path | None = None,
    speaker_pattern: str | None = None,
    session_pattern: str | None = None,
) -> tuple[FaceManifest, list[tuple[str, str]]]:
    """What has a picture that can be used: the manifest's utterances, then the faces alone; and all that is set aside.

    Speakers and sessions are those of the utterances; a face alone has them by the patterns.
    """
    place = {path: number for number, path in enumerate(checked.sets.paths.tolist())}
    has = np.append(np.diff(checked.sets.offsets) > 0, False)  # the last for -1
    paths = np.concatenate([found.paths, found.alone])
    sets = np.array([place.get(path, -1) for path in paths.tolist()], dtype=np.int64)
    rows = np.flatnonzero(has[sets])
    told = {path for path, _ in checked.rejected}
    empty = sorted({*paths[(sets >= 0) & ~has[sets]].tolist()} - told)
    rejected = checked.rejected + [(path, "has no picture that can be used") for path in empty]
    alone = found.alone.tolist()
    below = [path_below(path, face_folder) for path in alone]
    ids = np.concatenate([manifest.ids, _texts([f"{ALONE}{path}" for path in below])])
    groups = []
    for column, pattern, name in (
        (manifest.spk_ids, speaker_pattern, "speaker_pattern"),
        (manifest.sessions, session_pattern, "session_pattern"),
    ):
        of_voices = np.full(len(manifest), "", dtype=STRING) if column is None else column
        whole = np.concatenate([of_voices, _groups_alone(alone, below, pattern, name)])[rows]
        groups.append(whole if (whole != "").any() else None)
    return FaceManifest(ids[rows], paths[rows], sets[rows], checked.sets.offsets, checked.sets.names, *groups), rejected


def _groups_alone(alone, below, pattern, name):
    """What a pattern finds in the paths of faces alone, as if a frame of a folder were asked for; '' for nothing."""
    groups = None
    if below and pattern is not None:
        texts = [seen if os.path.isfile(path) else f"{seen}/frame" for path, seen in zip(alone, below)]
        groups = groups_from_paths(texts, pattern, "", name)
    return np.full(len(below), "", dtype=STRING) if groups is None else groups


def _one_spelling(paths):
    """Paths with one spelling of each place, the first: ``a/b/``, ``a//b`` and a link to it are one set of pictures."""
    first, found = {}, {"": ""}
    for path in paths:
        if path not in found:
            found[path] = first.setdefault(_real(path), path)
    return [found[path] for path in paths]


def _real(path):
    try:
        return os.path.realpath(path)
    except ValueError:  # of a zero byte, which is told when it is opened
        return path


def _texts(texts):
    return np.array(texts, dtype=STRING)
