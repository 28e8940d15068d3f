#!/usr/bin/env python3
"""Stage II with so many times the clusters that another run has found by `n_clusters: auto`; all else is train.py's.

> python benchmarks/with_clusters.py hparams/demo/dlg_lc.yaml --auto RUN --factor 0.5 ...

At least 2 clusters, and at most nine tenths of the utterances.
"""

import argparse
import os
import runpy
import sys
from pathlib import Path

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from sweep_file import TRAIN

    from speechbrain_cadino.clusters.table import read_label_table
    from speechbrain_cadino.training.history import History
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors

MOST = 0.9  # of the utterances: with more, hardly any cluster has two


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("hparams", type=Path, help="a YAML of stage II")
    parser.add_argument("--auto", type=Path, required=True, help="output folder of a run with n_clusters auto")
    parser.add_argument("--factor", type=float, required=True)
    options, rest = parser.parse_known_args(arguments)
    n_clusters = number(options.auto, options.factor)
    print(f"{n_clusters} clusters, {options.factor:g} times those of {options.auto}", flush=True)
    sys.argv = [TRAIN.name, str(options.hparams.resolve()), *rest, "--n_clusters", str(n_clusters)]
    os.chdir(TRAIN.parent)
    sys.path[0] = str(TRAIN.parent)
    runpy.run_path(TRAIN.name, run_name="__main__")


def number(run, factor):
    """``factor`` times the clusters of a run's first iteration, as far as its utterances allow."""
    table, labels = run / "iterations.csv", run / "iteration_1/labels.csv"
    if not (table.is_file() and labels.is_file()):
        raise UserError(f"--auto is {run}, where there is no iterations.csv: give a finished run of stage II.")
    clusters, items = History.read_csv(table).rows[0]["clusters"], len(read_label_table(labels))
    return max(2, min(round(factor * clusters), int(MOST * items)))


if __name__ == "__main__":
    with one_sentence_errors():
        main()
