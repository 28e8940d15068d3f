"""Utterances of the verification lists: they must exist, and training must not touch them."""

import os
from pathlib import Path

from speechbrain_cadino.corpus.trials import read_trials
from speechbrain_cadino.utils.errors import UserError


def check_trials(trials_path, folder):
    """Read a trial list and see that every file it names is there.

    Arguments
    ---------
    trials_path : str or Path
        The list, `label enrol test` a line.
    folder : str or Path
        What its paths are relative to.

    Returns
    -------
    Trials

    Raises
    ------
    UserError
        If the list is no good, or names absent files: their number and the first of them.
    """
    trials = read_trials(trials_path)
    absent = [name for name in trials.utterances if not Path(folder, name).is_file()]
    if absent:
        raise UserError(
            f"{trials_path} names {len(absent)} of {len(trials.utterances)} files that are not in {folder}, "
            f"{absent[0]} for one: give the folder that its paths are relative to."
        )
    return trials


def leave_out(paths, trial_lists):
    """The paths that no trial list names.

    A name in a list matches a path that ends in it, folder by folder, whatever the two file types: a corpus that was
    converted to flac must not leak into training because the list says wav.

    Arguments
    ---------
    paths : list of str
    trial_lists : sequence of str or Path

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        If a list cannot be read.
    """
    named = {_key(name) for trials in trial_lists for name in read_trials(trials).utterances}
    return [path for path in paths if named.isdisjoint(_endings(path))]


def _key(path):
    return os.path.splitext(os.path.normpath(path).lstrip("/"))[0]


def _endings(path):
    """a/b/c.wav -> a/b/c, b/c, c."""
    parts = _key(path).split("/")
    return ("/".join(parts[i:]) for i in range(len(parts)))
