#!/usr/bin/env python3
"""Run cells of an experiment (a YAML, overrides, seeds), some at once, each once, and compare them.

> python benchmarks/sweep.py ablation.yaml --output results/ablation

README.md beside this file says what the sweep file holds. Stopped at any moment, the same command goes on; what is
finished is not run again.
"""

import argparse

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from sweep_file import read_sweep
    from sweep_runs import LOG, run_all
    from sweep_table import write_table

    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors


def main(arguments=None):
    options = parse(arguments)
    return run_sweep(options)


def run_sweep(options):
    """Do what the command line says, print the table, and give the `Sweep`."""
    sweep = read_sweep(options.sweep, options.output)
    runs = [] if options.table else sweep.runs(options.only, options.seeds, options.corpora)
    failures = run_all(runs, sweep.output, options.jobs) if runs else {}
    print(write_table(sweep))
    for name, reason in failures.items():
        print(f"{name}: {reason}")
    if failures:
        raise UserError(
            f"{len(failures)} of {len(runs)} runs are not finished: see {LOG} in their folders, put right what is "
            "wrong, and give the same command again."
        )
    return sweep


def parse(arguments, description=__doc__):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="the sweep file, YAML")
    parser.add_argument("--output", help="folder of all runs, [CORPUS/]CELL/SEED each (default: the file's output)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, a thread each (default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="run these seeds alone")
    parser.add_argument("--corpora", nargs="+", metavar="CORPUS", help="run on these corpora alone")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", metavar="CELL", help="run these cells alone")
    what.add_argument("--table", action="store_true", help="run nothing, print the table of what is finished")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        raise UserError(f"--jobs is {options.jobs}: give at least 1.")
    return options


if __name__ == "__main__":
    with one_sentence_errors():
        main()
