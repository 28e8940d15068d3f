"""Is a file fit for training? Decoded once from end to end as training will read it, cut where it is very long."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from speechbrain_cadino.corpus.audio import (
    ROUNDING,
    SAMPLE_RATE,
    AudioError,
    libsndfile_words,
    open_audio,
    read_piece,
)
from speechbrain_cadino.corpus.suffixes import why_unreadable

# Between the highest and the lowest sample of a silent piece, full scale being 2: about eight steps of 16 bits.
SILENCE = 2.5e-4
BEGINS = {"OGG": b"OggS\0\2", "FLAC": b"fLaC\0\0\0\x22"}  # of a stream


class Examined(NamedTuple):
    """What one file holds: pieces (start, stop) in samples at 16 kHz, and the reasons for what was set aside."""

    pieces: list
    reasons: list


def examine(path: str | Path, min_duration: float = 1.0, max_duration: float = 60.0) -> Examined:
    """Decode a file, by the same function as training, and say which pieces of it can be used.

    Arguments
    ---------
    path : str or Path
    min_duration : float
        Seconds; a shorter file is set aside.
    max_duration : float
        Seconds; a longer file is cut into equal pieces of at most this length.

    Returns
    -------
    Examined
        Never an error for a bad file: its reasons say unreadable, empty, breaking off, not finite, silent, too short.
    """
    reason = why_unreadable(str(path))
    if reason is not None:
        return Examined([], [reason])
    try:
        with open_audio(path) as file:
            if starts_again(path, file.format):
                return Examined([], ["holds several recordings, one behind the other, of which only the first is read"])
            return _examine(file, min_duration, max_duration)
    except soundfile.SoundFileError as error:
        return Examined([], [f"breaks off while it is decoded ({libsndfile_words(error)})"])
    except AudioError as error:
        return Examined([], [error.reason])


def starts_again(path: str | Path, format_: str) -> bool:
    """Whether an Ogg or FLAC file holds another one behind the first (joined by ``cat``, or a stream that was kept).

    libsndfile reads the first of them and says nothing.
    """
    if format_ not in BEGINS:
        return False
    with open(path, "rb") as file:
        data = file.read()
    last = data.rfind(BEGINS[format_])
    # Ogg: streams side by side, as of film and sound, all begin before the first other page.
    return last > (data.find(b"OggS\0\0") if format_ == "OGG" else 0) >= 0


def is_silent(wave: np.ndarray) -> bool:
    """Whether a wave (time,) has no sound in it: at most an offset."""
    return len(wave) == 0 or np.ptp(wave) < SILENCE


def _examine(file, min_duration, max_duration):
    total = file.frames * SAMPLE_RATE // file.samplerate
    if total == 0:
        return Examined([], ["holds no samples"])
    if total < min_duration * SAMPLE_RATE:
        return Examined([], [f"shorter than {min_duration:g} s"])
    count = -(-total // int(max_duration * SAMPLE_RATE))
    found = Examined([], [])
    for index in range(count):
        start, stop = (total * i // count for i in (index, index + 1))
        wave = read_piece(file, start, stop)
        where = "" if count == 1 else f" from {start / SAMPLE_RATE:.1f} to {stop / SAMPLE_RATE:.1f} s"
        if len(wave) < stop - start - ROUNDING:
            # Such a file is cut off or its header is wrong: what else it holds cannot be told.
            return Examined([], ["holds less audio than its header says"])
        if not np.isfinite(wave).all():
            found.reasons.append("holds values that are not finite" + where)
        elif is_silent(wave):
            how = "" if file.channels == 1 else f" once its {file.channels} channels are averaged"
            found.reasons.append("silent" + how + where)
        else:
            found.pieces.append((start, start + len(wave)))
    return found
