"""Values that change over the run, as pure functions of the optimiser step: there is no state to save or to resume.

A YAML file states lengths in epochs; the number of steps in an epoch is known only when the data is, and the Brain
gives it with the step: ``schedule.value(step, steps_per_epoch)``. Left out, one step counts as one epoch, so that
lengths are in steps. After their length, schedules keep their last value.
"""

from __future__ import annotations

import math

from speechbrain_cadino.utils.errors import UserError


class Constant:
    """The same value at every step.

    Arguments
    ---------
    level : float
        The value.

    Example
    -------
    >>> Constant(0.04).value(7)
    0.04
    """

    def __init__(self, level: float) -> None:
        self.level = level

    def value(self, step: int, steps_per_epoch: int = 1) -> float:
        """The value at an optimiser step, counted from 0."""
        return self.level


class Linear:
    """A straight line from one value to another over the first epochs, e.g. the warm-up of the teacher's temperature.

    Arguments
    ---------
    start : float
        Value at step 0.
    end : float
        Value after ``epochs``.
    epochs : float
        Length; 0 gives ``end`` at once.

    Example
    -------
    >>> temperature = Linear(start=0.04, end=0.07, epochs=30)
    >>> round(temperature.value(step=1500, steps_per_epoch=100), 4)
    0.055
    """

    def __init__(self, start: float, end: float, epochs: float) -> None:
        _check_length("epochs", epochs)
        self.start, self.end, self.epochs = start, end, epochs

    def value(self, step: int, steps_per_epoch: int = 1) -> float:
        """The value at an optimiser step, counted from 0."""
        return self.start + (self.end - self.start) * _fraction(step / steps_per_epoch, self.epochs)


class Cosine:
    """Half a cosine from one value to another, e.g. the teacher's momentum from 0.996 to 1.

    Arguments
    ---------
    start : float
        Value at step 0.
    end : float
        Value after ``epochs``.
    epochs : float
        Length.

    Example
    -------
    >>> momentum = Cosine(start=0.996, end=1.0, epochs=150)
    >>> round(momentum.value(step=7500, steps_per_epoch=100), 4)
    0.998
    """

    def __init__(self, start: float, end: float, epochs: float) -> None:
        _check_length("epochs", epochs)
        self.start, self.end, self.epochs = start, end, epochs

    def value(self, step: int, steps_per_epoch: int = 1) -> float:
        """The value at an optimiser step, counted from 0."""
        fraction = _fraction(step / steps_per_epoch, self.epochs)
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * fraction)) / 2


class WarmupCosine:
    """A straight line from 0 to the peak, then half a cosine down, as the learning rate goes.

    Arguments
    ---------
    peak : float
        Value after the warm-up.
    end : float
        Value after ``epochs``.
    epochs : float
        Length of the whole run, the warm-up included.
    warmup_epochs : float
        Length of the warm-up; 0 starts at the peak.

    Raises
    ------
    UserError
        If the warm-up is as long as the run.

    Example
    -------
    >>> rate = WarmupCosine(peak=0.2, end=5e-5, epochs=150, warmup_epochs=20)
    >>> round(rate.value(step=1000, steps_per_epoch=100), 4)
    0.1
    """

    def __init__(self, peak: float, end: float, epochs: float, warmup_epochs: float) -> None:
        _check_length("warmup_epochs", warmup_epochs)
        if warmup_epochs >= epochs:
            raise UserError(
                f"warmup_epochs is {warmup_epochs} and the run has {epochs} epochs: give a shorter warm-up."
            )
        self.warmup_epochs = warmup_epochs
        self.warmup = Linear(0.0, peak, warmup_epochs)
        self.descent = Cosine(peak, end, epochs - warmup_epochs)

    def value(self, step: int, steps_per_epoch: int = 1) -> float:
        """The value at an optimiser step, counted from 0."""
        epochs = step / steps_per_epoch
        if epochs < self.warmup_epochs:
            return self.warmup.value(epochs)
        return self.descent.value(epochs - self.warmup_epochs)


def _check_length(name, epochs):
    if epochs < 0:
        raise UserError(f"A schedule has {name} = {epochs}: give a length of 0 or more epochs.")


def _fraction(epochs, length):
    """The fraction of a length that has passed, 1 at most."""
    return min(epochs / length, 1.0) if length > 0 else 1.0
