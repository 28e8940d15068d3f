"""What is told of the iterations of stage II."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechbrain_cadino.dlg_lc.side import FIRST, prefix_of
from speechbrain_cadino.training.finish import LARGE_MARGIN, tell_iterations
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.kept import advice, is_worse
from speechbrain_cadino.training.loggers import TrainLoggers
from speechbrain_cadino.utils.distributed import is_main

PANELS = {
    "EER of the development list (%)": ["EER %"],
    "clusters": ["ami_speakers", "ami_previous", "wrong_labels", "same_spk_within", "same_spk_across"],
}
OF_LABELS = ["fraction_kept", "fraction_corrected", "gate_precision", "gate_recall", "corrected_accuracy"]


class Report:
    """What is told of the iterations: a table, a CSV, a plot and the loggers; every rank must call it.

    Arguments
    ---------
    output : Path
        The folder of the CSV and the plot.
    train_loggers : dict
        As of `TrainLoggers`.
    init : str or None
        The encoder folder that it all began with.
    modalities : sequence of str
        The first one leads; the others' metrics have their names before.
    keeps_one : bool
        Whether there is an encoder of the first modality to keep.
    """

    def __init__(
        self,
        output: Path,
        train_loggers: dict,
        init: str | None,
        modalities: Sequence[str] = (FIRST,),
        keeps_one: bool = True,
    ) -> None:
        self.output, self.history, self.loggers = output, History(), TrainLoggers(train_loggers)
        self.init, self._keep, self._keeps_one = init, None, keeps_one
        self.panels = {
            title: [prefix_of(one) + name for one in modalities for name in names] for title, names in PANELS.items()
        }
        self.panels["EER of the development list (%)"].append("together_EER %")
        for one in modalities:  # a panel each: the curves of two in one panel cannot be told apart
            of = f" of {one}" if len(modalities) > 1 else ""
            self.panels[f"labels{of}, last epoch"] = [prefix_of(one) + name for name in OF_LABELS]

    def add(self, row: dict[str, Any], folder: Path) -> None:
        """Take in the metrics of an iteration, a dict with its number as ``iteration``, and its output folder.

        Its row says as ``keep`` which encoder to keep so far: the last that is not clearly under that of --init.
        """
        if self._keeps_one:
            row = row | {"keep": self._advice(row, folder)}
        self.history.add(row)
        told = {name for names in self.panels.values() for name in names} & set(row)
        self.loggers.log_stats({"iteration": row["iteration"]}, {name: row[name] for name in sorted(told)})
        if not is_main():
            return
        self.history.write_csv(self.output / "iterations.csv")
        self.history.plot(self.output / "iterations.png", self.panels, against="iteration")

    def _advice(self, row, folder):
        name = f"iteration {row['iteration']}" if row["step"] != LARGE_MARGIN else "the large margin"
        # Below the output folder, which may be renamed.
        keep = advice(row, folder.relative_to(self.output) / "encoder", self.init, name)
        if not is_worse(row):
            self._keep = keep
        elif self._keep is not None:
            keep = f"{self._keep}, after {name} {row['exported_half_rank']:.3f}"
        return keep

    def show(self) -> None:
        """Print the table, and which encoder to keep."""
        if is_main():
            tell_iterations(self.history)
