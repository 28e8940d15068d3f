"""From an encoder to the clusters of the training utterances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.table import LabelTable
from speechbrain_cadino.corpus.fingerprints import manifest_contents
from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.distributed import rank, world_size
from speechbrain_cadino.utils.on_main import on_main


def cluster_utterances(
    net: SpeakerEncoderNet,
    manifest: Manifest,
    clustering: Clustering,
    folder: str | Path,
    n_clusters: int | None = None,
    device: torch.device | str | None = None,
    compensation: Callable | None = None,
) -> LabelTable:
    """Embed the training utterances, clean and whole, center them as in verification, and cluster them.

    Every rank must call it.

    Arguments
    ---------
    net : SpeakerEncoderNet
        The same on every rank.
    manifest : Manifest
    clustering : Clustering
    folder : str or Path
        Where the embeddings are kept, so that they are found again after a kill.
    n_clusters, device :
        As of `Clustering`.
    compensation : callable, optional
        (net, manifest) -> the encoder to embed with in place of ``net``: a `Compensation`.

    Returns
    -------
    LabelTable
        Utterances that cannot be embedded are left out.
    """
    embeddings, ids = embed_corpus(net, manifest, folder, compensation)
    labels, distances = clustering(embeddings - embeddings.mean(axis=0), n_clusters, device=device)
    return LabelTable(ids, labels, distances)


def embed_corpus(
    net: SpeakerEncoderNet, manifest: Manifest, folder: str | Path, compensation: Callable | None = None
) -> tuple[np.ndarray, list[str]]:
    """Embed the training utterances as `cluster_utterances` does; every rank must call it.

    Arguments
    ---------
    net, manifest, folder, compensation :
        As of `cluster_utterances`.

    Returns
    -------
    embeddings, ids :
        As of `extract_embeddings`.
    """
    content = on_main(_content, manifest)
    if compensation is not None:
        net = compensation(net, manifest)
    return extract_embeddings(net, manifest, folder, rank(), world_size(), content=content)


def _content(manifest):
    """What the files hold, in one digest: the preparation has seen to it in this start, wherever it knows contents."""
    return digest_of(manifest_contents(manifest)[0].tolist())
