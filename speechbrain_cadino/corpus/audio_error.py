"""What is wrong with an audio file, in one sentence."""

from __future__ import annotations

from pathlib import Path

from speechbrain_cadino.utils.errors import FileError


class AudioError(FileError):
    """An audio file that cannot be used."""


def libsndfile_words(error: Exception) -> str:
    """libsndfile's own words, without the path that soundfile puts before them."""
    return str(error).rsplit(": ", 1)[-1].rstrip(". ")


def why_not_opened(path: str | Path, error: Exception) -> AudioError:
    """The `AudioError` for a file that libsndfile did not open: absent, empty, or no audio."""
    if Path(path).is_dir():
        return AudioError.of(path, "is a folder", "give the files in it")
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as os_error:
        return AudioError.of(path, f"cannot be opened ({os_error.strerror})", "check the path and the data folder")
    reason = "the file is empty" if empty else libsndfile_words(error)
    return AudioError.of(path, f"is not readable as audio ({reason})", "convert it to flac or wav, or leave it out")
