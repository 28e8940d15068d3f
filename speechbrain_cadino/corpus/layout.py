"""What the folders of a corpus say: speakers and recording sessions, by regular expressions over the paths."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.utils.errors import UserError

# Text columns: 16 bytes a row plus the text, no Python object behind a row, so that forked workers share the memory.
STRING = np.dtypes.StringDType()
# VoxCeleb's layout, seen from the data folder: .../speaker/session/utterance.wav; its session is "speaker/session".
SESSION_PATTERN = r"(?:^|/)([^/]+/[^/]+)/[^/]+$"


def groups_from_paths(
    paths: Sequence[str], pattern: str, root: str | Path | None = None, setting: str = "pattern"
) -> np.ndarray | None:
    """What the first group of a regular expression finds in each path, or None where a path does not match.

    Arguments
    ---------
    paths : sequence of str, (n,)
    pattern : str
        A regular expression with a group; searched in the path below ``root``.
    root : str, Path or None
        The data folder, whose own name says nothing; default: the folder common to all paths.
    setting : str
        The setting's name for the message.

    Returns
    -------
    np.ndarray of str, (n,), or None

    Raises
    ------
    UserError
        If the pattern is no regular expression or has no group.

    Example
    -------
    >>> groups_from_paths(["/data/id1/call/1.wav", "/data/id2/call/1.wav"], SESSION_PATTERN).tolist()
    ['id1/call', 'id2/call']
    >>> groups_from_paths(["/data/1.wav", "/data/2.wav"], SESSION_PATTERN) is None
    True
    """
    pattern = compiled_pattern(pattern, setting)
    # The folder common to the first and last in order is common to all.
    root = os.path.dirname(os.path.commonprefix([min(paths), max(paths)])) if root is None else f"{root}"
    root = root.rstrip("/") + "/"
    found = []
    for path in paths:
        match = pattern.search(path.removeprefix(root))
        if match is None:
            return None
        found.append(match[1])
    return np.array(found, dtype=STRING)


def compiled_pattern(pattern: str, setting: str) -> re.Pattern:
    """A regular expression with a group, or a `UserError` that names the setting."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"{setting} {pattern!r} is not a regular expression ({error}): correct it.") from error
    if compiled.groups < 1:
        raise UserError(f"{setting} {pattern!r} has no group: put parentheses around the part that counts.")
    return compiled


def path_below(path: str, folder: str | Path | None) -> str:
    """A path as seen from a folder, '.' for the folder itself; one that lies elsewhere as it is.

    Example
    -------
    >>> path_below("F/a/1.jpg", "F/"), path_below("F", "F"), path_below("/elsewhere", "F")
    ('a/1.jpg', '.', '/elsewhere')
    """
    if folder is None:
        return path
    root = str(folder).rstrip("/")
    return "." if path.rstrip("/") == root else path.removeprefix(root + "/")


def recordings_of(wavs: Sequence[str], sessions: Sequence[str] | None) -> np.ndarray:
    """A number for what is of one recording: of one session, or, where no session is known, of one file.

    Arguments
    ---------
    wavs : sequence of str, (n,)
    sessions : sequence of str, (n,), or None
        '' where it is not known.

    Returns
    -------
    np.ndarray of int64, (n,)

    Example
    -------
    >>> recordings_of(["1.wav", "2.wav", "3.wav", "3.wav"], ["a", "a", "", ""]).tolist()
    [3, 3, 0, 0]
    """
    wavs = np.asarray(wavs, dtype=STRING)
    sessions = np.full(len(wavs), "", dtype=STRING) if sessions is None else np.asarray(sessions, dtype=STRING)
    known = sessions != ""
    names = np.unique(np.where(known, sessions, wavs), return_inverse=True)[1]
    return 2 * names + known  # a session may be called as a file is
