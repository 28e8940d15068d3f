"""What a run's ``log.txt`` says beside its tables: steps that were not made, files, gates, remarks, its end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from speechbrain_cadino.training.left_files import START, log_lines

SKIPPED = re.compile(r"^Step \d+ is not made")
UNREADABLE = re.compile(r"^Epoch (\d+): (\d+) of (\d+) items could not be read and were replaced; the first: (.*)$")
GATE = re.compile(r"^The gate after epoch (\d+): (.*)$")
REMARKS, REPEATED = "speechbrain_cadino.training.remarks", "Look at this before you use the encoder"
ENDS = "speechbrain_cadino.utils.errors"


@dataclass
class LogFacts:
    """What was found in a log.

    Attributes
    ----------
    starts : int
        How often the run was started.
    skipped : int
        Steps that were not made, as their loss or gradients were not finite.
    unreadable : list
        (epoch, failed, seen, the first) where items could not be read.
    gates : list of dict
        One a training: epoch -> why the gate's threshold is what it is.
    remarks : list of str
        What the run has remarked on itself, each once.
    end : str
        Why the last start ended, '' if the log does not say.
    last : str
        The time of the last line.
    """

    starts: int = 0
    skipped: int = 0
    unreadable: list = field(default_factory=list)
    gates: list = field(default_factory=list)
    remarks: list = field(default_factory=list)
    end: str = ""
    last: str = ""


def read_log(path: str | Path) -> LogFacts:
    """The facts of a log file; of one that is not there, none. What cannot be read in it is passed over."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return log_facts(file)
    except OSError:
        return LogFacts()


def log_facts(lines: Iterable[str]) -> LogFacts:
    """The facts of the lines of a log, which may be millions.

    Example
    -------
    >>> log_facts(["2026-01-01 00:00:00,000 - a.b - WARNING - Step 3 is not made, 1 so far in this epoch: ..."]).skipped
    1
    """
    facts = LogFacts()
    for line in log_lines(line for line in lines if " - DEBUG - " not in line):
        _take(facts, line.logger, line.level, line.message)
        facts.last = line.time
    return facts


def _take(facts, name, level, message):
    if message == START:
        facts.starts += 1
        facts.end = ""
    elif SKIPPED.match(message):
        facts.skipped += 1
    elif name == REMARKS and level == "WARNING":
        if not message.startswith(REPEATED) and message not in facts.remarks:
            facts.remarks.append(message)
    elif name == ENDS:
        facts.end = message.removeprefix("error: ")
    elif match := UNREADABLE.match(message):
        epoch, failed, seen, first = match.groups()
        facts.unreadable.append((int(epoch), int(failed), int(seen), first))
    elif match := GATE.match(message):
        epoch = int(match[1])
        if not facts.gates or epoch == 1 and 1 in facts.gates[-1] and len(facts.gates[-1]) > 1:
            facts.gates.append({})
        facts.gates[-1][epoch] = match[2]
