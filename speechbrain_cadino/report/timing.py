"""Where the time of a run went, by the times of its log."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from textwrap import fill

from speechbrain_cadino.report.drawing import COLOURS, SIZE, new_axes, svg_of
from speechbrain_cadino.report.panels import Panel
from speechbrain_cadino.training.clock import in_words
from speechbrain_cadino.training.left_files import START, log_lines

INTO, END = "Going into epoch ", re.compile(r"epoch: [1-9].*train seconds: ([\d.]+)")
EPOCHS, TESTS, CLUSTERS, SAVING, REST = (
    "training epochs", "evaluations within them", "embeddings and clusters between", "checkpoints",
    "starting, last layer, export",
)  # fmt: skip
LABEL_WIDTH = 21  # letters that the left margin has room for
MAX_BYTES = 50_000_000  # of a log; what is behind is left aside


def read_times(log: str | Path) -> dict[str, float]:
    """Seconds by what was done; the time between two starts of a run does not count.

    Arguments
    ---------
    log : str or Path
        A run's ``log.txt``.

    Returns
    -------
    dict of str to float
        Empty if there is no log, or no epoch in it.
    """
    found = dict.fromkeys((EPOCHS, TESTS, CLUSTERS, SAVING, REST), 0.0)
    last = epoch = None
    for time, logger, message in _lines(log):
        if message == START or last is None or time < last:
            last, epoch = time, None
            continue
        ended = END.search(message) if epoch is not None else None
        if message.startswith(INTO):
            found[REST if epoch is None else EPOCHS] += (time - (epoch or last)).total_seconds()
            last = epoch = time
        elif ended:
            whole, trained = (time - epoch).total_seconds(), float(ended[1])
            found[EPOCHS] += min(whole, trained)
            found[TESTS] += max(0.0, whole - trained)
            last, epoch = time, None
        elif epoch is None:
            found[_kind(logger)] += (time - last).total_seconds()
            last = time
    return {name: seconds for name, seconds in found.items() if seconds >= 0.05} if found[EPOCHS] else {}


def _kind(logger):
    if logger.startswith("speechbrain_cadino.clusters") or logger.endswith("training.decision"):
        return CLUSTERS
    return SAVING if logger.endswith(".checkpoints") else REST


def _lines(log):
    """Time, logger and message of each line that has them."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in log_lines(file.readlines(MAX_BYTES)):
                time = datetime.strptime(f"{line.time}.{line.milliseconds or 0}", "%Y-%m-%d %H:%M:%S.%f")
                yield time, line.logger, line.message
    except (OSError, ValueError):
        return


def time_panel(times: dict[str, float]) -> Panel | None:
    """Bars of `read_times`; None if there is nothing."""
    if not times:
        return None
    total = sum(times.values())
    names = list(times)[::-1]
    figure, axes = new_axes((SIZE[0], 0.7 + 0.42 * len(names)), left=2.1)
    bars = axes.barh(range(len(names)), [times[name] / total for name in names], color=COLOURS[0])
    axes.bar_label(bars, [in_words(times[name]) for name in names], padding=3)
    axes.set_yticks(range(len(names)), [fill(name, LABEL_WIDTH) for name in names])
    axes.set(xlim=(0, 1.18), xlabel="fraction of the time")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    said = "; ".join(f"{name} {in_words(seconds)}, {seconds / total:.0%}" for name, seconds in times.items())
    caption = f"{in_words(total)} in all, by the log; reading the corpus comes before it."
    return Panel("Where the time went", svg_of(figure, "time"), f"{caption} {said}.", "", caption)
