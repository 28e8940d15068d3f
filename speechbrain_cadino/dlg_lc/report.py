"""What is told of the iterations of stage II."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speechbrain_cadino.training.finish import ITERATIONS
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.loggers import TrainLoggers
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.verification.report import format_table

PANELS = {
    "EER of the development list (%)": ["EER %"],
    "clusters": ["ami_speakers", "ami_previous", "same_spk_within", "same_spk_across"],
    "labels, last epoch": [
        "fraction_kept",
        "fraction_corrected",
        "gate_precision",
        "gate_recall",
        "corrected_accuracy",
    ],
}


class Report:
    """What is told of the iterations: a table, a CSV, a plot and the loggers; every rank must call it.

    Arguments
    ---------
    output : Path
        The folder of the CSV and the plot.
    train_loggers : dict
        As of `TrainLoggers`.
    """

    def __init__(self, output: Path, train_loggers: dict) -> None:
        self.output, self.history, self.loggers = output, History(), TrainLoggers(train_loggers)

    def add(self, row: dict[str, Any]) -> None:
        """Take in the metrics of an iteration, a dict with its number as ``iteration``."""
        self.history.add(row)
        told = {name for names in PANELS.values() for name in names} & set(row)
        self.loggers.log_stats({"iteration": row["iteration"]}, {name: row[name] for name in sorted(told)})
        if not is_main():
            return
        self.history.write_csv(self.output / "iterations.csv")
        self.history.plot(self.output / "iterations.png", PANELS, against="iteration")

    def show(self) -> None:
        """Print the table."""
        if is_main():
            columns = [name for name in ITERATIONS if name in self.history.columns()]
            print(f"\n{format_table(self.history.rows, columns)}")
