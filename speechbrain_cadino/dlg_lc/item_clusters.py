"""Pseudo-labels of items: each modality embedded by its own encoder, all clustered together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.joint import Join
from speechbrain_cadino.clusters.table import LabelTable
from speechbrain_cadino.corpus.keys import id_keys, places_of
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.side import FIRST, prefix_of
from speechbrain_cadino.dlg_lc.voice import Voice


class Source(NamedTuple):
    """What embeds a modality: its `Modality`, the folder of its encoder or None, and a compensation or None."""

    modality: Any
    encoder: str | Path | None
    compensation: Callable | None


def cluster_items(
    sources: Mapping[str, Source],
    items: Items,
    clustering: Clustering,
    folder: str | Path,
    device: torch.device | str | None,
    join: Join | None = None,
) -> LabelTable:
    """Embed what there are sources for, and cluster the items by that; every rank must call it.

    Whether memory will do is told before embedding.

    Arguments
    ---------
    sources : mapping of str to Source
        By modality.
    items : Items
    clustering : Clustering
    folder : str or Path
        Where the embeddings are kept, so that they are found again after a kill: in ``embeddings``, those of a further
        modality in ``face_embeddings``.
    device : torch.device, str or None
    join : Join, optional
        How modalities are clustered together, if there are several.

    Returns
    -------
    LabelTable
        Items that cannot be embedded are left out.
    """
    clustering.check_memory(len(items))
    parts = {}
    for name, (modality, encoder, compensation) in sources.items():
        own, kept_in = items.parts[name], Path(folder) / f"{prefix_of(name)}embeddings"
        embeddings, ids = modality.embed(encoder, own, kept_in, device, compensation)
        rows = np.append(places_of(id_keys(own.ids), id_keys(ids)), -1)  # of the manifest's rows; the last: of none
        parts[name] = rows[items.pairing.rows[name]], embeddings
    join = join if join is not None and len(parts) > 1 else Join()
    clusters = join(parts, clustering, device=device, sessions=items.sessions, units=items.units)
    return LabelTable(items.ids[clusters.items], clusters.labels, clusters.distances)


def labels_made_from(
    sources: Mapping[str, Source], items: Items, clustering: Clustering, join: Join | None = None
) -> dict[str, str]:
    """What decides the labels of `cluster_items`, name to text; for the main rank alone.

    Arguments
    ---------
    sources, items, clustering, join :
        As of `cluster_items`.

    Returns
    -------
    dict of str to str
    """
    found, compensations = {}, {}
    for name, (modality, encoder, compensation) in sources.items():
        if modality.is_given:
            found[f"{prefix_of(name)}embeddings"] = modality.digest(items.parts[name])
        else:
            found[f"{prefix_of(name)}encoder"] = modality.encoder_digest(encoder)
            compensations[f"{prefix_of(name)}compensation"] = str(compensation)
    found |= {"clustering": str(clustering)} | compensations
    return found | ({"join": str(join or Join())} if len(sources) > 1 else {})


def cluster_labels(
    encoder_folder: str | Path,
    manifest: Manifest,
    clustering: Clustering,
    folder: str | Path,
    device: torch.device | str | None,
    compensation: Callable | None = None,
) -> LabelTable:
    """`cluster_items` of voices alone, by the encoder of a folder.

    Arguments
    ---------
    encoder_folder : str or Path
    manifest : Manifest
        The training utterances.
    clustering, folder, device :
        As of `cluster_items`.
    compensation : callable, optional
        As of `cluster_utterances`.

    Returns
    -------
    LabelTable
    """
    sources = {FIRST: Source(Voice(), encoder_folder, compensation)}
    return cluster_items(sources, Items({FIRST: manifest}), clustering, folder, device)
