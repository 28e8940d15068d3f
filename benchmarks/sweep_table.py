"""What the finished runs of a sweep have come to, and how their cells compare, seed by seed."""

import csv
import json

import numpy as np
from scipy import stats
from sweep_by_corpus import UNREFITTED, corpora_table
from sweep_runs import is_finished

from speechbrain_cadino.utils.files import atomic_path, write_csv
from speechbrain_cadino.verification.report import format_table

EER = "EER %"
AVERAGED = "EER % averaged"
KEPT = "EER % kept"
FORMATS = {"relative %": ".1f"}
TABLE, RUNS = "table.md", "runs.csv"


def write_table(sweep):
    """The table of a sweep, by corpus where it has corpora; written beside the runs too, with what each has come to.

    Arguments
    ---------
    sweep : Sweep

    Returns
    -------
    str
        See `make_table` and `corpora_table`.
    """
    found = {run: metrics(run.folder, [EER, *sweep.columns]) for run in sweep.trainings() if is_finished(run)}
    for of_run in found.values():
        if AVERAGED in of_run or EER in of_run:  # stage II, which averages each iteration, has only this one
            of_run[KEPT] = of_run.get(AVERAGED, of_run.get(EER))
    table = corpora_table(sweep, found, [KEPT, *sweep.columns]) if sweep.corpora else make_table(sweep, found)
    if found:
        with atomic_path(sweep.output / TABLE) as temporary:
            temporary.write_text(f"{table}\n", encoding="utf-8")
        names = list(dict.fromkeys(name for of_run in found.values() for name in of_run))
        rows = [[run.name, *(of_run.get(name, "") for name in names)] for run, of_run in found.items()]
        write_csv(sweep.output / RUNS, ["run", *names], rows)
    return table


def make_table(sweep, found):
    """The table of a sweep: a row for each figure and cell, over the runs that are finished.

    Arguments
    ---------
    sweep : Sweep
    found : dict
        Finished `Run` to what `metrics` gives.

    Returns
    -------
    str
        Columns as of `summary` and `comparison`; the metrics are the last epoch's EER, that of the averaged encoder
        where a run has it apart, and the sweep's ``columns``.
    """
    averaged = [AVERAGED] if any(AVERAGED in of_run for of_run in found.values()) else []  # stage II has it as the EER
    names = [EER, *averaged, *sweep.columns]
    rows = []
    for name in names:
        values = {cell.name: {} for cell in sweep.cells}
        for run, of_run in found.items():
            if name in of_run:
                values[run.cell.name][run.seed] = of_run[name]
        for cell, by_seed in values.items():
            row = {"figure": name, "cell": cell, **summary(by_seed)}
            if sweep.baseline not in (None, cell):
                row |= comparison(by_seed, values[sweep.baseline])
            rows.append(row)
    return format_table(rows, formats=FORMATS)


def metrics(folder, columns):
    """The metrics of a run, name to float; one that it does not have is left out.

    Arguments
    ---------
    folder : Path
    columns : list of str
        Of ``epochs.csv``, or of the ``iterations.csv`` of stage II, whose EERs are the exported encoders'; the last
        value counts, in whichever epoch it is. `UNREFITTED`: of the last encoder to keep, before its refit if there
        was one.
    """
    found = {}
    for path in (folder / "epochs.csv", folder / "iterations.csv"):
        if path.is_file():
            with open(path, encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    found |= {name: float(row[name]) for name in columns if row.get(name)}
    iterations = sorted(folder.glob("iteration_*/encoder"), key=lambda path: int(path.parent.name.rpartition("_")[2]))
    for encoder in [folder / "encoder", *iterations]:
        if not (encoder / "encoder.json").is_file():
            continue
        info = json.loads((encoder / "encoder.json").read_text(encoding="utf-8"))["info"]
        if encoder.parent == folder and "development list" in info:
            found[AVERAGED] = info["development list"][EER]
        before = info.get("development list, without last_layer_refit", info.get("development list"))
        if before and UNREFITTED in columns:
            found[UNREFITTED] = before[EER]
    return found


def summary(values):
    """Number, mean and standard deviation (n - 1) of a figure by seed; what so few values do not give is left out.

    Example
    -------
    >>> summary({1: 9.0, 2: 11.0, 3: 10.0})
    {'seeds': 3, 'mean': 10.0, 'sd': 1.0}
    """
    row = {"seeds": len(values)}
    if values:
        row["mean"] = float(np.mean(list(values.values())))
    if len(values) > 1:
        row["sd"] = float(np.std(list(values.values()), ddof=1))
    return row


def comparison(values, baseline):
    """How a figure differs from the baseline's over the seeds that both have, below 0 where it is the smaller.

    Arguments
    ---------
    values, baseline : dict
        Seed to figure.

    Returns
    -------
    dict
        "pairs"; "difference", the mean of the paired differences; "relative %", the change of the mean;
        "95 % from" and "95 % to", Student's t interval of the paired differences. What so few pairs do not give is
        left out.

    Example
    -------
    >>> row = comparison({1: 9.0, 2: 7.0, 5: 1.0}, {1: 10.0, 2: 10.0, 3: 1.0})
    >>> row["pairs"], row["difference"], row["relative %"]
    (2, -2.0, -20.0)
    """
    seeds = values.keys() & baseline.keys()
    row = {"pairs": len(seeds)}
    if not seeds:
        return row
    ours, theirs = (np.array([figure[seed] for seed in seeds]) for figure in (values, baseline))
    differences = ours - theirs
    mean = row["difference"] = float(differences.mean())
    if theirs.mean() != 0:
        row["relative %"] = float(100 * mean / theirs.mean())
    if len(seeds) > 1:
        half = float(stats.t.ppf(0.975, len(seeds) - 1) * stats.sem(differences))
        row |= {"95 % from": mean - half, "95 % to": mean + half}
    return row
