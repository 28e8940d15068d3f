"""What can make a loss that is not finite: settings far from where anybody has them, and what else there is."""

from __future__ import annotations

from typing import Any

# Wide bounds, our choice: beyond them nobody trains, within them nothing overflows in float32.
USUAL = {
    "lr": (0, 10),
    "koleo_weight": (0, 100),
    "consistency_weight": (0, 100),
    "f_max": (1000, 8000),
    "n_mels": (8, 256),
    "embedding_dim": (2, 8192),
    "margin": (0, 2),
    "scale": (1, 200),
    "dino_loss.student_temp": (0.01, 10),
    "teacher_temp_schedule.start": (0.005, 10),
    "teacher_temp_schedule.end": (0.005, 10),
    "teacher_temp_schedule.level": (0.005, 10),
    "lr_schedule.peak": (0, 10),
    "gradient_clipper.max_norm": (1e-6, 1e4),
    "aam.scale": (1, 200),
    "margin_schedule.start": (0, 2),
    "margin_schedule.end": (0, 2),
    "corrector.temperature": (0.005, 10),
    "corrector.logit_scale": (0.01, 1000),
    "opt_class.weight_decay": (0, 10),
    "opt_class.momentum": (0, 1),
}


def unusual(settings: dict[str, Any]) -> list[str]:
    """The settings that are beyond `USUAL`, each as a phrase.

    Arguments
    ---------
    settings : dict
        The YAML's top level; objects are looked into.

    Returns
    -------
    list of str

    Example
    -------
    >>> unusual({"koleo_weight": 1e30, "lr": 0.1})
    ['koleo_weight is 1e+30 (usual: 0 to 100)']
    """
    found = []
    for name, (low, high) in USUAL.items():
        value = _value(settings, name)
        if isinstance(value, (int, float)) and not low <= value <= high:
            found.append(f"{name} is {value:g} (usual: {low:g} to {high:g})")
    return found


def remedy(settings: dict[str, Any], step: int) -> str:
    """What to do about a loss that is not finite at a step, half a sentence.

    Arguments
    ---------
    settings : dict
    step : int
        Of the optimiser, from 0. Before the first one no learning rate has had any effect.

    Returns
    -------
    str
    """
    far = unusual(settings)
    elsewhere = "and give another output_folder"
    if far:
        return f"{', '.join(far)}: set {'it' if len(far) == 1 else 'them'} to what is usual, {elsewhere}"
    if step == 0:
        return (
            "no step was made yet, so lr is not the cause: look at what you have set otherwise than the YAML, such as "
            "weights and temperatures of losses, the encoder in init or start_from, and precision"
        )
    return (
        "give --skip_nonfinite_grads, and the run goes on from its last checkpoint; or give a lower lr and another "
        "output_folder"
    )


def _value(settings, name):
    first, _, attribute = name.partition(".")
    value = settings.get(first)
    if not attribute:
        return value
    return getattr(value, "keywords", {}).get(attribute, getattr(value, attribute, None))  # of a !name:, or !new:
