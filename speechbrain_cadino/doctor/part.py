"""One training of a run, as its folder has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Part:
    """One training: of stage I the run itself, of stage II an iteration or the large margin.

    Arguments
    ---------
    name : str
        '' for the run itself.
    folder : Path
    rows : list of dict
        Of ``epochs.csv``; that of epoch 0 has what was measured before training.
    settings : mapping
        Name -> value, those of objects as ``crops.n_global``.
    info : dict
        What the exported encoder's folder says of the training; empty where there is none yet.
    result : dict
        The row of ``iterations.csv``, of stage II.
    fault : str
        In what ``epochs.csv`` is not as it was written, '' if it is.
    """

    name: str
    folder: Path
    rows: list = field(default_factory=list)
    settings: Mapping = field(default_factory=dict)
    info: dict = field(default_factory=dict)
    result: dict = field(default_factory=dict)
    fault: str = ""

    @property
    def trained(self) -> list[dict]:
        """The rows of epochs that were trained, from 1."""
        return [row for row in self.rows if count(row.get("epoch")) > 0]

    @property
    def epochs(self) -> int:
        """How many are done."""
        return max((count(row.get("epoch")) for row in self.rows), default=0)

    @property
    def limit(self) -> int | None:
        """How many were asked for; None if that is not known, as where more are done."""
        asked = count(self.settings.get("number_of_epochs"))
        return asked if asked and asked >= self.epochs else None

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, as far as is known."""
        return bool(self.info) if self.limit is None else self.epochs >= self.limit

    @property
    def stage(self) -> str:
        """``I`` or ``II``, by what was recorded."""
        return "II" if any("label_loss" in row or "gate_threshold" in row for row in self.rows) else "I"

    def number(self, name: str, default: float | None = None) -> float | None:
        """A setting that is a finite number other than 0, else the default."""
        value = self.settings.get(name)
        return value if is_number(value) and value else default

    def series(self, name: str) -> list[float]:
        """A metric of the trained epochs, where it is a finite number."""
        return [row[name] for row in self.trained if is_number(row.get(name))]


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def count(value: Any) -> int:
    """A whole number, 0 for what is none."""
    return int(value) if is_number(value) else 0
