"""Whether a face encoder, or a folder of faces, is still what a run began with: by content, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.layout import path_below
from speechbrain_cadino.encoder.folder import ABSENT, weights_digest
from speechbrain_cadino.faces.listing import list_tree
from speechbrain_cadino.faces.load import CHECKPOINT, METADATA
from speechbrain_cadino.faces.manifest import FaceManifest


def face_encoder_digest(folder: str | Path) -> str:
    """A digest of the weights and the settings of a face encoder's folder; what else lies in it doesn't matter.

    Example
    -------
    >>> face_encoder_digest("nowhere")
    'absent'
    """
    return weights_digest(folder, METADATA, CHECKPOINT)


def face_folder_digest(folder: str | Path) -> str:
    """A digest of the pictures below a folder: their names there, and what they hold, as of `FaceManifest.digest`.

    Example
    -------
    >>> face_folder_digest("nowhere")
    'absent'
    """
    if not Path(folder).is_dir():
        return ABSENT
    sets = list_tree(folder)
    names = [path_below(path, folder) for path in sets.paths.tolist()]
    return FaceManifest(names, sets.paths, np.arange(len(names)), sets.offsets, sets.names).digest()
