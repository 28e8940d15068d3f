"""The metrics of every epoch: a CSV and a plot beside the log, and part of every checkpoint."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from speechbrain_cadino.utils.files import write_csv
from speechbrain_cadino.utils.plots import write_figure

IN_A_ROW = 4  # panels
STYLES = ("-", "--", "-.", ":")  # in turn, so that of curves that lie on each other each is seen


@register_checkpoint_hooks
class History:
    """One row of metrics an epoch. Being a recoverable, it agrees with the checkpoint from which a run goes on.

    Example
    -------
    >>> history = History()
    >>> history.add({"epoch": 1, "loss": 6.9})
    >>> history.rows[-1]["loss"]
    6.9
    """

    def __init__(self) -> None:
        self.rows = []

    def add(self, row: dict[str, Any]) -> None:
        """Append the metrics of an epoch, a dict of numbers; rows may differ in their keys."""
        self.rows.append(dict(row))

    def columns(self):
        """All keys, in the order of their first use."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    def write_csv(self, path: str | Path) -> None:
        """Write all rows; what a row lacks is left empty."""
        columns = self.columns()
        write_csv(path, columns, ([row.get(name, "") for name in columns] for row in self.rows))

    @classmethod
    def read_csv(cls, path: str | Path) -> History:
        """The rows that `write_csv` wrote."""
        history = cls()
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                history.add({name: number_or_text(text) for name, text in row.items() if text})
        return history

    def plot(self, path: str | Path, panels: dict, against: str = "epoch") -> None:
        """Draw metrics against the epoch, or another column, as a PNG.

        Arguments
        ---------
        path : str or Path
        panels : dict
            Title of a panel to the list of columns drawn in it; one with nothing to draw is left out.
        against : str
        """
        from matplotlib.figure import Figure  # no window system, no global state
        from matplotlib.ticker import MaxNLocator

        drawn = {title: names for title, names in panels.items() if any(map(self._has, names))} or panels
        columns = min(len(drawn), IN_A_ROW)
        rows = -(-len(drawn) // columns)
        width, height = 4 * columns, 3.2 * rows  # inches; drawn each epoch, and "constrained" is 2.5 times slower
        figure = Figure(figsize=(width, height))
        figure.subplots_adjust(0.5 / width, 0.48 / height, 1 - 0.15 / width, 1 - 0.32 / height, 0.2, 0.35)
        for number, (title, names) in enumerate(drawn.items(), start=1):
            axes = figure.add_subplot(rows, columns, number)
            for name in filter(self._has, names):
                points = [(row[against], row[name]) for row in self.rows if math.isfinite(row.get(name, math.nan))]
                style = STYLES[len(axes.lines) % len(STYLES)]
                axes.plot(*zip(*points), style, label=name, marker="." if len(points) < 50 else None)
            axes.set(title=title, xlabel=against)
            first, last = axes.dataLim.intervalx
            if first == last:  # else its ticks are fractions of an epoch, one over the other
                axes.set_xlim(first - 1, first + 1)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if axes.lines:
                axes.legend(fontsize="small")
        write_figure(figure, path)

    def _has(self, name):
        return any(math.isfinite(row.get(name, math.nan)) for row in self.rows)

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the rows as JSON."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.rows, file)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Read the rows back."""
        with open(path, encoding="utf-8") as file:
            self.rows = json.load(file)


def number_or_text(text: str) -> int | float | str:
    """A cell of a CSV: a number if it is one.

    Example
    -------
    >>> number_or_text("3"), number_or_text("2.5"), number_or_text("DLG-LC")
    (3, 2.5, 'DLG-LC')
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
