"""What a run does not do although its settings seem to ask for it: told at the start, when it shows, and at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from speechbrain_cadino.utils.distributed import is_main

logger = logging.getLogger(__name__)

NEARLY_ALL = 0.9  # of the utterances in one cluster: our choice


class Remarks:
    """Sentences for the user, each told once, and all of them again at the end.

    Example
    -------
    >>> remarks = Remarks()
    >>> remarks.add(["The gate stays open."])
    >>> remarks.add(["The gate stays open."])
    >>> remarks.sentences
    ['The gate stays open.']
    """

    def __init__(self) -> None:
        self.sentences = []

    def add(self, sentences: Iterable[str]) -> None:
        """Warn of what was not told yet; on the main rank alone."""
        for sentence in sentences:
            if sentence not in self.sentences:
                self.sentences.append(sentence)
                if is_main():
                    logger.warning(sentence)

    def repeat(self) -> None:
        """All in one line."""
        if self.sentences and is_main():
            logger.warning("Look at this before you use the encoder: %s", " ".join(self.sentences))


def about_settings(settings: dict[str, Any], n_epochs: int) -> list[str]:
    """What both stages can know before they train.

    Arguments
    ---------
    settings : dict
        The YAML's top level.
    n_epochs : int

    Returns
    -------
    list of str
        A sentence for each part that will do nothing.

    Example
    -------
    >>> about_settings({"average_checkpoints": 10}, n_epochs=1)
    ['average_checkpoints is 10 and the run has 1 epoch: the encoder to keep is no mean, raise number_of_epochs.']
    """
    found, average = [], settings.get("average_checkpoints", 1)
    if average > 1 and n_epochs == 1:
        found.append(
            f"average_checkpoints is {average} and the run has 1 epoch: the encoder to keep is no mean, raise "
            "number_of_epochs."
        )
    elif average > n_epochs:
        found.append(
            f"average_checkpoints is {average} and the run has {n_epochs} epochs: the encoder to keep is the mean of "
            "all of them, the first included; lower it."
        )
    if settings.get("false_acceptance") in (0, 1):
        all_or_none = "accepts every pair" if settings["false_acceptance"] == 1 else "accepts no pair that was known"
        found.append(
            f"false_acceptance is {settings['false_acceptance']}: the threshold that the encoder is exported with "
            f"{all_or_none}; set a rate between, such as 0.01."
        )
    for name in ("momentum_schedule", "teacher_temp_schedule", "margin_schedule"):
        schedule = settings.get(name)
        length, end = getattr(schedule, "epochs", 0), getattr(schedule, "end", None)
        if length > n_epochs and end != getattr(schedule, "start", None):
            found.append(
                f"{name} has {length:g} epochs and the run {n_epochs}: it ends before {end:g} is reached, shorten it."
            )
    return found


def about_augmentation(augment: Any) -> list[str]:
    """Whether an `AugmentationSampler`, or None, changes any view."""
    settings = getattr(augment, "settings", None)
    channel = getattr(settings, "channel", None)
    if settings is not None and (settings.rir_prob or settings.noise_prob or (channel and channel.channel_prob)):
        return []
    return ["No view is augmented: views of an utterance differ by the crop alone; set rir_prob and noise_prob."]


def about_refit(settings: dict[str, Any], n_utterances: int, name: str = "last_layer_refit") -> list[str]:
    """A sentence if this setting, ``last_layer_refit`` or ``cluster_compensation``, will have too few items, or few."""
    refit = settings.get(name)
    outputs, items = settings.get("embedding_dim", 0), min(n_utterances, getattr(refit, "max_items", 0))
    if refit is None or items >= 2 * outputs:
        return []
    if items <= outputs:
        return [
            f"{name} would have {items} items for {outputs} outputs, and needs more items than outputs: it will do "
            f"nothing; an embedding_dim of {items // 2} or less lets it work."
        ]
    harm = "the clusters" if name == "cluster_compensation" else "the encoder"
    return [
        f"{name} will have {items} items for {outputs} outputs, which is few: trials tell whether it has made {harm} "
        "worse, see development_trials."
    ]


def about_clusters(labels: np.ndarray, wish: str) -> list[str]:
    """Whether clusters tell anything.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, -1 for none.
    wish : str
        What the clusters are for, to end a sentence with.

    Returns
    -------
    list of str

    Example
    -------
    >>> about_clusters(np.array([0, 1, 2]), "training is plain DINO")
    ['Each of the 3 utterances is a cluster of its own: training is plain DINO; lower n_clusters.']
    """
    sizes = np.bincount(labels[labels >= 0])
    if sizes.size == 0:
        return [f"No utterance has a cluster: {wish}; check the label table."]
    if sizes.max() == 1:
        return [f"Each of the {sizes.sum()} utterances is a cluster of its own: {wish}; lower n_clusters."]
    fraction = sizes.max() / sizes.sum()
    if fraction > NEARLY_ALL:
        return [
            f"One cluster holds {fraction:.0%} of the utterances, so it says nothing of the speakers: raise "
            "n_clusters, or train the encoder that gave the embeddings for longer."
        ]
    return []
