"""``doctor``: whether a run is well, by what its folder says."""

from __future__ import annotations

import json

import click

from speechbrain_cadino.commands.options import example
from speechbrain_cadino.utils.imports import stoppable_imports


@click.command(
    "doctor",
    short_help="is this run well? by its folder alone",
    epilog="Exit status: 0 if nothing is plainly wrong (what is doubtful does not count), 3 if something is, 1 if RUN "
    "cannot be read.\n\n" + example("speechbrain-cadino doctor results/small/1986"),
)
@click.argument("run", type=click.Path(), metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="for machines: one JSON object")
@click.pass_context
def command(context: click.Context, run: str, as_json: bool) -> None:
    """Say whether the training with the output folder RUN is well.

    Did it learn, collapse, overfit, wait for data, end too early? What are its clusters, what did its gate do? Each
    sentence has the figures that it rests on, what follows, and which setting to change; the most serious comes first.
    Then where the run stands beside healthy ones. A run that is at work, was stopped, or was copied in part will do.
    """
    with stoppable_imports():
        from speechbrain_cadino.doctor.diagnosis import examine
        from speechbrain_cadino.doctor.tell import as_dict, exit_status, tell
    diagnosis = examine(run)
    print(json.dumps(as_dict(diagnosis), indent=2, allow_nan=False) if as_json else tell(diagnosis))
    context.exit(exit_status(diagnosis))
