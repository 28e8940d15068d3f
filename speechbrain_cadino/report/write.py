"""A run's report: put together, and written into one file."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import matplotlib

from speechbrain_cadino.report import page
from speechbrain_cadino.report.curves import error_panel, halves_measured, halves_panel, training_panels, trial_counts
from speechbrain_cadino.report.drawing import SVG_SETTINGS
from speechbrain_cadino.report.embedding_map import map_panel
from speechbrain_cadino.report.labels import cluster_panels, gate_panels, loss_panels
from speechbrain_cadino.report.run import Run, Training, read_run
from speechbrain_cadino.report.settings import settings_part
from speechbrain_cadino.report.timing import read_times, time_panel
from speechbrain_cadino.report.trials import left_out, trial_panels
from speechbrain_cadino.report.words import stage_of, standing
from speechbrain_cadino.training.clock import in_words
from speechbrain_cadino.training.finish import ITERATIONS, TABLE
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.settings.faults import fault_line

logger = logging.getLogger(__name__)

REPORT = "report.html"
KEPT = "the encoder to keep"
NO_MAP = "No map of embeddings: there are no trusted clusters of enough utterances."


def write_report(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write the report of a run, finished or not, as one HTML file, all or nothing.

    Arguments
    ---------
    folder : str or Path
        The run's output folder.
    output : str or Path, optional
        The file; default: ``report.html`` in the folder.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UserError
        If the folder is none of a run, or the file cannot be written.
    """
    output = Path(folder) / REPORT if output is None else Path(output)
    if output.is_dir():
        raise UserError(f"{output} is a folder: name a file for the report, such as {output / REPORT}.")
    text = report_html(read_run(folder))
    try:
        with atomic_path(output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"The report {output} cannot be written ({error.strerror}): name another file.") from error
    return output


def report_or_warn(folder: str | Path) -> None:
    """Write the report of a run that has just ended, and say where it is; whatever goes wrong is a warning."""
    try:
        print(f"\nWhat the run looks like: {write_report(folder).resolve()}")
    except Exception as error:  # a run of hours does not fail for its report
        reason = error if isinstance(error, UserError) else f"{type(error).__name__}: {fault_line(error)}"
        logger.warning("The report of the run could not be written: %s", reason)


def report_html(run: Run) -> str:
    """The report of a run as an HTML document.

    Arguments
    ---------
    run : Run

    Returns
    -------
    str
    """
    with matplotlib.rc_context(SVG_SETTINGS):
        last = run.trainings[-1]
        shown = _shown(run)
        times = read_times(run.folder / "log.txt")
        mapped = _safely(map_panel, shown)
        ends = trial_panels(shown) + ([mapped] if mapped else [])
        parts = [_head(run, shown, times)]
        if run.is_iterated:
            parts.append(page.section("The iterations", _iteration_panels(run, shown)))
            parts.append(page.table(*_table(run.iterations, ITERATIONS)))
            parts += [_iteration(run, training, is_last=training is last) for training in run.trainings]
        else:
            parts.append(page.section("Training", training_panels(last, run.settings, _n_classes(run, last))))
            parts.append(page.section("Labels", _label_panels(last)))
            parts.append(page.section("The losses that the gate parts", loss_panels(last)))
            parts.append(page.folded("All epochs in numbers", page.table(*_table(last.rows, TABLE))))
        parts.append(page.section(f"Decisions and embeddings of {KEPT if shown.encoder else 'the run'}", ends))
        parts.append(page.bullets([*left_out(shown), *([] if mapped or not shown.encoder else [NO_MAP])]))
        time = time_panel(times)
        parts.append(page.section("Time", [time] if time else []))
        parts.append(settings_part(run))
        return page.page(f"{run.folder.resolve().name}: report of a training run", parts)


def _safely(make, *given):
    """A panel of much computing; None, with a warning, if that fails."""
    try:
        return make(*given)
    except (ValueError, ArithmeticError, MemoryError) as error:
        logger.warning("The report lacks a panel (%s): %s", make.__name__, fault_line(error))
        return None


