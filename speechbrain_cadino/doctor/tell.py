"""A diagnosis for people and for machines."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from speechbrain_cadino.doctor.diagnosis import Diagnosis
from speechbrain_cadino.doctor.finding import DOUBTFUL, ILL, LEVELS
from speechbrain_cadino.doctor.record import RunRecord

HEALTHY, ILL_STATUS = 0, 3  # exit statuses; 1 and 2 are errors, of the record and of the command line
WIDTH = 110
WORDS = {
    ILL: "This run is ill.",
    DOUBTFUL: "Nothing is plainly wrong with this run, but look at this.",
    None: "Nothing is wrong with this run, as far as its record tells.",
}


def exit_status(diagnosis: Diagnosis) -> int:
    """0, or 3 if something is plainly wrong; what is doubtful, and notes, do not count."""
    return ILL_STATUS if diagnosis.worst == ILL else HEALTHY


def summary(record: RunRecord) -> str:
    """What the run is, and how far it has come, in one sentence.

    Arguments
    ---------
    record : RunRecord

    Returns
    -------
    str
    """
    state = "is running" if record.running else "is finished" if record.finished else "has not come to its end"
    corpus = f" on {record.corpus.utterances} utterances" if record.corpus.utterances else ""
    corpus += f" ({record.corpus.hours:.1f} h)" if record.corpus.hours else ""
    version = f", version {record.version}" if record.version else ""
    done = "; ".join(
        f"{part.name or 'stage ' + part.stage}: {part.epochs}{'' if part.limit is None else f' of {part.limit}'} epochs"
        for part in record.parts
    )
    so_far = " All is said of what there is so far." if record.running else ""
    return f"The run in {record.folder}{corpus}{version} {state}{f' ({done})' if done else ''}.{so_far}"


def tell(diagnosis: Diagnosis) -> str:
    """For people: the most serious first, then where the run stands beside healthy ones."""
    lines = [summary(diagnosis.record), WORDS.get(diagnosis.worst, WORDS[None]), ""]
    for level in LEVELS:
        for finding in diagnosis.findings:
            if finding.level == level:
                lines += _wrapped(f"{level.upper():9}", finding.text())
    if diagnosis.standing:
        lines += ["", "Beside healthy runs:", *(line for one in diagnosis.standing for line in _wrapped("  -", one))]
    if diagnosis.record.lacking:
        lines += ["", f"Not there, or not readable, and so not looked at: {', '.join(diagnosis.record.lacking)}."]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip()


def as_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """For machines, in what JSON has: numbers that are not finite are None.

    Returns
    -------
    dict
        ``folder``, ``state``, ``verdict`` (the worst level, or ``healthy``), ``findings`` (each with ``rule``,
        ``level``, ``part``, ``seen``, ``consequence``, ``remedy``, ``figures``), ``beside_healthy_runs``, ``lacking``.
    """
    record = diagnosis.record
    return {
        "folder": str(record.folder),
        "state": "running" if record.running else "finished" if record.finished else "stopped",
        "version": record.version,
        "epochs": {part.name: [part.epochs, part.limit] for part in record.parts},
        "verdict": diagnosis.worst or "healthy",
        "findings": [_plain(vars(finding)) for finding in diagnosis.findings],
        "beside_healthy_runs": diagnosis.standing,
        "lacking": record.lacking,
    }


def _wrapped(head, text):
    # Not within words, which may be paths.
    return textwrap.wrap(
        f"{head} {text}", WIDTH, subsequent_indent=" " * (len(head) + 1), break_long_words=False, break_on_hyphens=False
    )


def _plain(value):
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (bool, str, int)) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else None
