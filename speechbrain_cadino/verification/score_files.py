"""Scores that were written: score files of this and of other toolkits, with labels of their own or of a trial list."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.trials import Trials, fields_of, read_trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import read_text

LABELS = dict.fromkeys(("1", "target", "tgt"), True)
LABELS |= dict.fromkeys(("0", "nontarget", "impostor", "imposter", "imp"), False)
ENROL = ("enrol", "enroll", "enrolment", "enrollment", "model", "modelid")
TEST = ("test", "segment", "segmentid")
LABEL = ("label", "target", "targettype")
NOT_SCORES = (*LABEL, "accepted")
SCORE = "score"  # what the column of a file without a header is called
ADVICE = (
    "give lines of 'label enrol test score' or 'enrol test score', or a CSV whose header has enrol, test and scores"
)


class ScoreFile(NamedTuple):
    """What a score file holds.

    Arguments
    ---------
    enrol, test : list of str, (n,)
    labels : np.ndarray or None
        (n,) bool
    scores : dict of str to np.ndarray
        (n,) float64 by the name of their column; all finite.
    """

    enrol: list
    test: list
    labels: np.ndarray | None
    scores: dict

    def with_labels_of(self, trials: Trials, path: str | Path, trials_path: str | Path) -> ScoreFile:
        """The trials of a list, in its order, with their scores, in whatever order the score file has them.

        Raises
        ------
        UserError
            If a trial has no score, or two that differ, or two labels.
        """
        rows = self._rows(path)
        names = trials.utterances
        enrol, test = ([names[row] for row in side.tolist()] for side in (trials.enrol, trials.test))
        found = np.array([rows.get(pair, -1) for pair in zip(enrol, test)], dtype=np.int64)
        lacking = np.flatnonzero(found < 0)
        if lacking.size:
            first = lacking[0]
            swapped = " (it has the two the other way round)" if (test[first], enrol[first]) in rows else ""
            raise UserError(
                f"{path} has no score for {lacking.size} of {len(found)} trials of {trials_path}, such as "
                f"{enrol[first]} {test[first]}{swapped}: score that list, or give the one that was scored."
            )
        of_pair = {}
        for pair, label in zip(zip(enrol, test), trials.labels.tolist()):
            if of_pair.setdefault(pair, label) != label:
                raise UserError(f"{trials_path} has the trial {' '.join(pair)} with both labels: correct it.")
        if self.labels is not None and (self.labels[found] != trials.labels).any():
            first = int(np.argmax(self.labels[found] != trials.labels))
            raise UserError(
                f"{path} and {trials_path} have other labels for {enrol[first]} {test[first]}: give the list that was "
                "scored."
            )
        return ScoreFile(enrol, test, trials.labels, {name: column[found] for name, column in self.scores.items()})

    def _rows(self, path):
        """Row by pair of names."""
        rows = {}
        for row, pair in enumerate(zip(self.enrol, self.test)):
            first = rows.setdefault(pair, row)
            if any(column[first] != column[row] for column in self.scores.values()):
                raise UserError(f"{path} has the trial {' '.join(pair)} with different scores: keep one of them.")
        return rows


def read_scores(path: str | Path, trials: str | Path | None = None, column: str | None = None) -> ScoreFile:
    """Read a score file.

    Arguments
    ---------
    path : str or Path
        Lines of ``label enrol test score`` or ``enrol test score``, names with blanks as of `read_trials`; or a table
        with a header, between commas or tabs: the sides, ``label`` if known, and columns of scores.
    trials : str or Path, optional
        A trial list, in any order, that has the labels.
    column : str, optional
        Of a table, only these scores; default: all.

    Returns
    -------
    ScoreFile

    Raises
    ------
    UserError
        If the file cannot be read, a line is no good, a score is not finite, or there are no labels.
    """
    text = read_text(path, "score file", ADVICE)
    lines = text.split("\n")
    header = next((line for line in lines if line.strip()), "")
    between = next((sign for sign in ",\t" if _is_header(header.split(sign))), None)
    found = _of_lines(lines, path, column) if between is None else _of_table(text, between, path, column)
    for name, scores in found.scores.items():
        bad = np.flatnonzero(~np.isfinite(scores))
        if bad.size:
            pair = f"{found.enrol[bad[0]]} {found.test[bad[0]]}"
            raise UserError(
                f"{bad.size} of {len(scores)} scores ({name}) of {path} are not finite, the first that of {pair}: "
                "leave these trials out, or look at their audio."
            )
    if trials is not None:
        return found.with_labels_of(read_trials(trials), path, trials)
    if found.labels is None:
        raise UserError(f"{path} has no labels: give the trial list that has them by --trials.")
    return found


def _is_header(fields):
    names = {field.strip().lower() for field in fields}
    return bool(names.intersection(ENROL) and names.intersection(TEST))


def _of_lines(lines, path, column):
    if column not in (None, SCORE):
        raise UserError(f"{path} has no header, and so no column {column}: leave --column out.")
    labels, enrol, test, scores, n_fields = [], [], [], [], None
    for number, line in enumerate(lines, 1):
        fields = fields_of(line)
        if not fields:
            continue
        n_fields = n_fields or len(fields)
        if len(fields) != n_fields or len(fields) not in (3, 4) or len(fields) == 4 and fields[0] not in ("0", "1"):
            raise UserError(f"{path}, line {number} is '{line.strip()}': {ADVICE}.")
        labels.append(fields[0] == "1")
        enrol.append(fields[-3])
        test.append(fields[-2])
        scores.append(_number(fields[-1], path, number))
    if not scores:
        raise UserError(f"{path} holds no scores: {ADVICE}.")
    return ScoreFile(enrol, test, np.array(labels) if n_fields == 4 else None, {SCORE: np.array(scores)})


def _of_table(text, between, path, column):
    rows = list(_table_rows(text, between, path))
    (_, header), rows = rows[0], rows[1:]
    names = [name.strip().lower() for name in header]
    sides = [next(names.index(name) for name in known if name in names) for known in (ENROL, TEST)]
    label = next((names.index(name) for name in LABEL if name in names), None)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path} has two columns {twice}: rename or remove one.")
    others = [at for at, name in enumerate(names) if at not in sides and name not in NOT_SCORES]
    taken = [at for at in others if column is None or names[at] == column.lower()]
    if not taken or not rows:
        has = ", ".join(header[at] for at in others) or "none"
        what = "no rows" if taken else f"no column of scores {column or ''}".rstrip() + f", only {has}"
        raise UserError(f"{path} has {what}: {ADVICE}.")
    scores = {header[at].strip(): np.array([_number(row[at], path, n) for n, row in rows]) for at in taken}
    labels = None if label is None else np.array([_label(row[label], path, n) for n, row in rows])
    return ScoreFile(*([row[at] for _, row in rows] for at in sides), labels, scores)


def _table_rows(text, between, path) -> Iterator[tuple[int, list[str]]]:
    reader, width = csv.reader(text.split("\n"), delimiter=between, skipinitialspace=True), None
    try:
        for row in reader:
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                raise UserError(
                    f"{path}, line {reader.line_num} has {len(row)} fields, the header {width}: correct it."
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"The score file {path} cannot be read ({error}): {ADVICE}.") from error


def _number(text, path, number):
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"{path}, line {number} has the score '{text}', which is not a number: {ADVICE}.") from error


def _label(text, path, number):
    if text.strip().lower() not in LABELS:
        raise UserError(f"{path}, line {number} has the label '{text}': write 1 for one speaker, 0 for two.")
    return LABELS[text.strip().lower()]
