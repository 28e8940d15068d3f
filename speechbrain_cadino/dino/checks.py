"""What in a run of DINO, or of cluster-aware DINO, will do nothing: known before it trains."""

from typing import Any

from speechbrain_cadino.training.remarks import about_augmentation, about_refit, about_settings


def check_dino(settings: dict[str, Any], n_epochs: int, n_utterances: int, augment: Any = None) -> list[str]:
    """A sentence for each part of a DINO run that will do nothing.

    Arguments
    ---------
    settings : dict
        The YAML's top level.
    n_epochs : int
    n_utterances : int
    augment : AugmentationSampler or None
        Of the dataset.

    Returns
    -------
    list of str
    """
    found = about_settings(settings, n_epochs) + about_augmentation(augment)
    frozen = settings.get("freeze_last_layer_epochs", 0)
    if frozen >= n_epochs:
        found.append(
            f"freeze_last_layer_epochs is {frozen} and the run has {n_epochs} epochs: the prototypes are never "
            "trained, lower it."
        )
    momentum = settings.get("momentum_schedule")
    if momentum is not None and all(momentum.value(epoch) == 1 for epoch in range(n_epochs)):
        found.append("The teacher's momentum is 1 throughout: it never learns; start momentum_schedule lower.")
    watch = settings.get("collapse_watch")
    if watch is not None and watch.warmup_epochs >= n_epochs:
        found.append(
            f"collapse_watch has warmup_epochs {watch.warmup_epochs:g} and the run {n_epochs} epochs: a collapse will "
            "not stop it, lower them."
        )
    found += about_refit(settings, n_utterances)
    return found


def check_clusters(settings: dict[str, Any], n_epochs: int, n_utterances: int) -> list[str]:
    """A sentence for each part of the cluster-aware run, beyond DINO's, that will do nothing.

    Arguments
    ---------
    settings : dict
        The YAML's top level.
    n_epochs, n_utterances : int

    Returns
    -------
    list of str
    """
    schedule, sampler = settings["cluster_schedule"], settings["positive_sampler"]
    if schedule.start_epoch >= n_epochs:
        return [
            f"cluster_start_epoch is {schedule.start_epoch} and the run has {n_epochs} epochs: nothing is clustered, "
            "training is plain DINO; lower it."
        ]
    found, idle = [], getattr(settings.get("clustering"), "n_clusters", None)
    if idle is not None and schedule.numbers != [idle]:
        numbers = ", ".join(map(str, schedule.numbers))
        found.append(
            f"clustering has n_clusters {idle}, and cluster_schedule has {numbers}, which counts: leave out one."
        )
    if sampler.utterances_per_item == 1:
        found.append("utterances_per_item is 1: views never follow the clusters, training is plain DINO; set 2.")
    if max(schedule.fixed, default=2) >= n_utterances:
        found.append(
            f"n_clusters is {max(schedule.fixed)} for {n_utterances} utterances: each becomes a cluster of its own, "
            "training is plain DINO; lower it."
        )
    if min(schedule.fixed, default=2) == 1:
        found.append("n_clusters is 1: views of all speakers are drawn together; raise it.")
    return found
