"""Trial lists in VoxCeleb's format, ``label enrol test``, as columns."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.utils.errors import UserError


class Trials(NamedTuple):
    """A trial list, each utterance named once.

    Arguments
    ---------
    labels : np.ndarray
        (n_trials,) bool, true if both utterances are of one speaker.
    enrol : np.ndarray
        (n_trials,) int64, index into ``utterances``.
    test : np.ndarray
        (n_trials,) int64, index into ``utterances``.
    utterances : list of str
        Unique, as written in the list, by first appearance.
    """

    labels: np.ndarray
    enrol: np.ndarray
    test: np.ndarray
    utterances: list


def read_trials(path):
    """Read a trial list: on each line ``label enrol test``, label 1 for one speaker, 0 for two.

    Blank lines are passed over. A list of 580,000 trials takes about a second.

    Arguments
    ---------
    path : str or Path
        The list, UTF-8.

    Returns
    -------
    Trials

    Raises
    ------
    UserError
        If the file is absent, unreadable or empty, or a line has not three fields or another label than 0 and 1.

    Example
    -------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "trials.txt")
    >>> _ = path.write_text("1 a.wav b.wav\\n0 a.wav c.wav\\n")
    >>> trials = read_trials(path)
    >>> trials.utterances, trials.test
    (['a.wav', 'b.wav', 'c.wav'], array([1, 2]))
    >>> folder.cleanup()
    """
    labels, pairs, rows = [], [], {}
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3:
            raise UserError(f"{path}, line {number} has {len(fields)} fields: write 'label enrol test', no more.")
        if fields[0] not in ("0", "1"):
            raise UserError(f"{path}, line {number} has the label '{fields[0]}': write 1 for one speaker, 0 for two.")
        labels.append(fields[0] == "1")
        pairs.append(rows.setdefault(fields[1], len(rows)))
        pairs.append(rows.setdefault(fields[2], len(rows)))
    if not labels:
        raise UserError(f"{path} holds no trials: write one 'label enrol test' a line.")
    enrol, test = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Trials(np.array(labels), enrol, test, list(rows))


def utterance_paths(trials, data_root):
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


def _read_text(path):
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: give a trial list with 'label enrol test' on each line.") from error
    except OSError as error:
        raise UserError(f"The trial list {path} cannot be read ({error.strerror}): give the path of one.") from error
