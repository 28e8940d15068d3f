"""A PLDA for an encoder, from its training utterances and their pseudo-labels."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_cadino.clusters.choice import directions_of
from speechbrain_cadino.clusters.pairs import clusters_by_silhouette
from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.corpus.manifest import Manifest, some_utterances
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.plda import PLDA
from speechbrain_cadino.verification.plda_fit import fit_plda

logger = logging.getLogger(__name__)

MAX_CLUSTERED = 50_000  # utterances that clusters are made of, where there is no label table


def plda_of_utterances(
    net: SpeakerEncoderNet,
    manifest: Manifest,
    labels: str | Path | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    **extraction: Any,
) -> PLDA:
    """Embed utterances, clean and whole, and fit a PLDA on their labels.

    Arguments
    ---------
    net : SpeakerEncoderNet
        That the trials will be embedded with.
    manifest : Manifest
        Training utterances; none of the trials'.
    labels : str or Path, optional
        A label table, as stage II leaves it in ``iteration_N/labels.csv``; utterances that it lacks are left out, with
        a warning. None: the clusters of these embeddings, as many as their silhouette says, of at most 50,000
        utterances.
    folder : str or Path, optional
        Where the embeddings are kept.
    seed : int
    **extraction
        Passed to `extract_embeddings`, such as ``batch_seconds``.

    Returns
    -------
    PLDA

    Raises
    ------
    UserError
        If the table cannot be read or is of other utterances, or the labels are too few; see `fit_plda`.
    """
    if labels is None:
        manifest = some_utterances(manifest, MAX_CLUSTERED, seed)
    else:
        known = read_label_table(labels).for_manifest(manifest.ids)[0]
        manifest, known = manifest.subset(known >= 0), known[known >= 0]
    embeddings, ids = extract_embeddings(net, manifest, folder, **extraction)
    if labels is None:
        found = _clusters(embeddings, seed)
    else:
        found = known[np.isin(manifest.ids, np.array(ids, dtype=manifest.ids.dtype))]
    plda = fit_plda(embeddings, found, seed=seed)
    logger.info("PLDA is fitted on %d utterances of %d labels.", len(found), len(np.unique(found)))
    return plda


def _clusters(embeddings, seed):
    try:
        return clusters_by_silhouette(directions_of(embeddings - embeddings.mean(axis=0, dtype=np.float64)), seed)
    except UserError as error:
        raise UserError(
            f"PLDA has no labels to learn from. {error} Give a label table of theirs (--plda_labels), more utterances, "
            "or score without --plda."
        ) from error
