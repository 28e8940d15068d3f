"""Utterances of the verification lists, which training must not touch."""

import os

from speechbrain_cadino.corpus.trials import read_trials


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
