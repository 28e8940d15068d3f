"""A metric without labels: how well two augmented halves of an utterance find each other among all utterances."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError
from speechbrain_cadino.corpus.excerpts import wrapped
from speechbrain_cadino.corpus.store import FileStore, MemoryStore
from speechbrain_cadino.encoder.augmented import augmented_features
from speechbrain_cadino.encoder.embed import evaluating
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.settings import front_end
from speechbrain_cadino.training.modes import train_norms_alone
from speechbrain_cadino.training.retrieval import retrieval
from speechbrain_cadino.views.dataset import ViewDataset

BATCH = 50  # crops of one pass of the encoder


class HalfRetrieval:
    """Of N utterances, the fraction whose second half is nearest to the first among the N second halves, by cosine.

    Each utterance is cut in two, each half is augmented on its own. Chance is 1 / N, yet an untrained encoder is well
    above it, since voice, channel and noise of a recording stay: what tells is the gain over that start. It needs no
    labels; it does not see whether two recordings of one speaker are near each other.

    Utterances, cuts and augmentation come from generators of its own, by ``seed``, so that two encoders are asked the
    same, and training draws what it would draw without it. The statistics of the encoder's batch norms are estimated
    anew on the halves: an untrained encoder has none yet, and where no weight changed the value must not change.

    Arguments
    ---------
    store : FileStore or MemoryStore
        The training utterances.
    augment : AugmentationSampler or None
        What is done to the halves; None: nothing.
    augmenter : ViewAugmenter
        Moved to the device of the encoder.
    seconds : float
        Longest part of a half that is heard, from its middle; a shorter half is repeated.
    seed : int
    max_utterances : int
        So many, drawn once, are enough.
    """

    def __init__(
        self,
        store: FileStore | MemoryStore,
        augment: AugmentationSampler | None,
        augmenter: ViewAugmenter,
        seconds: float,
        seed: int = 0,
        max_utterances: int = 500,
    ) -> None:
        self.store, self.augment, self.augmenter, self.seed = store, augment, augmenter, seed
        self.length = round(seconds * SAMPLE_RATE)
        rng = np.random.default_rng([seed, len(store)])
        self.utterances = rng.permutation(len(store))[:max_utterances]
        self.features, self.front = None, None

    @classmethod
    def of_dataset(cls, dataset: ViewDataset, augmenter: ViewAugmenter, max_utterances: int = 500) -> HalfRetrieval:
        """For the utterances and augmentation of a `ViewDataset`, the parts as long as its longest crop."""
        seconds = dataset.crops.lengths.max() / SAMPLE_RATE
        return cls(dataset.store, dataset.augment, augmenter, seconds, dataset.seed, max_utterances)

    def __len__(self):
        """N, the utterances asked for; some may turn out not to be readable."""
        return len(self.utterances)

    @torch.no_grad()
    def __call__(self, encoder: SpeakerEncoderNet) -> dict[str, float]:
        """The metrics (dict) of a `SpeakerEncoderNet`, which is left as it is; see `retrieval`.

        The features of the halves are made by the first call, and kept for encoders of the same filterbank.
        """
        device = self._prepare(encoder)
        encoder, norms = with_own_statistics(encoder)
        for number, features in enumerate(self.features[0].split(BATCH), 1):
            for norm in norms:
                norm.momentum = 1 / number  # the mean over the batches
            encoder.embed(features.to(device))
        return retrieval(*self._embed(encoder.eval(), device))

    @torch.no_grad()
    def kept(self, encoder: SpeakerEncoderNet) -> tuple[torch.Tensor, torch.Tensor]:
        """The halves' embeddings (n, dim) each, by an encoder as it is kept: its own statistics, the mean subtracted.

        Two encoders, one perhaps from a folder with norm and mean folded in, are so asked alike; see `retrieval` and
        `ranks`.
        """
        device = self._prepare(encoder)
        with evaluating(encoder):
            halves = self._embed(encoder, device)
        mean = torch.cat(halves).double().mean(dim=0)
        return tuple(half.double() - mean for half in halves)

    def _prepare(self, encoder):
        """The device, and the features of the halves: again, if this encoder has another filterbank than the last."""
        device, front = next(encoder.parameters()).device, front_end(encoder)
        if self.features is None or front != self.front:
            self.augmenter.to(device)
            self.features, self.front = self._features(encoder), front
        return device

    def _embed(self, encoder, device):
        return [
            torch.cat([encoder.embed(features.to(device)).cpu() for features in half.split(BATCH)])
            for half in self.features
        ]

    def _features(self, encoder):
        """Two tensors (n, frames, mels) on the CPU: first and second halves."""
        halves = ([], [])
        for begin in range(0, len(self.utterances), BATCH // 2):
            crops, parameters = [], []
            for utterance in self.utterances[begin : begin + BATCH // 2].tolist():
                try:
                    pair = self._cut(utterance)
                except AudioError:  # training replaces it, too, and tells
                    continue
                crops += pair
                rng = np.random.default_rng([self.seed, utterance, 1])
                parameters += [self.augment(child, self.length) if self.augment else {} for child in rng.spawn(2)]
            if not crops:
                continue
            features = augmented_features(encoder, self.augmenter, np.stack(crops), parameters).cpu()
            for half, part in zip(halves, (features[::2], features[1::2])):
                half.append(part)
        return [torch.cat(half) for half in halves]

    def _cut(self, utterance):
        """The middle of each half of an utterance, (time,) float32 each."""
        total = int(self.store.lengths[utterance])
        middle = total // 2
        crops = []
        for start, stop in ((0, middle), (middle, total)):
            aside = max(0, stop - start - self.length) // 2
            half = self.store.read(utterance, start + aside, min(stop, start + aside + self.length))
            crops.append(wrapped(half, 0, self.length))
        return crops


class _LocalBatchNorm(nn.BatchNorm1d):
    """A batch norm of one, two or three dimensions, as SyncBatchNorm is."""

    def _check_input_dim(self, input):
        pass


def with_own_statistics(module: nn.Module) -> tuple[nn.Module, list[nn.Module]]:
    """A copy whose batch norms are in training mode, and these, which take their statistics from this rank alone."""
    module, norms = deepcopy(module).train(), []
    train_norms_alone(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.modules.batchnorm._BatchNorm) and child.training:  # not of a frozen network
                norm = _LocalBatchNorm(child.num_features, child.eps)  # SyncBatchNorm would wait for the other ranks
                norm.load_state_dict(child.state_dict())
                setattr(parent, name, norm.to(child.weight.device))
                norms.append(norm)
    return module, norms
