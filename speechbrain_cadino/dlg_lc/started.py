"""What an iteration starts from: of each modality its encoder, as the last iteration has left it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from speechbrain_cadino.dlg_lc.item_clusters import Source
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.side import FIRST, further_settings, prefix_of
from speechbrain_cadino.utils.on_main import on_main


class Started(NamedTuple):
    """What an iteration starts from, all by modality.

    Arguments
    ---------
    modalities : dict
        As of `modalities_of`.
    encoders : dict
        Encoder folders, None where there is none yet; not of those whose embeddings are given.
    compensations : dict
    digests : dict
        Of the recordings of the further ones.
    """

    modalities: dict
    encoders: dict
    compensations: dict
    digests: dict

    @classmethod
    def of(cls, hparams: Any, modalities: Mapping[str, Any], items: Items) -> Started:
        """What the first iteration starts from, by a YAML's top level; every rank must call it."""
        entries = further_settings(vars(hparams))
        encoders = {FIRST: hparams.init} | {name: entry.get("init") for name, entry in entries.items()}
        encoders = {name: path for name, path in encoders.items() if not modalities[name].is_given}
        compensations = {name: entry.get("compensation") for name, entry in entries.items()}
        compensations[FIRST] = hparams.cluster_compensation
        further = {name: items.parts[name] for name in modalities if name in entries or modalities[name].is_given}
        digests = on_main(lambda: {name: modalities[name].digest(part) for name, part in further.items()})
        return cls(dict(modalities), encoders, compensations, digests)

    def after(self, folder: Path) -> Started:
        """What the next one starts from: the encoders in the folder of an iteration; every rank must call it.

        A modality of which no item had a label has been left without.
        """
        paths = {name: folder / f"{prefix_of(name)}encoder" for name in self.encoders}
        there = on_main(lambda: [name for name, path in paths.items() if name == FIRST or path.is_dir()])
        return self._replace(encoders={name: path if name in there else None for name, path in paths.items()})

    def settings(self) -> dict[str, Any]:
        """The settings of a training that goes on from these encoders."""
        paths = {name: path and str(path) for name, path in self.encoders.items()}
        found = {"init": paths.pop(FIRST, None)}
        return found | ({"modalities": {name: {"init": path} for name, path in paths.items()}} if paths else {})

    def sources(self) -> dict[str, Source]:
        """What embeds the modalities that can be embedded."""
        return {
            name: Source(modality, self.encoders.get(name), self.compensations[name])
            for name, modality in self.modalities.items()
            if modality.is_given or self.encoders[name]
        }

    def made_from(self) -> dict[str, str | None]:
        """Digests of what decides the weights of a training besides labels and voices; every rank must call it."""
        paths = {name: path for name, path in self.encoders.items() if name != FIRST and path}
        inits = on_main(
            lambda: {f"{name}_init": self.modalities[name].encoder_digest(path) for name, path in paths.items()}
        )
        return {f"{name}_data": digest for name, digest in self.digests.items()} | inits
