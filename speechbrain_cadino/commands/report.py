"""``report``: what a run looks like, as one page of HTML."""

from __future__ import annotations

import click

from speechbrain_cadino.commands.options import Once, example
from speechbrain_cadino.utils.imports import stoppable_imports


@click.command(
    "report",
    cls=Once,
    short_help="what a run looks like: one page of HTML",
    epilog=example("speechbrain-cadino report results/small/1986 -o report.html"),
)
@click.argument("run", type=click.Path(), metavar="RUN")
@click.option("--output", "-o", type=click.Path(), help="file to write  [default: report.html in RUN]")
def command(run: str, output: str | None) -> None:
    """Draw what the training with the output folder RUN looks like.

    One file that needs no network: curves, labels, the gate's losses, DET and calibration, a map of embeddings, where
    the time went, settings, and what to do next. Panels of what a run has not left are left out, so that a run that is
    at work, was stopped, or is of an older version will do.
    """
    with stoppable_imports():
        from speechbrain_cadino.report import write_report
    print(f"The report is {write_report(run, output).resolve()}.")
