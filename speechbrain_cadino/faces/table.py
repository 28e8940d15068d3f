"""A face manifest on disk: a CSV with a row an item, and the names of all frames, one a line, beside it."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.columns import DATA_ROOT, absolute
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.manifest import below_root
from speechbrain_cadino.faces.listing import AT_ONCE, Names
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, write_csv
from speechbrain_cadino.utils.text import open_table

FACE_ROOT = "$face_root"
COLUMNS = ("ID", "face", "n_frames", "spk_id", "session")
FRAMES = ".frames.txt"  # instead of .csv: the frames' names of each face, one a line


def write_face_manifest(
    manifest: FaceManifest,
    csv_path: str | Path,
    data_root: str | Path | None = None,
    face_root: str | Path | None = None,
) -> None:
    """Write a face manifest: a CSV with a row an item, and beside it the frames' names, one a line.

    Arguments
    ---------
    manifest : FaceManifest
    csv_path : str or Path
        The frames go into the same name with ``.frames.txt`` in place of ``.csv``.
    data_root, face_root : str, Path or None
        Paths below these are written as ``$data_root/...`` and ``$face_root/...``.
    """
    rows, blank = manifest.one_of_each_set(), np.full(len(manifest), "", dtype=STRING)
    with atomic_path(_frames_path(csv_path)) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for number in manifest.sets[rows].tolist():
            names = manifest.names[manifest.offsets[number] : manifest.offsets[number + 1]].tolist()
            file.write("".join(f"{name}\n" for name in names))
    paths = below_root(below_root(manifest.paths, face_root, FACE_ROOT), data_root)
    paths = below_root(paths, absolute(data_root))  # as a column of faces has it
    texts = (blank if column is None else column for column in (manifest.spk_ids, manifest.sessions))
    columns = zip(manifest.ids, paths, manifest.n_frames.tolist(), *texts)
    write_csv(csv_path, COLUMNS, columns, quote_all=np.strings.startswith(manifest.ids, " ").any())


def read_face_manifest(
    csv_path: str | Path, data_root: str | Path | None = None, face_root: str | Path | None = None
) -> FaceManifest:
    """Read what `write_face_manifest` wrote; no picture is looked at.

    Arguments
    ---------
    csv_path : str or Path
    data_root, face_root : str, Path or None
        What ``$data_root`` and ``$face_root`` stand for.

    Raises
    ------
    UserError
        If a file is absent, or the two do not belong together.
    """
    columns, counts = [Names() for _ in range(4)], []
    with open_table(csv_path, "face manifest", "prepare the faces again") as file:
        reader = csv.reader(file, skipinitialspace=True)
        if tuple(next(reader, ())) != COLUMNS:
            raise UserError(f"{csv_path} is no face manifest: its first line must be {','.join(COLUMNS)}.")
        while rows := list(islice(reader, AT_ONCE)):
            for column, texts in zip(columns, list(zip(*rows))[:2] + list(zip(*rows))[3:]):
                column.extend(texts)
            counts.append(np.array([row[2] for row in rows], dtype=np.int64))
    ids, paths, spk_ids, sessions = (column.column() for column in columns)
    for sign, root in ((DATA_ROOT, data_root), (FACE_ROOT, face_root)):
        paths = _rooted(paths, sign, root, csv_path)
    names = _read_names(_frames_path(csv_path))
    _, first, sets = np.unique(paths, return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)  # as the frames are listed
    n_frames = np.concatenate([np.array([], dtype=np.int64), *counts])[first[by_appearance]]
    offsets = np.concatenate([[0], np.cumsum(n_frames)])
    if offsets[-1] != len(names):
        raise UserError(f"{csv_path} and {_frames_path(csv_path)} do not belong together: prepare the faces again.")
    known = [column if (column != "").any() else None for column in (spk_ids, sessions)]
    return FaceManifest(ids, paths, np.argsort(by_appearance)[sets], offsets, names, *known)


def _read_names(path):
    names = Names()
    with open_table(path, "list of frames", "prepare the faces again") as file:
        while lines := list(islice(file, AT_ONCE)):
            names.extend(line.removesuffix("\n") for line in lines)
    return names.column()


def _frames_path(csv_path):
    return Path(csv_path).with_suffix(FRAMES)


def _rooted(paths, sign, root, csv_path):
    """Paths with a folder in place of its sign."""
    found = np.strings.startswith(paths, sign)
    if not found.any():
        return paths
    if root is None:
        raise UserError(f"{csv_path} names its faces by {sign}: give the setting {sign[1:]}.")
    return np.where(found, np.strings.replace(paths, sign, f"{root}".rstrip("/"), 1), paths)
