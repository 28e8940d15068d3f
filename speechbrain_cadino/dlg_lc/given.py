"""Embeddings from elsewhere in a run that trains an encoder of its own: its first clusters, and what it learns from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.utils.distributed import infer_device

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.distillation import Distillation, active_distillation
from speechbrain_cadino.dlg_lc.item_clusters import Source
from speechbrain_cadino.dlg_lc.side import FIRST
from speechbrain_cadino.dlg_lc.voice import Voice
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.encoder.table_files import read_any
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)

KEPT = "init_embeddings"  # the folder in which a run keeps those of the encoder that it begins with


class GivenClusters:
    """Given embeddings of the voices, in place of those of ``init``: what of a `Modality` the first clustering asks.

    Arguments
    ---------
    table : EmbeddingTable
    path : str or Path
        Where they are from, for messages.
    """

    is_given = True

    def __init__(self, table: EmbeddingTable, path: str | Path) -> None:
        self.table, self.path = table, path

    def digest(self, manifest: Manifest) -> str:
        """Of the IDs and numbers of the utterances."""
        return self._of(manifest).digest()

    def embed(
        self, source: None, manifest: Manifest, folder: Path | None = None, device: Any = None, compensation: Any = None
    ) -> tuple[np.ndarray, list]:
        """Those of the utterances, (n, dim) float32, and their IDs; how many have none is told."""
        part = self._of(manifest)
        missing = len(manifest.ids) - len(part)
        if missing and is_main():
            logger.warning(
                "%d of %d utterances have no embedding in %s: they get no label in the first iteration.",
                missing, len(manifest.ids), self.path,
            )  # fmt: skip
        return np.asarray(part.embeddings, dtype=np.float32), part.ids.tolist()

    def _of(self, manifest):
        rows = self.table.rows_of(manifest.ids, self.path)
        there = rows >= 0
        return EmbeddingTable(manifest.ids[there], self.table.array, rows=self.table.rows[rows[there]])


def first_sources(sources: Mapping[str, Source], settings: Mapping[str, Any]) -> dict[str, Source]:
    """What the modalities are first clustered by: given ``embeddings`` in place of the encoder of the voices.

    Arguments
    ---------
    sources : mapping of str to Source
    settings : mapping
        The YAML's top level: ``embeddings`` and ``embedding_ids``.

    Returns
    -------
    dict of str to Source
    """
    path = settings.get("embeddings")
    if path is None:
        return dict(sources)
    table = read_any(path, settings.get("embedding_ids"))
    if is_main():
        logger.info("The first clusters are of the %d embeddings in %s, as they are.", len(table), path)
    return {FIRST: Source(GivenClusters(table, path), None, None)} | {k: v for k, v in sources.items() if k != FIRST}


def teacher_embeddings(
    distillation: Distillation, init: str | None, voices: Manifest, output: Path, device: torch.device | str | None
) -> tuple[EmbeddingTable, str]:
    """The embeddings that a `Distillation` stays near, and where they are from; every rank must call it.

    Arguments
    ---------
    distillation : Distillation
    init : str or None
        The encoder folder that the run begins with.
    voices : Manifest
        The training utterances.
    output : Path
        The run's folder, where those of ``init`` are kept.
    device : torch.device, str or None

    Raises
    ------
    UserError
        If there are none.
    """
    if distillation.embeddings is not None:
        return read_any(distillation.embeddings, distillation.ids), distillation.embeddings
    if init is None:
        raise UserError(
            "distillation has nothing to learn from: give it embeddings, or the run an encoder folder --init whose "
            "embeddings it stays near."
        )
    embeddings, ids = Voice().embed(init, voices, output / KEPT, device or infer_device(), None)
    return EmbeddingTable(ids, embeddings), init


def check_given(hparams: Any, voices_are_given: bool) -> None:
    """Raise a `UserError` if given embeddings do not go with the other settings of a YAML's top level."""
    settings = vars(hparams)
    path, ids, distillation = settings.get("embeddings"), settings.get("embedding_ids"), active_distillation(settings)
    if path is None and ids is not None:
        raise UserError(f"embedding_ids is {ids}, and there are no embeddings: give --embeddings too, or leave it out.")
    if voices_are_given and (path is not None or distillation is not None):
        what = "embeddings" if path is not None else "distillation"
        raise UserError(f"{what} is set, and no encoder of voices is trained, by voice_data: leave one of them out.")
    if path is not None and hparams.labels:
        if distillation is None or distillation.embeddings is None:
            raise UserError(
                f"Both labels ({hparams.labels}) and embeddings ({path}) are given, and the first labels can be of one "
                "of them: leave the other out."
            )
        if is_main():
            logger.info("The first labels are those of %s; of %s there is distilled alone.", hparams.labels, path)
