"""Embeddings of all faces of a corpus: in memory, or kept in a folder, as those of the voices are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from speechbrain_cadino.encoder.extract import check_finite, digest_of_net, tell_rejected
from speechbrain_cadino.encoder.shards import Shards
from speechbrain_cadino.faces.embed import embed_faces
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.progress import progress_bar


def extract_face_embeddings(
    net: FaceEncoderNet,
    manifest: FaceManifest,
    folder: str | Path | None = None,
    rank: int = 0,
    world_size: int = 1,
    n_frames: int = 5,
    shard_size: int = 2048,
    batch_size: int = 64,
    threads: int = 4,
    strict: bool = False,
    progress: bool = True,
    content: str | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Embed every item of a face manifest by the mean of some of its frames; items that share a face share the work.

    With a folder, it is as with `extract_embeddings`: finished shards survive a kill, and the result is found again
    unless the encoder, the items, what their pictures hold or ``n_frames`` have changed.

    Arguments
    ---------
    net : FaceEncoderNet
        On the device that is to compute; the same on every rank.
    manifest : FaceManifest
    folder, rank, world_size, shard_size, strict, progress :
        As for `extract_embeddings`.
    n_frames, batch_size, threads :
        As for `embed_faces`.
    content : str, optional
        With a folder: `FaceManifest.digest`, so that one rank looks it up for all.

    Returns
    -------
    embeddings : np.ndarray
        (n, embedding_dim) float32, in the order of the manifest.
    ids : list of str
        Their n IDs; an item of which no picture can be read is left out, with a warning.

    Raises
    ------
    UserError
        If no face could be used, or with ``strict`` one could not; or if the encoder gives embeddings that are not
        finite, which is told with ID and path.
    """
    if not len(manifest):
        raise UserError("There are no faces to embed: check the face manifest.")

    def embed(rows, report):
        sets, first, place = np.unique(manifest.sets[rows], return_index=True, return_inverse=True)
        faces, n_items = [partial(manifest.frames, row) for row in rows[first]], np.bincount(place)
        done = partial(_report, report, n_items)
        of_sets, failures = embed_faces(net, faces, n_frames, batch_size, threads, done)
        bad = np.isin(place, list(failures))
        ids = manifest.ids[rows]
        rejected = [(str(name), failures[int(number)]) for name, number in zip(ids[bad], place[bad])]
        return of_sets[place[~bad]], [str(name) for name in ids[~bad]], rejected

    rows = np.argsort(manifest.sets, kind="stable")  # those that share a face come together
    with progress_bar(None, "faces", len(manifest), "faces", shown=progress and rank == 0) as bar:
        if folder is None:
            embeddings, ids, rejected = embed(np.arange(len(manifest)), bar.update)
        else:
            content = manifest.digest() if content is None else content
            settings = getattr(net.embedding_model, "settings", type(net.embedding_model).__name__)
            key = digest_of_net(net, f"{settings} {net.size} {n_frames} {content}")
            embeddings, ids, rejected = Shards(folder, key, manifest.ids, rows, shard_size).compute(
                embed, rank, world_size, bar
            )
    tell_rejected(rejected, len(manifest), "faces", strict or not ids)
    check_finite(embeddings, ids, manifest.ids, manifest.paths, "faces")
    return embeddings, ids


def _report(report, n_items, numbers):
    report(int(n_items[numbers].sum()))
