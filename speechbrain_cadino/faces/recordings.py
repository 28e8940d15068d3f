"""The faces of recordings that are only named, such as those of trial lists."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.layout import SESSION_PATTERN
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.prepare import prepare_faces
from speechbrain_cadino.faces.table import read_face_manifest


def faces_of_recordings(
    names: Sequence[str],
    data_folder: str | Path,
    face_folder: str | Path,
    save_folder: str | Path,
    face_pattern: str = SESSION_PATTERN,
    needed: bool = True,
) -> FaceManifest:
    """Find faces by the names of recordings, whose audio is not read and may be absent.

    Arguments
    ---------
    names : sequence of str
        Below ``data_folder``, such as ``id00012/21Uxsk56VDQ/00001.wav``.
    data_folder, face_folder, save_folder, face_pattern, needed :
        As of `prepare_faces`.

    Returns
    -------
    FaceManifest
        Its IDs are the names.
    """
    zeros = np.zeros(len(names), dtype=np.int64)  # no audio is read
    recordings = Manifest(names, [os.path.join(data_folder, name) for name in names], zeros, zeros + 1)
    csv = prepare_faces(
        save_folder, recordings, face_folder, face_pattern, data_folder, faces_alone=False, needed=needed
    )
    return read_face_manifest(csv, data_folder, face_folder)
