"""What a decision is calibrated with: some training utterances, and the encoder that they are clustered by."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.corpus.manifest import Manifest, some_utterances
from speechbrain_cadino.encoder.compensation import Compensation
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.distributed import is_main

logger = logging.getLogger(__name__)

MAX_UTTERANCES = 50_000  # that are clustered, and averaged for the mean: 8 of each speaker of VoxCeleb2
N_VIEWS, MAX_ITEMS = 2, 5_000  # of the compensation


@dataclass(frozen=True)
class Clustered:
    """What a decision is calibrated with.

    Arguments
    ---------
    manifest : Manifest
        The utterances that are clustered.
    compensated : SpeakerEncoderNet
        Which is asked for the clusters.
    augment : AugmentationSampler or None
    augmenter : ViewAugmenter
    n_utterances : int
        Of which ``manifest`` has some, or all.
    """

    manifest: Manifest
    compensated: SpeakerEncoderNet
    augment: AugmentationSampler | None
    augmenter: ViewAugmenter
    n_utterances: int


def ready_to_cluster(
    encoder: SpeakerEncoderNet,
    manifest: Manifest,
    augment: AugmentationSampler | None,
    augmenter: ViewAugmenter,
    compensate: bool = True,
    seed: int = 0,
) -> Clustered:
    """Draw the utterances, and compensate the encoder on them. Every rank must call it.

    Arguments
    ---------
    encoder : SpeakerEncoderNet
        The same on every rank; left as it is.
    manifest : Manifest
        The training utterances.
    augment : AugmentationSampler or None
    augmenter : ViewAugmenter
    compensate : bool
        Whether to, if there is augmentation: not an encoder whose last layer was refitted.
    seed : int

    Returns
    -------
    Clustered
    """
    n_utterances, manifest = len(manifest), some_utterances(manifest, MAX_UTTERANCES, seed)
    if not (compensate and augment) or len(manifest) <= encoder.embedding_dim:  # too few to fit a layer on
        return Clustered(manifest, encoder, augment, augmenter, n_utterances)
    try:
        compensation = Compensation(augment, augmenter, n_views=N_VIEWS, max_items=MAX_ITEMS, seed=seed)
        compensated = compensation(encoder, manifest)
    except Exception as error:  # of any kind, on all ranks alike: what was trained for hours is exported all the same
        if is_main():
            logger.warning("Threshold and probabilities are of clusters without compensation: %s", error)
        compensated = encoder
    return Clustered(manifest, compensated, augment, augmenter, n_utterances)
