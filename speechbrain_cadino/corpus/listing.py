"""The audio files of a folder or of a list, not opened yet."""

import os
from pathlib import Path

from speechbrain_cadino.corpus.examine import CONVERT, UNREADABLE_SUFFIXES
from speechbrain_cadino.utils.errors import UserError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3", ".sph", ".aif", ".aiff", ".au", ".w64", ".caf")


def find_audio(folder):
    """Audio files of a folder and its sub-folders, links followed: paths relative to it, sorted.

    Files that need converting (m4a, aac) are among them where no other file of that name is there.

    Raises
    ------
    UserError
        If there is no audio, or none but m4a and aac.
    """
    readable, others, visited = [], [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:  # a link back to a folder above
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        below = os.path.relpath(parent, folder)
        for name in names:
            path = name if below == "." else f"{below}/{name}"
            if name.startswith("."):
                continue
            if name.lower().endswith(AUDIO_SUFFIXES):
                readable.append(path)
            elif name.lower().endswith(UNREADABLE_SUFFIXES):
                others.append(path)
    if not readable and others:
        raise UserError(f"All {len(others)} audio files in {folder} are {CONVERT}.")
    if not readable:
        raise UserError(f"No audio ({', '.join(AUDIO_SUFFIXES)}) is in {folder}: give the folder that has it.")
    converted = {os.path.splitext(path)[0] for path in readable}
    return sorted(readable + [path for path in others if os.path.splitext(path)[0] not in converted])


def read_file_list(path):
    """Paths of a list, one a line, each once; blank lines are passed over.

    Raises
    ------
    UserError
        If the list cannot be read or names nothing.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file list {path} cannot be read ({error}): give a text file of paths.") from error
    paths = list(dict.fromkeys(filter(None, map(str.strip, lines))))
    if not paths:
        raise UserError(f"The file list {path} is empty: write one path a line into it, relative to data_folder.")
    return paths
