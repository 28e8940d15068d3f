"""The items of a face manifest as pictures, each a function of (seed, epoch, row) and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.faces.images import ImageError, read_image
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.utils.errors import UserError

ATTEMPTS = 10  # frames of an item that are tried


class FaceSample(NamedTuple):
    """One item: its row, a frame augmented and clean (3, size, size) uint8, and why frames were passed over.

    Both pictures are None where the item has no frame that can be read: it has no face then.
    """

    row: int
    image: torch.Tensor | None
    clean: torch.Tensor | None
    failure: str | None


class FaceBatch(NamedTuple):
    """Rows (batch,) int64, pictures augmented and clean (batch, 3, size, size) uint8, and why frames were passed over.

    ``failures`` has a reason for each sample of which a frame could not be read.
    """

    items: torch.Tensor
    augmented: torch.Tensor
    clean: torch.Tensor
    failures: list

    def to(self, device: torch.device | str | None):
        """The batch on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self):
        """The batch in page-locked memory."""
        return self._map(torch.Tensor.pin_memory)

    def _map(self, change):
        return FaceBatch(*map(change, self[:3]), self.failures)


class FaceDataset(Dataset):
    """Indexed by (epoch, row), or (epoch, row, copy) where a row comes more than once an epoch: one random frame.

    All that is random comes from ``np.random.default_rng([seed, epoch, row, 0, *copy])``: the same index gives the same
    sample in any worker, in any order, before and after a restart. A frame that cannot be read is replaced by another
    one of the item, and the reason goes with the sample.

    Arguments
    ---------
    manifest : FaceManifest
    size : int
        Pixels of a side.
    seed : int
        Not negative.
    augment : callable or None
        ``augment(image, rng)``: `FaceAugmenter`. None: pictures as they are.

    Raises
    ------
    UserError
        If the manifest is empty, or Pillow is not installed.

    Example
    -------
    >>> import tempfile, PIL.Image
    >>> from speechbrain_cadino.faces.manifest import FaceManifest
    >>> path = f"{tempfile.mkdtemp()}/a.png"
    >>> PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    >>> dataset = FaceDataset(FaceManifest.of(["a"], [path]), size=48, seed=1)
    >>> dataset[0, 0].image.shape  # of row 0 in epoch 0
    torch.Size([3, 48, 48])
    """

    def __init__(self, manifest: FaceManifest, size: int, seed: int, augment: Callable | None = None) -> None:
        if not len(manifest):
            raise UserError("The face manifest has no items: check the file it was read from.")
        need("PIL.Image")
        self.manifest, self.size, self.seed, self.augment = manifest, size, seed, augment

    def __len__(self):
        return len(self.manifest)

    def __getitem__(self, epoch_and_row):
        """The `FaceSample` of an (epoch, row) pair."""
        epoch, row, *copy = epoch_and_row
        rng = np.random.default_rng([self.seed, epoch, row, 0, *copy])  # 0 where a ViewDataset counts its attempts
        clean, failure = self._read(row, rng)
        if clean is None:
            return FaceSample(row, None, None, failure)
        image = clean if self.augment is None else self.augment(clean, rng)
        return FaceSample(row, image, clean, failure)

    def lacks(self, sample: FaceSample) -> bool:
        """Whether nothing of an item could be read."""
        return sample.image is None

    def collate(self, samples: list[FaceSample]) -> FaceBatch:
        """The batch of some samples, none of which `lacks` its picture."""
        images, clean = (torch.stack([getattr(sample, name) for sample in samples]) for name in ("image", "clean"))
        failures = [sample.failure for sample in samples if sample.failure]
        return FaceBatch(torch.tensor([sample.row for sample in samples]), images, clean, failures)

    def _read(self, row, rng):
        """A random frame, or None; and why the first that was tried could not be read, or None."""
        failure = None
        for number in rng.permutation(self.manifest.count(row))[:ATTEMPTS].tolist():
            try:
                return read_image(self.manifest.frame(row, number), self.size), failure
            except ImageError as error:
                failure = failure or str(error)
        return None, failure or f"{self.manifest.paths[row]} has no frames: prepare the faces again."
