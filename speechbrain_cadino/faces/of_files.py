"""Pictures of a folder, a list, or files -> one file of embeddings, as for the voices."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from speechbrain_cadino.corpus.listing import read_file_list
from speechbrain_cadino.corpus.suffixes import PICTURE_SUFFIXES, suffix_of
from speechbrain_cadino.encoder.extract import tell_rejected
from speechbrain_cadino.encoder.of_files import Embedded, check_out, write_embedded
from speechbrain_cadino.faces.extract import extract_face_embeddings
from speechbrain_cadino.faces.listing import list_tree
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError


def embed_face_files(
    net: FaceEncoderNet,
    source: str | Path | Sequence[str | Path],
    out: str | Path,
    data_folder: str | Path | None = None,
    strict: bool = False,
) -> Embedded:
    """Embed each picture of a folder with all its sub-folders, or what a list names: pictures, or folders of frames.

    Arguments
    ---------
    net : FaceEncoderNet
    source, out, data_folder, strict :
        As of `embed_files`.

    Returns
    -------
    Embedded

    Raises
    ------
    UserError
        As `embed_files`.
    """
    check_out(out, source)
    ids, paths, rejected = _pictures(source, data_folder)
    absent = [(name, "does not exist") for name, path in zip(ids, paths) if not os.path.exists(path)]
    gone = {name for name, _ in absent}
    rejected, kept = rejected + absent, [row for row, name in enumerate(ids) if name not in gone]
    n_all = len(ids) + len(rejected) - len(absent)
    told = [(path, f"{path} {reason}") for path, reason in rejected]
    tell_rejected(told if strict or not kept else [], n_all, "pictures", True)
    faces = FaceManifest.of([ids[row] for row in kept], [paths[row] for row in kept])
    return write_embedded(out, lambda folder: extract_face_embeddings(net, faces, folder, strict=strict), rejected)


def _pictures(source, data_folder):
    """IDs and paths of what is to be embedded, and what is set aside: (path, reason)."""
    sources = [str(source)] if isinstance(source, (str, Path)) else [str(one) for one in source]
    if len(sources) == 1 and os.path.isfile(sources[0]) and suffix_of(sources[0]) not in PICTURE_SUFFIXES:
        names = read_file_list(sources[0], data_folder)
        return names, [os.path.join(data_folder or "", name) for name in names], []
    ids, paths, rejected = {}, [], []
    for one in sources:
        folder = os.path.isdir(one)
        sets = list_tree(one) if folder else None
        found = sorted(path for number in range(len(sets.paths)) for path in sets.pictures(number)) if folder else [one]
        rejected += sets.rejected if folder else []
        if folder and not found:
            raise UserError(f"No picture (.jpg, .png and the like) is in {one}: give the folder that has them.")
        for path in found:
            name = os.path.relpath(path, one) if folder and len(sources) == 1 else path
            if name not in ids:
                ids[name] = None
                paths.append(path)
    return list(ids), paths, rejected
