"""What a verification run leaves behind: a table on the screen and a score file."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.verification.arrays import to_numpy
from speechbrain_cadino.verification.metrics import eer, min_dcf

METRIC_FORMATS = {"EER %": ".2f", "minDCF(0.01)": ".3f", "minDCF(0.05)": ".3f", "FAR %": ".2f", "FRR %": ".2f"}


def metrics_row(scores: torch.Tensor | np.ndarray, labels: np.ndarray) -> dict:
    """The metrics that every final table lists.

    Arguments
    ---------
    scores : torch.Tensor or np.ndarray
        (n_trials,)
    labels : np.ndarray
        (n_trials,) bool, true for one speaker.

    Returns
    -------
    dict
        "EER %" (in per cent), "minDCF(0.01)" and "minDCF(0.05)" (p_target in brackets, both costs 1).

    Raises
    ------
    UserError
        If one kind of trial is absent or a score is not finite.

    Example
    -------
    >>> import numpy as np
    >>> metrics_row(np.array([0.9, 0.1]), np.array([True, False]))
    {'EER %': 0.0, 'minDCF(0.01)': 0.0, 'minDCF(0.05)': 0.0}
    """
    scores, labels = to_numpy(scores), to_numpy(labels, bool)
    sides = scores[labels], scores[~labels]
    return {
        "EER %": 100 * eer(*sides)[0],
        "minDCF(0.01)": min_dcf(*sides, p_target=0.01)[0],
        "minDCF(0.05)": min_dcf(*sides, p_target=0.05)[0],
    }


def format_table(
    rows: Sequence[dict] | Sequence[tuple], columns: Sequence[str] | None = None, formats: dict = METRIC_FORMATS
) -> str:
    """Align rows under a header, text to the left and numbers to the right; the result is Markdown too.

    Arguments
    ---------
    rows : list of dict or list of tuple
        Dicts by column name (one that is absent shows as "-"), or tuples in the order of ``columns``.
    columns : sequence of str, optional
        Which, in this order. By default every key of the dicts, by first appearance; tuples need it.
    formats : dict
        Column -> format of its floats; other floats get four digits.

    Returns
    -------
    str
        Lines without a final newline.

    Raises
    ------
    ValueError
        If tuples come without columns, or a tuple's length is not the columns'.

    Example
    -------
    >>> print(format_table([{"system": "MFCC statistics", "EER %": 40.1}, {"system": "DINO", "EER %": 9.876}]))
    | system          |   EER % |
    |:----------------|--------:|
    | MFCC statistics |   40.10 |
    | DINO            |    9.88 |
    """
    if columns is None:
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("rows that are tuples need columns")
        columns = list(dict.fromkeys(key for row in rows for key in row))
    rows = [row if isinstance(row, dict) else dict(zip(columns, row, strict=True)) for row in rows]
    cells = [[_cell(row.get(column, "-"), formats.get(column, ".4g")) for column in columns] for row in rows]
    numeric = [any(isinstance(row.get(column), Real) for row in rows) for column in columns]
    align = ["right" if is_number else "left" for is_number in numeric]
    return tabulate(cells, columns, tablefmt="pipe", disable_numparse=True, colalign=align if rows else None)


def write_scores(path: str | Path, trials: Trials, scores: torch.Tensor | np.ndarray) -> None:
    """Write ``label enrol test score`` for each trial, all or nothing; float32 scores keep every bit.

    Without the label where the list has none; with tabs between the fields where a name has blanks.

    Arguments
    ---------
    path : str or Path
        Replaced if it exists.
    trials : Trials
    scores : torch.Tensor or np.ndarray
        (n_trials,)

    Raises
    ------
    UserError
        If the numbers of trials and scores differ, or the file cannot be written.

    Example
    -------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from speechbrain_cadino.corpus.trials import Trials
    >>> trials = Trials(np.array([True]), np.array([0]), np.array([1]), ["a.wav", "b.wav"])
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "scores.txt")
    >>> write_scores(path, trials, np.array([0.5]))
    >>> path.read_text()
    '1 a.wav b.wav 0.5\\n'
    >>> folder.cleanup()
    """
    if len(scores) != len(trials.enrol):
        raise UserError(f"There are {len(scores)} scores for {len(trials.enrol)} trials: score the list anew.")
    names = trials.utterances
    between = "\t" if any(len(name.split()) > 1 for name in names) else " "
    pairs = ([names[row] for row in side.tolist()] for side in (trials.enrol, trials.test))
    labels = [] if trials.labels is None else [[f"{label:d}" for label in trials.labels.tolist()]]
    columns = *labels, *pairs, [f"{score:.9g}" for score in to_numpy(scores).tolist()]
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.writelines(f"{between.join(fields)}\n" for fields in zip(*columns))


def _cell(value, float_format):
    is_float = isinstance(value, Real) and not isinstance(value, Integral)
    return format(value, float_format) if is_float else str(value)
