"""The first modality of stage II, and which modalities a YAML has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.corpus.held_out_ids import held_out_ids
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.modality import Modality
from speechbrain_cadino.dlg_lc.side import FIRST, further_settings
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.precomputed import PrecomputedEncoder
from speechbrain_cadino.training.pseudo_labels import embed_corpus
from speechbrain_cadino.training.sources import encoder_digest
from speechbrain_cadino.utils.distributed import is_main, world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

logger = logging.getLogger(__name__)


class Voice:
    """The voices, by the encoder of the top level: what of `Modality` is not done by `Experiment.train`.

    Arguments
    ---------
    dataset : callable, optional
        From a `Manifest` to a `ViewDataset`: the setting of that name.
    """

    is_given = False

    def __init__(self, dataset: Callable | None = None) -> None:
        self.dataset = dataset

    def of_voices(self, voices: Manifest) -> Manifest:
        """The training utterances themselves."""
        return voices

    def encoder_digest(self, source: str | Path) -> str:
        """Of an encoder folder."""
        return encoder_digest(source)

    def embed(
        self,
        source: str | Path,
        manifest: Manifest,
        folder: Path,
        device: torch.device | str | None,
        compensation: Callable | None,
    ) -> tuple[np.ndarray, list]:
        """As `embed_corpus`, by the encoder of a folder."""
        return embed_corpus(load_encoder(source, device)[0], manifest, folder, compensation)


def modalities_of(settings: Mapping[str, Any]) -> dict[str, Modality]:
    """The modalities of a YAML's top level, the first one leading; `Precomputed` voices are its ``voice_data``.

    A `UserError` if what a modality has does not fit together.
    """
    first, entries = settings.get("voice_data") or Voice(settings.get("dataset")), further_settings(settings)
    for name, entry in entries.items():
        data, encoder, where = entry["data"], entry["encoder"], f"modalities.{name}"
        if not data.is_given and "init" not in entry:
            raise UserError(f"{where} has no init: write init: null, which each iteration sets.")
        if data.is_given and entry.get("init"):
            raise UserError(f"{where}.init is {entry['init']}, and its embeddings are given: leave one of them out.")
        if data.is_given != isinstance(encoder, PrecomputedEncoder):
            kind = type(encoder).__name__
            raise UserError(
                f"{where}.data {'gives' if data.is_given else 'does not give'} embeddings, and its encoder is an "
                f"object of {kind}: PrecomputedEncoder goes with Precomputed, and with nothing else."
            )
        if data.is_given and data.embedding_dim != encoder.embedding_dim:
            raise UserError(
                f"{where} has embedding_dim {data.embedding_dim} in data and {encoder.embedding_dim} in encoder: set "
                "both to the numbers of an embedding."
            )
    return {FIRST: first} | {name: entry["data"] for name, entry in entries.items()}


def find_items(
    modalities: Mapping[str, Any], voices: Manifest, folder: Path, trials: Sequence[str | Path] = ()
) -> Items:
    """The items of the training utterances and of what the further modalities have; every rank must call it.

    Arguments
    ---------
    modalities : mapping
        As of `modalities_of`.
    voices : Manifest
    folder : Path
        Of the run.
    trials : sequence of str or Path
        Trial lists: given embeddings of their utterances are left out.

    Returns
    -------
    Items
    """
    first, *further = modalities.items()
    parts = {FIRST: first[1].of_voices(voices)}
    for name, modality in further:
        if world_size() > 1:
            on_main(_look, modality, voices, folder)  # what it finds is kept before the others look
        part = modality.manifest(voices, folder)
        parts[name] = _without_trials(name, part, voices, trials) if modality.is_given else part
    items = Items(parts)
    if further and is_main():
        counts = [f"{np.count_nonzero(items.pairing.has(name))} with a {name}" for name in parts]
        both = np.all([items.pairing.has(name) for name in parts], axis=0)
        logger.info("Of %d items there are %s, %d with all.", len(items), ", ".join(counts), np.count_nonzero(both))
        for name in parts:
            if not items.pairing.has(name).any():
                logger.warning("No item has a %s: nothing is learnt of it, and nothing from it.", name)
    return items


def _without_trials(name, table, voices, trials):
    """Given embeddings but for those of the trials: they are no voices to train on, and would be items of their own."""
    alone = np.flatnonzero(~np.isin(table.ids, voices.ids))
    out = alone[held_out_ids(table.ids[alone].tolist(), trials)]
    if not len(out):
        return table
    if is_main():
        logger.info("%d of %s are left out for the trials, such as %s.", len(out), name, table.ids[out[0]])
    return table.subset(np.delete(np.arange(len(table)), out))


def _look(modality, voices, folder):
    """Let a modality find its recordings; they are not sent to the other ranks."""
    modality.manifest(voices, folder)
