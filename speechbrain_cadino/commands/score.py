"""``score``: a score file -> error rates with intervals, and a DET curve."""

from __future__ import annotations

import click

from speechbrain_cadino.commands.options import SEED, Once, check_files, example
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.imports import stoppable_imports

OUTPUTS = (".csv", ".json", ".md")


@click.command(
    "score",
    cls=Once,
    short_help="a score file to error rates with intervals",
    epilog=example(
        "speechbrain-cadino score results/verify/decisions_trials.csv --det det.png",
        "speechbrain-cadino score scores.txt --trials trials.txt --threshold 0.3 -o metrics.csv",
    ),
)
@click.argument("scores")
@click.option("--trials", help="trial list that has the labels, in any order  [default: those of the score file]")
@click.option("--column", help="of a table, only these scores  [default: all columns]")
@click.option("--threshold", type=float, help="of cosines, for the actual cost")
@click.option("--encoder", help="folder whose threshold that is")
@click.option("--log_odds", is_flag=True, help="scores are natural log-odds (a column log_odds is taken so anyway)")
@click.option("--p_target", type=float, multiple=True, default=(0.01, 0.05), show_default=True, help="of the costs")
@click.option("--speaker_pattern", help="regular expression of the speaker in a name, such as '^([^/]+)/'")
@click.option("--n_bootstrap", type=int, default=1000, show_default=True, help="draws of speakers; 0: no intervals")
@click.option("--level", type=float, default=0.95, show_default=True, help="of the intervals")
@click.option("--seed", type=SEED, default=0, show_default=True, help="of the draws")
@click.option("--det", help="picture of the DET curve to write (png)")
@click.option("--output", "-o", help="file to write the table to: .csv, .json or .md")
def command(scores, trials, column, threshold, encoder, log_odds, p_target, det, output, **bootstrap) -> None:
    """Error rates of scores: EER, minDCF, actual DCF, Cllr, each with the interval that other speakers would give.

    SCORES has lines of 'label enrol test score' or 'enrol test score', or is a table with a header, such as verify's
    decisions_LIST.csv. Speakers, not trials, are drawn anew: trials of one speaker tell the same thing again.
    """
    if output and not output.lower().endswith(OUTPUTS):
        raise UserError(f"{output} has another suffix: call the output .csv, .json or .md.")
    if det and not det.lower().endswith(".png"):
        raise UserError(f"{det} has another suffix: call the picture .png.")
    check_files({"--output": output, "--det": det}, [scores, trials])
    if threshold is not None and encoder:
        raise UserError("There are --threshold and --encoder: give one of them.")
    with stoppable_imports():
        from speechbrain_cadino.verification.report import format_table
        from speechbrain_cadino.verification.score_files import read_scores
        from speechbrain_cadino.verification.score_report import ScoreReport
    threshold = _threshold_of(encoder) if encoder else threshold
    n_replicates = bootstrap.pop("n_bootstrap")
    report = ScoreReport(tuple(dict.fromkeys(p_target)), threshold, log_odds, n_replicates=n_replicates, **bootstrap)
    found = read_scores(scores, trials, column)
    report.check_threshold(found, scores, cosines=bool(encoder))
    rows, notes = report(found)
    table = format_table(rows)
    print(table)
    for note in notes:
        print(note)
    if det:
        from speechbrain_cadino.verification.det import write_det

        write_det({name: (own, found.labels) for name, own in found.scores.items()}, det)
    if output:
        _write(rows, table, output)


def _threshold_of(encoder):
    from pathlib import Path

    from speechbrain_cadino.encoder.load import METADATA, read_metadata
    from speechbrain_cadino.encoder.rebuild import check_whole

    metadata = read_metadata(Path(encoder))
    check_whole(Path(encoder), METADATA, metadata)
    threshold = metadata["threshold"]
    if threshold is None:
        raise UserError(f"The encoder {encoder} has no threshold: give --threshold.")
    return threshold


def _write(rows, table, output):
    import json

    from speechbrain_cadino.utils.files import atomic_path, write_csv

    if output.lower().endswith(".csv"):
        columns = list(dict.fromkeys(name for row in rows for name in row))
        write_csv(output, columns, [[row.get(name, "") for name in columns] for row in rows])
        return
    with atomic_path(output) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) if output.lower().endswith(".json") else table + "\n", "utf-8")
