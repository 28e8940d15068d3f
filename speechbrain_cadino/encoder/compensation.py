"""Between encoder and clusters: the encoder as it would be with what augmentation does to an utterance taken out.

Clusters of embeddings as they are tend to be sessions: a channel moves an embedding as far as a speaker does. What
augmentation changes of an utterance is what another channel would change, so the last layer is fitted anew on augmented
views (`fit_last_layer`), in a copy that the corpus is embedded with for clustering.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.corpus.store import FileStore
from speechbrain_cadino.encoder.augmented import augmented_features, draw_excerpts
from speechbrain_cadino.encoder.embed import read_ahead
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.utils.distributed import rank, together, world_size
from speechbrain_cadino.utils.errors import UserError

BATCH_SECONDS = 200
THREADS = 4


class LayerCompensation:
    """Gives a copy of an encoder whose last layer is fitted on augmented views of the corpus' items.

    A class of it says by ``_batches(net, manifest)`` what `fit_last_layer` gets.

    Arguments
    ---------
    n_views : int
        Views of an item.
    shrinkage : float
        See `discriminant_layer`.
    max_items : int
        So many items, drawn by ``seed``, are enough.
    seed : int
    """

    SETTING = "cluster_compensation"  # that asks for a copy, for messages

    def __init__(self, n_views: int, shrinkage: float, max_items: int, seed: int) -> None:
        self.n_views, self.shrinkage, self.max_items, self.seed = n_views, shrinkage, max_items, seed

    def __call__(self, net: torch.nn.Module, manifest: Any) -> torch.nn.Module:
        """The copy. Every rank must call it.

        Arguments
        ---------
        net : SpeakerEncoderNet or FaceEncoderNet
            The same on every rank; left as it is.
        manifest : Manifest or FaceManifest
            The training items.

        Returns
        -------
        SpeakerEncoderNet or FaceEncoderNet
            Whose embeddings of the views have the mean 0.
        """
        copy = together(deepcopy, net).eval()  # one rank may have too little memory
        self.refit(copy, manifest, self.SETTING)
        return copy

    def refit(self, net: torch.nn.Module, manifest: Any, setting: str, labels: torch.Tensor | None = None) -> bool:
        """Fit the last layer in place, and say whether that was done. Every rank must call it.

        Arguments
        ---------
        net, manifest :
            As above.
        setting : str
            Which setting asks for it, for messages.
        labels : torch.Tensor, optional
            (n,) int64, from 0: a class of each item, within which the views are whitened too.

        Returns
        -------
        bool
        """
        return fit_last_layer(net, self._batches(net, manifest), self.shrinkage, setting, labels)

    def _read_batches(self, net, rows, read, n_items) -> Iterator:
        """Of rows drawn by the seed, this rank's: ``_features`` of what ``read`` gives of them, if it is not None."""
        drawn = np.random.default_rng(self.seed).permutation(rows)[: self.max_items]
        batch = []
        for item in read_ahead(read, drawn[rank() :: world_size()].tolist(), THREADS):
            batch += [item] if item is not None else []
            if len(batch) == n_items:
                yield self._features(net, batch)
                batch = []
        if batch:
            yield self._features(net, batch)


class Compensation(LayerCompensation):
    """Gives a copy of an encoder whose last layer is fitted on augmented views of the corpus' utterances.

    Crops and augmentation come from ``np.random.default_rng([seed, utterance])``, so the same encoder and corpus give
    the same copy however often it is asked for. Ranks share the utterances. Only ``max_items`` of them are read for it,
    beside the pass over the corpus that embeds it; memory is that of `fit_last_layer`.

    Arguments
    ---------
    augment : AugmentationSampler
        What is done to the views; without it there is nothing to take out.
    augmenter : ViewAugmenter
    seconds : float
        Length of a view.
    n_views : int
        Views of an utterance, 2 or more.
    shrinkage : float
        See `discriminant_layer`.
    max_items : int
        So many utterances, drawn by ``seed``, are enough.
    seed : int

    Raises
    ------
    UserError
        If a setting makes no sense.
    """

    def __init__(
        self,
        augment: AugmentationSampler,
        augmenter: ViewAugmenter,
        seconds: float = 3.0,
        n_views: int = 4,
        shrinkage: float = 0.1,
        max_items: int = 20_000,
        seed: int = 0,
    ) -> None:
        if augment is None:
            raise UserError(
                "compensation takes out what augmentation does, and augment is null: set compensation to null."
            )
        if not callable(augment) or not isinstance(augmenter, torch.nn.Module):
            raise UserError(
                f"compensation has augment {augment} and augmenter {augmenter}: leave them at what views are augmented "
                "by, !ref <augment> and !ref <augmenter>."
            )
        if not seconds > 0 or n_views < 2:
            raise UserError(f"compensation has seconds {seconds} and n_views {n_views}: set 3.0 and 4.")
        if not shrinkage > 0 or max_items < 2:
            raise UserError(f"compensation has shrinkage {shrinkage} and max_items {max_items}: set 0.1 and 20000.")
        super().__init__(n_views, shrinkage, max_items, seed)
        self.augment, self.augmenter = augment, augmenter
        self.length = round(seconds * SAMPLE_RATE)

    def __str__(self):
        return (
            f"Compensation(seconds={self.length / SAMPLE_RATE:g}, n_views={self.n_views}, "
            f"shrinkage={self.shrinkage:g}, max_items={self.max_items}, seed={self.seed})"
        )

    def _batches(self, net, manifest) -> Iterator:
        """Utterances (batch,), and their views' features, for `fit_last_layer`; this rank's."""
        self.augmenter.to(next(net.parameters()).device)
        cut = partial(self._cut, FileStore(manifest))
        n_items = max(1, round(BATCH_SECONDS * SAMPLE_RATE / (self.n_views * self.length)))
        yield from self._read_batches(net, len(manifest), cut, n_items)

    def _cut(self, store, utterance):
        """An utterance, its crops (n_views, time) and what is to be done to them; None if it cannot be read."""
        rng = np.random.default_rng([self.seed, utterance])
        crops = draw_excerpts(store, utterance, np.full(self.n_views, self.length), rng)
        if crops is None:
            return None
        return utterance, np.stack(crops), [self.augment(child, self.length) for child in rng.spawn(self.n_views)]

    def _features(self, net, batch):
        utterances, crops, parameters = zip(*batch)
        parameters = [parameter for item in parameters for parameter in item]
        features = augmented_features(net, self.augmenter, np.concatenate(crops), parameters)
        return torch.tensor(utterances), [features[view :: self.n_views] for view in range(self.n_views)]