def _shown(run):
    """The last training that has come to its end, else the last one."""
    ended = [training for training in run.trainings if training.encoder]
    return ended[-1] if ended else run.trainings[-1]


def _head(run, shown, times):
    state = standing(run)
    stage = stage_of(run.trainings[-1])
    info, rates = shown.info, shown.info.get("development list")
    numbers = []
    if isinstance(rates, dict) and isinstance(rates.get("EER %"), float):
        numbers.append((f"EER of {KEPT}", f"{rates['EER %']:.2f} %"))
    ranks = info.get("half_rank")
    if isinstance(ranks, dict) and isinstance(ranks.get("exported_half_rank"), float):
        numbers.append(("half_rank (1 is best)", f"{ranks['exported_half_rank']:.3f}"))
    if shown.threshold is not None:
        numbers.append(("threshold, without labels", f"{shown.threshold:.3f}"))
    if isinstance(info.get("utterances"), int):
        numbers.append(("training utterances", f"{info['utterances']:,}".replace(",", " ")))
    if times:
        numbers.append(("time", in_words(sum(times.values()))))
    version = run.record.get("version")
    small = " · ".join(filter(None, [stage, str(run.folder.resolve()), version and f"version {version}"]))
    name = "/".join(run.folder.resolve().parts[-2:])
    sentences = page.bullets([*state.sentences, *run.faults])
    advice = f"<h3>What to do next</h3>{page.bullets(state.advice)}" if state.advice else ""
    return (
        f'<h1>{page.escape(name)}</h1>\n<p class="small">{page.escape(small)}</p>\n'
        f'<div class="card {state.tone}"><div class="word">{page.escape(state.word)}</div>{page.figures(numbers)}'
        f"{sentences}{advice}</div>"
    )


def _iteration_panels(run, shown):
    rows = run.iterations
    counts = trial_counts(shown)
    prefixes = list(dict.fromkeys(prefix for training in run.trainings for prefix in training.prefixes))
    names = ["EER %", "together_EER %", *(f"{prefix}EER %" for prefix in prefixes if prefix)]
    title = "EER after each iteration (%)"
    found = [error_panel(rows, counts, "iteration", tuple(names), title)]
    measured = halves_measured(shown, run.number("retrieval_utterances"))
    found.append(halves_panel(rows, measured, "iteration", "exported_"))
    found += cluster_panels(rows, "iteration") + gate_panels(rows, prefixes, "iteration")
    return [panel for panel in found if panel]


def _label_panels(training):
    return cluster_panels(training.rows) + gate_panels(training.rows, training.prefixes)


def _iteration(run, training, is_last):
    title = training.name[:1].upper() + training.name[1:]
    panels = training_panels(training, run.settings, _n_classes(run, training)) + _label_panels(training)
    content = page.section("Training", panels, 3) + page.section(
        "The losses that the gate parts", loss_panels(training), 3
    )
    content += page.folded("All epochs in numbers", page.table(*_table(training.rows, TABLE)))
    return page.folded(title, content).replace("<details>", "<details open>", 1 if is_last else 0)


def _n_classes(run: Run, training: Training) -> int | None:
    """How many classes a training of stage II tells apart."""
    if not training.is_labelled():
        return None
    for row in run.iterations:
        if training.name == f"iteration {row.get('iteration')}" and isinstance(row.get("clusters"), int):
            return row["clusters"]
    try:
        with open(training.folder / "labels.csv", newline="", encoding="utf-8") as file:
            return len({row["cluster"] for row in csv.DictReader(file)} - {"-1", ""}) or None
    except (OSError, ValueError, LookupError, TypeError, csv.Error):
        return None


def _table(rows, names):
    """Header and rows of those columns that are there."""
    there = [name for name in names if any(name in row for row in rows)]
    return there, [[row.get(name) for name in there] for row in rows]
