"""What in a run of stage II will do, or has done, nothing, or harm."""

import math
from typing import Any

import numpy as np

from speechbrain_cadino.dlg_lc.gate import CORRECTING_MODES, MODES
from speechbrain_cadino.training.remarks import about_augmentation, about_clusters, about_refit, about_settings

FEW_KEPT = 0.5  # of the labels in the first epoch with a closed gate


def check_stage_2(settings: dict[str, Any], n_epochs: int, labels: np.ndarray, augment: Any = None) -> list[str]:
    """A sentence for each part of a training on labels that will do nothing.

    Arguments
    ---------
    settings : dict
        The YAML's top level.
    n_epochs : int
    labels : np.ndarray
        (n,) int64.
    augment : AugmentationSampler or None
        Of the dataset.

    Returns
    -------
    list of str
    """
    found = about_settings(settings, n_epochs) + about_augmentation(augment)
    found += about_clusters(labels, "there is nothing to learn from them") + about_refit(settings, len(labels))
    found += about_gate(settings, n_epochs)
    first = settings.get("correction_start_epoch") or 0
    if settings["gate_mode"] in CORRECTING_MODES and first > n_epochs:
        found.append(
            f"correction_start_epoch is {first} and the run has {n_epochs} epochs: no label is corrected, lower it."
        )
    return found


def about_gate(settings: dict[str, Any], n_epochs: int, name: str = "The gate") -> list[str]:
    """A sentence if the gate will not close in this run.

    Arguments
    ---------
    settings : dict
        ``gate``, ``gate_mode``, ``start_from``.
    n_epochs : int
    name : str
        Of the gate, to begin the sentence with.

    Returns
    -------
    list of str
    """
    start = getattr(settings["gate"], "start_epoch", 0)
    taken_over = settings.get("start_from") is not None  # with the gate of another run
    if settings["gate_mode"] == "none" or taken_over or start <= n_epochs:
        return []
    return [
        f"{name}'s start_epoch is {start} and the run has {n_epochs} epochs: every label is trusted to the end, lower "
        "it."
    ]


def about_together(settings: dict[str, Any], n_modalities: int) -> list[str]:
    """A sentence for each setting of what modalities tell each other that will do nothing.

    Arguments
    ---------
    settings : dict
        ``gate_rule``, ``correction``, ``gate_mode`` and ``modalities``.
    n_modalities : int

    Returns
    -------
    list of str

    Example
    -------
    >>> about_together({"gate_rule": "and", "gate_mode": "dynamic"}, n_modalities=1)
    ['gate_rule is and, and there is one modality: it does nothing.']
    """
    found = []
    for name, modes in (("gate_rule", MODES[1:]), ("correction", CORRECTING_MODES)):
        value = settings.get(name, "own")
        if value != "own" and n_modalities == 1:
            found.append(f"{name} is {value}, and there is one modality: it does nothing.")
        elif value != "own" and settings["gate_mode"] not in modes:
            found.append(f"{name} is {value}, and gate_mode {settings['gate_mode']}: it does nothing.")
    for name, entry in (settings.get("modalities") or {}).items():
        if entry.get("weight") == 0:
            found.append(f"modalities.{name}.weight is 0: its encoder and classifier learn nothing, raise it.")
    return found


def check_history(rows: list[dict[str, float]], gate_mode: str, reason: str) -> list[str]:
    """A sentence for each part of stage II that has done nothing, or has gone wrong.

    Arguments
    ---------
    rows : list of dict of float
        The metrics of each epoch.
    gate_mode : str
    reason : str
        The gate's, for its last threshold.

    Returns
    -------
    list of str

    Example
    -------
    >>> rows = [{"gate_threshold": math.inf, "fraction_kept": 1.0}]
    >>> check_history(rows, "dynamic", "the gate stays open: the losses have one mode")
    ['The gate was open in all epochs, as if gate_mode were none (the gate stays open: the losses have one mode).']
    """
    thresholds = [row["gate_threshold"] for row in rows if "gate_threshold" in row]
    if gate_mode == "none" or not thresholds:
        return []
    if min(thresholds) == math.inf:
        return [f"The gate was open in all epochs, as if gate_mode were none ({reason})."]
    found = []
    first = next(row for row in rows if row.get("gate_threshold", math.inf) < math.inf)
    if first.get("fraction_kept", 1) < FEW_KEPT:
        found.append(
            f"In epoch {first['epoch']}, the first with a closed gate, it trusted {first['fraction_kept']:.0%} of the "
            "labels: where most labels are right, it closed before they were learnt; raise start_epoch of gate."
        )
    if all(row.get("fraction_kept", 0) == 1 for row in rows):
        found.append("The gate let every label through in all epochs: its threshold was above all losses.")
    elif gate_mode in CORRECTING_MODES and not any(row.get("fraction_corrected", 0) for row in rows):
        found.append("No label was corrected: lower tau_2 or correction_start_epoch.")
    return found
