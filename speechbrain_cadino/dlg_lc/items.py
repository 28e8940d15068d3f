"""The items of a training: what is known of each, whichever modalities it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.pairing import Pairing
from speechbrain_cadino.dlg_lc.side import FIRST
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.views.paired import PairedDataset


class Items:
    """Recordings with what each modality has of them. With one modality they are its manifest's rows.

    Arguments
    ---------
    parts : mapping of str to manifest
        Modality to a `Manifest`, or what has columns like it: ``ids``, ``spk_ids`` and ``sessions`` (or None),
        ``subset``. The first one leads.
    pairing : Pairing, optional
        Of their IDs, if it is there already.

    Example
    -------
    >>> from speechbrain_cadino.encoder.precomputed import EmbeddingTable
    >>> items = Items({"voice": EmbeddingTable(["a", "b"], np.eye(2)), "face": EmbeddingTable(["c", "b"], np.eye(2))})
    >>> items.ids.tolist(), items.subset(np.array([False, True, True])).parts["face"].ids.tolist()
    (['a', 'b', 'c'], ['c', 'b'])
    """

    def __init__(self, parts: Mapping[str, Any], pairing: Pairing | None = None) -> None:
        self.parts = dict(parts)
        self.pairing = (
            pairing if pairing is not None else Pairing.of({name: part.ids for name, part in self.parts.items()})
        )
        self.ids = self.pairing.ids

    @classmethod
    def of_dataset(cls, dataset: Any) -> Items:
        """Those of a `PairedDataset`, or of a dataset of the first modality."""
        if isinstance(dataset, PairedDataset):
            return cls({name: one.manifest for name, one in dataset.datasets.items()}, dataset.pairing)
        return cls({FIRST: dataset.manifest})

    def __len__(self):
        return len(self.ids)

    @property
    def first(self) -> Any:
        """The leading modality's manifest."""
        return next(iter(self.parts.values()))

    @property
    def are_more_than_voices(self) -> bool:
        """Whether there are further modalities, or embeddings in place of voices."""
        return len(self.parts) > 1 or isinstance(self.first, EmbeddingTable)

    @property
    def spk_ids(self) -> np.ndarray | None:
        """(n,) the speakers, '' where not known; None if of nobody."""
        return self._column("spk_ids")

    @property
    def sessions(self) -> np.ndarray | None:
        """(n,) the sessions; None if that of an item whose speaker is known is not."""
        column, speakers = self._column("sessions"), self.spk_ids
        if column is None or len(self.parts) == 1:
            return column
        known = np.ones(len(self), dtype=bool) if speakers is None else speakers != ""
        return None if (column[known] == "").any() else column

    @property
    def units(self) -> np.ndarray | None:
        """(n,) int64: equal for items that share a set of pictures, by ``sets`` of a manifest; None if none shares."""
        for name, part in self.parts.items():
            sets = getattr(part, "sets", None)
            if sets is not None and len(np.unique(sets)) < len(sets):
                units = np.arange(len(self)) + sets.max() + 1
                units[self.pairing.items(name)] = sets
                return units
        return None

    def subset(self, chosen: np.ndarray) -> Items:
        """Those of a mask (n,), in their order."""
        parts = {}
        for name, part in self.parts.items():
            rows = self.pairing.rows[name][chosen]
            parts[name] = part.subset(np.sort(rows[rows >= 0]))
        return Items(parts)

    def _column(self, name):
        columns = {modality: getattr(part, name) for modality, part in self.parts.items()}
        if all(column is None for column in columns.values()):
            return None
        found = np.full(len(self), "", dtype=STRING)
        for modality, column in columns.items():
            if column is not None:
                rows = self.pairing.rows[modality]
                new = (rows >= 0) & (found == "")
                found[new] = column[rows[new]]
        return found
