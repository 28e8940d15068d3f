"""Is a file fit for training? Decoded once from end to end, cut into pieces where it is very long."""

from typing import NamedTuple

import numpy as np
import soundfile

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, libsndfile_words, open_audio

# Between the highest and the lowest sample of a silent piece, full scale being 2: about eight steps of 16 bits.
SILENCE = 2.5e-4
UNREADABLE_SUFFIXES = (".m4a", ".aac", ".mp4")
CONVERT = "m4a/aac, which libsndfile cannot read: convert it with recipes/VoxCeleb/SSL_CADINO/convert_m4a.sh"


class Examined(NamedTuple):
    """What one file holds: pieces (start, stop) in samples at 16 kHz, and the reasons for what was set aside."""

    pieces: list
    reasons: list


def examine(path, min_duration=1.0, max_duration=60.0):
    """Decode a file and say which pieces of it can be used.

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
    if str(path).lower().endswith(UNREADABLE_SUFFIXES):
        return Examined([], [CONVERT])
    try:
        with open_audio(path) as file:
            return _examine(file, min_duration, max_duration)
    except soundfile.SoundFileError as error:
        return Examined([], [f"breaks off while it is decoded ({libsndfile_words(error)})"])
    except AudioError as error:
        return Examined([], [error.reason])


def _examine(file, min_duration, max_duration):
    total = file.frames * SAMPLE_RATE // file.samplerate
    if total == 0:
        return Examined([], ["holds no samples"])
    if total < min_duration * SAMPLE_RATE:
        return Examined([], [f"shorter than {min_duration:g} s"])
    count = -(-total // int(max_duration * SAMPLE_RATE))
    found = Examined([], [])
    for index in range(count):
        first, last = (file.frames * i // count for i in (index, index + 1))
        start, stop = (total * i // count for i in (index, index + 1))
        wave = file.read(last - first, dtype="float32")
        where = "" if count == 1 else f" from {start / SAMPLE_RATE:.1f} to {stop / SAMPLE_RATE:.1f} s"
        if len(wave) < last - first:
            # Such a file is cut off or its header is wrong: what else it holds cannot be told.
            return Examined([], ["holds less audio than its header says"])
        if not np.isfinite(wave).all():
            found.reasons.append("holds values that are not finite" + where)
        elif np.ptp(wave, axis=0).max() < SILENCE:
            found.reasons.append("silent" + where)
        else:
            found.pieces.append((start, stop))
    return found
