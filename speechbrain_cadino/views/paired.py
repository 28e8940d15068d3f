"""Items of several modalities as samples and batches: each modality's own, and which of them are of one item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from speechbrain_cadino.corpus.pairing import Pairing
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.collate import collate_of


class PairedSample(NamedTuple):
    """One item: its number, and by modality the sample that its dataset gives, or None."""

    item: int
    samples: dict


class Part(NamedTuple):
    """What a batch has of one modality.

    Arguments
    ---------
    items : torch.Tensor
        (n,) int64: the item that each sample is of.
    partners : dict of str to torch.Tensor
        Other modality to (n,) int64: which of its samples is of the same item; -1 for none.
    batch : object
        As the modality's dataset collates its samples.
    """

    items: torch.Tensor
    partners: dict
    batch: Any


class PairedBatch(NamedTuple):
    """A batch of items: their numbers (batch,) int64, a `Part` by modality, only of those that are there, and reasons.

    ``failures`` has one reason for each sample that was replaced because a file could not be read.
    """

    items: torch.Tensor
    parts: dict
    failures: list

    @classmethod
    def of_one(cls, name: str, batch: Any) -> PairedBatch:
        """A batch of a single modality."""
        return cls(batch.items, {name: Part(batch.items, {}, batch)}, batch.failures)

    def to(self, device: torch.device | str | None):
        """The batch on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True), lambda batch: batch.to(device))

    def pin_memory(self):
        """The batch in page-locked memory."""
        return self._map(torch.Tensor.pin_memory, lambda batch: batch.pin_memory())

    def _map(self, change, change_batch):
        parts = {
            name: Part(change(items), {other: change(rows) for other, rows in partners.items()}, change_batch(batch))
            for name, (items, partners, batch) in self.parts.items()
        }
        return PairedBatch(change(self.items), parts, self.failures)


class PairedDataset(Dataset):
    """Indexed by the (epoch, item) pairs of a `ViewSampler`, it gives what each modality has of the item.

    A modality's sample is that of its row, whatever the other modalities are: the voices of a corpus with faces are
    those of the corpus without. Where a file cannot be read and another row stands in for it, the stand-in counts as a
    sample of that row's item, and has no partner.

    Arguments
    ---------
    pairing : Pairing
    datasets : dict of str to Dataset
        Modality to what gives a sample by (epoch, row), or (epoch, row, copy), and collates samples to a batch whose
        ``items`` are (n,) int64 rows, with ``failures``, ``to`` and ``pin_memory``. If it has a method ``lacks``, that
        says of a sample whether nothing of it could be read; its ``failure`` is the reason, and the item lacks the
        modality in this batch. The first one leads: its ``manifest`` and ``augment`` are also those of the whole.
    """

    def __init__(self, pairing: Pairing, datasets: Mapping[str, Any]) -> None:
        for name, dataset in datasets.items():
            rows = pairing.rows[name]
            if not np.array_equal(np.sort(rows[rows >= 0]), np.arange(len(dataset))):
                raise ValueError(f"The {len(dataset)} rows of {name} must be of one item each.")
        self.pairing, self.datasets = pairing, dict(datasets)
        first = leading(self)
        self.manifest, self.augment = first.manifest, getattr(first, "augment", None)
        self._items = {name: pairing.items(name) for name in self.datasets}

    def __len__(self):
        return len(self.pairing)

    def __getitem__(self, epoch_and_item):
        """The `PairedSample` of an (epoch, item) pair; a `UserError` of a modality as a value, as it gave it."""
        epoch, item, *copy = epoch_and_item
        samples = {}
        for name, dataset in self.datasets.items():
            row = int(self.pairing.rows[name][item])
            samples[name] = dataset[(epoch, row, *copy)] if row >= 0 else None
            if isinstance(samples[name], UserError):
                return samples[name]
        return PairedSample(item, samples)

    def collate(self, samples: list) -> PairedBatch | UserError:
        """The batch of some samples; or the first `UserError` among them."""
        for sample in samples:
            if isinstance(sample, UserError):
                return sample
        wanted, parts, places = np.array([sample.item for sample in samples]), {}, {}
        failures = []
        for name, dataset in self.datasets.items():
            own = {place: sample.samples[name] for place, sample in enumerate(samples)}
            own = {place: sample for place, sample in own.items() if sample is not None}
            lacks = getattr(dataset, "lacks", lambda sample: False)
            failures += [sample.failure for sample in own.values() if lacks(sample)]
            there = [place for place, sample in own.items() if not lacks(sample)]
            if not there:
                continue
            batch = collate_of(dataset)([own[place] for place in there])
            if isinstance(batch, UserError):
                return batch
            items = self._items[name][batch.items.numpy()]
            parts[name] = Part(torch.from_numpy(items), {}, batch)
            # Row of each place of the batch; a stand-in is of no place.
            places[name] = np.full(len(samples), -1)
            right = items == wanted[there]
            places[name][np.array(there)[right]] = np.flatnonzero(right)
        for name, part in parts.items():
            for other in parts:
                if other != name:
                    rows, own = np.full(len(part.items), -1), places[name] >= 0
                    rows[places[name][own]] = places[other][own]
                    part.partners[other] = torch.from_numpy(rows)
        failures += [text for part in parts.values() for text in part.batch.failures]
        return PairedBatch(torch.from_numpy(wanted), parts, failures)


def leading(dataset: Any) -> Any:
    """The dataset of the first modality: of a `PairedDataset`, or the dataset itself."""
    return next(iter(dataset.datasets.values())) if isinstance(dataset, PairedDataset) else dataset
