"""Trial lists in VoxCeleb's format, ``label enrol test``, as columns; some are without labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import read_text

# Fields between blanks; one that has blanks itself stands in double quotes.
FIELD = re.compile(r'"([^"]+)"(?=\s|$)|(\S+)')
TARGETS = ("target", "nontarget", "impostor", "imposter", "tgt", "imp")


class Trials(NamedTuple):
    """A trial list, each utterance named once.

    Arguments
    ---------
    labels : np.ndarray or None
        (n_trials,) bool, true if both utterances are of one speaker; None for a list without labels.
    enrol : np.ndarray
        (n_trials,) int64, index into ``utterances``.
    test : np.ndarray
        (n_trials,) int64, index into ``utterances``.
    utterances : list of str
        Unique, as written in the list, by first appearance.
    """

    labels: np.ndarray | None
    enrol: np.ndarray
    test: np.ndarray
    utterances: list


def read_trials(path: str | Path, labelled: bool = True) -> Trials:
    """Read a trial list: on each line ``label enrol test``, label 1 for one speaker, 0 for two.

    Blank lines are passed over. Names that have blanks stand in double quotes, or tabs part the fields. A list of
    580,000 trials takes about a second.

    Arguments
    ---------
    path : str or Path
        The list, UTF-8.
    labelled : bool
        False: all lines may be without a label, ``enrol test``.

    Returns
    -------
    Trials

    Raises
    ------
    UserError
        If the file is absent, unreadable or empty, or a line has not three fields or another label than 0 and 1; with
        ``labelled`` false, if some lines have a label and others have none.

    Example
    -------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "trials.txt")
    >>> _ = path.write_text('1 a.wav "b c.wav"\\n0 a.wav d.wav\\n')
    >>> trials = read_trials(path)
    >>> trials.utterances, trials.test
    (['a.wav', 'b c.wav', 'd.wav'], array([1, 2]))
    >>> folder.cleanup()
    """
    text = read_text(path, "trial list", "give a text of 'label enrol test' lines")
    labels, pairs, rows, with_label = [], [], {}, labelled or None
    for number, line in enumerate(text.split("\n"), 1):
        fields = fields_of(line)
        if not fields:
            continue
        if with_label is None:
            with_label = len(fields) != 2
        if len(fields) != 2 + with_label or with_label and fields[0] not in ("0", "1"):
            raise UserError(f"{path}, line {number} {_why_no_trial(fields, with_label)}.")
        if with_label:
            labels.append(fields[0] == "1")
        pairs.append(rows.setdefault(fields[-2], len(rows)))
        pairs.append(rows.setdefault(fields[-1], len(rows)))
    if not pairs:
        raise UserError(f"{path} holds no trials: write one 'label enrol test' a line.")
    enrol, test = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Trials(np.array(labels) if with_label else None, enrol, test, list(rows))


def fields_of(line: str) -> list[str]:
    """The fields of a line: between tabs where these part it into two or more names, else between blanks.

    Example
    -------
    >>> fields_of('1 a.wav "b c.wav"'), fields_of("1\\ta b.wav\\tc.wav"), fields_of("1\\ta.wav  b.wav")
    (['1', 'a.wav', 'b c.wav'], ['1', 'a b.wav', 'c.wav'], ['1', 'a.wav', 'b.wav'])
    """
    if "\t" not in line and '"' not in line:
        return line.split()
    between = [field.strip() for field in line.strip().split("\t")]
    if len(between) < 2 or not all(between) or len(between) == 2 and between[0] in ("0", "1"):  # a label and two names
        return [quoted or plain for quoted, plain in FIELD.findall(line)]
    return [field[1:-1] if FIELD.fullmatch(field) and field[0] == field[-1] == '"' else field for field in between]


def utterances_of(lists: Iterable[Trials]) -> list[str]:
    """The utterances of trial lists, each once, in the order in which they first come."""
    return list(dict.fromkeys(name for trials in lists for name in trials.utterances))


def utterance_paths(trials: Trials, data_root: str | Path) -> list[Path]:
    """Paths of a list's utterances under ``data_root``, each checked to be there.

    Arguments
    ---------
    trials : Trials
    data_root : str or Path
        The folder that the names are relative to; an absolute name stands for itself.

    Returns
    -------
    list of Path
        One for each of ``trials.utterances``, in order.

    Raises
    ------
    UserError
        If a file is absent; tells how many are.

    Example
    -------
    >>> utterance_paths(Trials(None, None, None, []), "wav")
    []
    """
    paths = [Path(data_root, name) for name in trials.utterances]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise UserError(
            f"{absent[0]}, which the trials name, is absent ({len(absent)} of {len(paths)} are): "
            "set the data folder to the one that the list's names start from."
        )
    return paths


def _why_no_trial(fields, with_label=True):
    """What is wrong with a line's fields, and what to write."""
    line = " ".join(fields)
    wanted = "label enrol test" if with_label else "enrol test"
    if len(fields) == 1 and fields[0].count(",") == 2:
        return f"has commas: write '{wanted}' with blanks between them, not '{line}'"
    if len(fields) == 3 and fields[2].lower() in TARGETS:
        return f"is in Kaldi's form, 'enrol test {fields[2]}': write 'label enrol test', 1 for target, 0 for nontarget"
    if len(fields) != 2 + with_label:
        more = " (a name that has blanks stands in double quotes)" if len(fields) > 2 + with_label else ""
        return f"has {len(fields)} fields: write '{wanted}' on every line, no more{more}"
    return f"has the label '{fields[0]}': write 1 for one speaker, 0 for two"
