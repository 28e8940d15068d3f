"""The face encoder with what augmentation, and the frame, change of a face taken out: its projection fitted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch

from speechbrain_cadino.encoder.compensation import LayerCompensation
from speechbrain_cadino.faces.images import ImageError, read_image
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_number, is_whole

BATCH_IMAGES = 256


class FaceCompensation(LayerCompensation):
    """Gives a copy of a face encoder whose projection is fitted on augmented frames of the corpus' faces.

    Frames and augmentation come from ``np.random.default_rng([seed, row])``. Of items that share a face, the first
    counts; ranks share the faces.

    Arguments
    ---------
    augment : callable
        `FaceAugmenter`; without it there is nothing to take out.
    n_views : int
        Views of a face, 2 or more, each of another frame as long as there are some.
    shrinkage : float
        See `discriminant_layer`.
    max_items : int
        So many faces, drawn by ``seed``, are enough.
    seed : int

    Raises
    ------
    UserError
        If a setting makes no sense.
    """

    SETTING = "compensation of the faces"

    def __init__(
        self, augment: Callable, n_views: int = 4, shrinkage: float = 0.1, max_items: int = 20_000, seed: int = 0
    ) -> None:
        if augment is None:
            raise UserError("Face compensation takes out what augmentation does, and augment is null: set it to null.")
        if not (is_whole(n_views, low=2) and is_whole(max_items, low=2) and is_number(shrinkage) and shrinkage > 0):
            raise UserError(
                f"Face compensation has n_views {n_views}, shrinkage {shrinkage} and max_items {max_items}: set 4, 0.1 "
                "and 20000."
            )
        super().__init__(n_views, shrinkage, max_items, seed)
        self.augment = augment

    def __str__(self):
        return (
            f"FaceCompensation(n_views={self.n_views}, shrinkage={self.shrinkage:g}, max_items={self.max_items}, "
            f"seed={self.seed})"
        )

    def _batches(self, net, manifest) -> Iterator:
        """Rows (batch,), and their views' features, for `fit_last_layer`; this rank's."""
        read = partial(self._read, manifest, net.size)
        yield from self._read_batches(net, manifest.one_of_each_set(), read, -(-BATCH_IMAGES // self.n_views))

    def _read(self, manifest, size, row):
        """A row and its views (n_views, 3, size, size) uint8; None if it has no frame that can be read."""
        rng = np.random.default_rng([self.seed, row])
        frames, images = rng.permutation(manifest.count(row)).tolist(), []
        while frames and len(images) < self.n_views:
            try:
                images.append(read_image(manifest.frame(row, frames.pop()), size))
            except ImageError:  # extraction tells of it
                continue
        if not images:
            return None
        drawn = (images[view % len(images)] for view in range(self.n_views))
        return row, torch.stack([self.augment(image, child) for image, child in zip(drawn, rng.spawn(self.n_views))])

    def _features(self, net, batch):
        rows, views = zip(*batch)
        device = next(net.parameters()).device
        stacks = torch.stack(views, dim=1).to(device)  # (n_views, batch, 3, size, size)
        return torch.tensor(rows), [net.features(stack) for stack in stacks]
