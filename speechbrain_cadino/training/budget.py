"""How long, in what batches and with how many prototypes and clusters to train: numbers that follow the corpus.

The settings that a YAML gives as ``auto`` get them (``small.yaml`` and its kin). Nearly all is C, our choice: two
corpora were tried (RESULTS.md: calls, 2.15 h, and the demo's, 1.1 h), and the authors' public code says what they do at
2,300 h. In between is a straight line in logarithms, a guess.

Pure functions of the utterances' lengths and of what the user has fixed.
"""

from __future__ import annotations

import math

import numpy as np

from speechbrain_cadino.clusters.fine import fine_clusters
from speechbrain_cadino.utils.errors import UserError

# Under this a batch norm and a batch of other utterances make no sense.
MIN_UTTERANCES = 16
# Hours of speech -> optimiser steps of stage I: what calls.yaml does; a guess; what dino.yaml does.
HOURS, STEPS = (2.15, 8.0, 2300.0), (264, 1240, 638_000)
# The teacher's memory grows with the run from 1 / 0.03 steps (calls.yaml) to 1 / 0.004 (dino.yaml).
FORGETTING = (0.03, 0.004)
# Hours in which the views grow from those of calls.yaml to the published ones: a guess.
GROWING_HOURS = (8.0, 100.0)
PRELOADED_HOURS = 20  # 2.3 GB
TELEPHONE_HERTZ = 4000  # an encoder of such a band hears telephone speech
MOST_EPOCHS = 150  # dino.yaml's; tiny corpora say nothing new after so many


def stage_one(durations: np.ndarray, given: dict | None = None) -> dict:
    """The numbers of DINO and cluster-aware DINO.

    Arguments
    ---------
    durations : np.ndarray
        (n,) seconds of the utterances.
    given : dict, optional
        Numbers that are fixed: others follow them, such as the epochs the batch size.

    Returns
    -------
    dict
        Name of a setting to its number.

    Raises
    ------
    UserError
        If there are too few utterances.

    Example
    -------
    >>> numbers = stage_one(np.full(1058, 7.3))
    >>> [numbers[name] for name in ("number_of_epochs", "batch_size", "n_prototypes", "warmup_epochs")]
    [8, 32, 1024, 1]
    """
    numbers = _Numbers(durations, given)
    n, hours = numbers.n, numbers.hours
    numbers["n_prototypes"] = _power_of_two(n, 256, 65536)
    epochs = numbers.epochs(math.exp(_line(hours, HOURS, np.log(STEPS))))
    steps = epochs * numbers.steps_per_epoch
    numbers["momentum_start"] = round(1 - math.exp(_line(steps, STEPS[::2], np.log(FORGETTING))), 4)
    numbers["cluster_start_epoch"] = max(1, epochs // 4)
    numbers["cluster_every"] = min(5, max(2, epochs // 6))  # up to some five times; then dino.yaml's
    return dict(numbers)


def stage_two(durations: np.ndarray, given: dict | None = None) -> dict:
    """The numbers of an iteration of DLG-LC.

    Arguments
    ---------
    durations, given :
        As of `stage_one`.

    Returns
    -------
    dict
    """
    numbers = _Numbers(durations, given)
    # 20 epochs, 560 to 660 steps, in demo/dlg_lc.yaml and dlg_lc_calls.yaml; 40 in dlg_lc.yaml.
    epochs = numbers.epochs(max(400, _line(numbers.hours, (HOURS[0], HOURS[2]), (20, 40)) * numbers.steps_per_epoch))
    numbers["margin_warmup_epochs"] = 3 * epochs // 4
    numbers["correction_start_epoch"] = max(2, epochs // 2)
    return dict(numbers)


class _Numbers(dict):
    """Numbers of both stages; what is given stays as it is."""

    def __init__(self, durations, given):
        self.n, self.hours = len(durations), float(np.sum(durations)) / 3600
        if self.n < MIN_UTTERANCES:
            raise UserError(
                f"{self.n} utterances are too few to train on: give {MIN_UTTERANCES} or more, some hundred for an "
                "encoder that learns anything; a smaller max_duration in prepare_options cuts long files into more."
            )
        self.given = {name: value for name, value in (given or {}).items() if value is not None}
        self["batch_size"] = _power_of_two(math.sqrt(self.n), 16, 256)
        self.steps_per_epoch = max(1, self.n // self["batch_size"])
        longest = _line(self.hours, GROWING_HOURS, (2.0, 3.0))
        self["global_seconds"] = round(float(np.clip(0.45 * np.median(durations), 0.5, longest)), 1)
        self["local_seconds"] = round(0.6 * self["global_seconds"], 1)
        self["n_fine"] = max(fine_clusters(self.n), 1 + int(np.max(self.given.get("n_clusters", 0))))
        self["preload"] = self.hours <= PRELOADED_HOURS
        # Telephones are simulated for telephone speech alone: on wide-band speech that harms (read_speech.md).
        self["channel_prob"] = float(self.given.get("f_max", math.inf) <= TELEPHONE_HERTZ)

    def __setitem__(self, name, value):
        super().__setitem__(name, self.given.get(name, value))

    def epochs(self, steps):
        """Set what is counted in epochs, of about so many steps in all; gives the number of epochs."""
        self["number_of_epochs"] = min(max(2, round(steps / self.steps_per_epoch)), MOST_EPOCHS)
        epochs = self["number_of_epochs"]
        self["warmup_epochs"] = round(epochs / 8) if epochs > 4 else 1 if epochs > 1 else 0
        self["evaluate_every"] = max(1, epochs // 4)
        return epochs


def _line(x, xs, ys):
    """A straight line over the logarithm of x, level outside."""
    return float(np.interp(math.log(max(x, 1e-9)), np.log(xs), ys))


def _power_of_two(value, low, high):
    """The nearest power of two, by ratio, within bounds that are powers of two."""
    return int(min(max(2 ** round(math.log2(value)), low), high))
