"""Audio files of any rate, format and number of channels, read as mono float32 at 16 kHz."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from speechbrain_cadino.corpus.audio_error import AudioError, libsndfile_words, why_not_opened
from speechbrain_cadino.corpus.mp3 import decoded, tells_its_length

SAMPLE_RATE = 16000
# Read beyond both ends of a piece of another rate: soxr's HQ filter spans some 0.01 s.
MARGIN_SECONDS = 0.1
# A row or a header may be wrong by so many samples at 16 kHz (0.05 s): more is no rounding.
ROUNDING = 800
UNKNOWN_LENGTH = 2**62  # libsndfile's number of samples for a stream whose header gives none


class AudioInfo(NamedTuple):
    """What a file's header says: length in seconds, its own sampling rate in Hz, its number of channels."""

    seconds: float
    rate: int
    channels: int

    @property
    def samples(self):
        """Length in samples at 16 kHz, as `read_audio` gives them."""
        return round(self.seconds * self.rate) * SAMPLE_RATE // self.rate


def audio_info(path: str | Path) -> AudioInfo:
    """Read the header of an audio file.

    Arguments
    ---------
    path : str or Path
        Any format of libsndfile: wav, flac, ogg (Vorbis, Opus), mp3, ...

    Returns
    -------
    AudioInfo

    Raises
    ------
    AudioError
        If the file is absent or not readable as audio.

    Example
    -------
    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "a.wav")
    >>> soundfile.write(path, np.zeros(4000), 8000)
    >>> audio_info(path)
    AudioInfo(seconds=0.5, rate=8000, channels=1)
    """
    with open_audio(path) as file:
        return _info(file)


def read_audio(path: str | Path, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Read a file, or a piece of it, as mono float32 at 16 kHz; channels are averaged.

    Only the piece is decoded where the format can be sought, compressed ones (FLAC, Vorbis, Opus) included.

    Arguments
    ---------
    path : str or Path
        The audio file, of any rate and number of channels.
    start : int
        First sample of the piece, counted at 16 kHz whatever the file's rate.
    stop : int or None
        Sample after the last one, at 16 kHz; None or beyond the end: to the end of the file.

    Returns
    -------
    np.ndarray
        Samples in [-1, 1], (time,) float32, at least one.

    Raises
    ------
    AudioError
        If the file is absent, unreadable, has no sample in the piece, breaks off before its header says, or holds
        values that are not finite.

    Example
    -------
    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "a.wav")
    >>> soundfile.write(path, np.zeros((8000, 2)), 8000)
    >>> read_audio(path, start=4000, stop=12000).shape
    (8000,)
    """
    with open_audio(path) as file:
        total = _info(file).samples
        stop = total if stop is None else min(stop, total)
        if not 0 <= start < stop:
            reason = f"has {total} samples at 16 kHz, none from {start} to {stop}"
            raise AudioError.of(path, reason, "correct its row or drop it")
        try:
            wave = read_piece(file, start, stop)
        except soundfile.SoundFileError as error:
            raise AudioError.of(path, f"breaks off while it is decoded ({libsndfile_words(error)})") from error
    if not wave.size:
        raise AudioError.of(path, f"holds less audio than its header says, none from sample {start}")
    if len(wave) < stop - start - ROUNDING:
        raise AudioError.of(
            path, f"holds less audio than its header says, {_seconds(start + len(wave))} of {_seconds(total)}"
        )
    if not np.isfinite(wave).all():
        raise AudioError.of(path, "holds values that are not finite (NaN or infinity)")
    return wave


def read_row(path: str | Path, start: int, stop: int) -> np.ndarray:
    """As `read_audio`, but a file that ends before its row does is an `AudioError`; 0.05 s count as rounding.

    What trains or embeds the rows of a manifest reads them by this, so that no row is shorter than it says.
    """
    wave = read_audio(path, start, stop)
    if len(wave) < stop - start - ROUNDING:
        reason = f"ends at {_seconds(start + len(wave))}, its row at {_seconds(stop)}"
        raise AudioError.of(path, reason, "correct its row or drop it")
    return wave


def open_audio(path: str | Path) -> soundfile.SoundFile:
    """Open a file with libsndfile, or raise an `AudioError` that tells an absent file from an unreadable one."""
    try:
        file = soundfile.SoundFile(str(path))
        if file.format == "MP3" and not tells_its_length(path):
            file.close()
            file = decoded(path)
    except soundfile.SoundFileError as error:
        raise why_not_opened(path, error) from error
    except TypeError as error:  # soundfile's answer to the suffix .raw
        raise AudioError.of(path, "has no header that tells its rate", "convert it to flac or wav") from error
    if file.frames >= UNKNOWN_LENGTH:
        file.close()
        raise AudioError.of(path, "has no length in its header", "write it anew, for instance with sox or ffmpeg")
    return file


def _seconds(samples):
    return f"{samples / SAMPLE_RATE:.2f} s"


def _info(file):
    return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels)


def read_piece(file: soundfile.SoundFile, start: int, stop: int) -> np.ndarray:
    """Samples ``start`` to ``stop`` at 16 kHz of a file that `open_audio` gave, (time,) float32.

    ``stop`` lies within the file. Channels are averaged. Nothing is checked: see `read_audio`.
    """
    if file.samplerate == SAMPLE_RATE:
        return _read_mono(file, start, stop - start)
    divisor = np.gcd(file.samplerate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // divisor, file.samplerate // divisor
    # A block of ``down`` samples of the file is exactly ``up`` samples at 16 kHz, so pieces that begin on a block are
    # resampled to the very samples that the whole file would give.
    margin = int(np.ceil(MARGIN_SECONDS * SAMPLE_RATE / up))
    first = max(0, start // up - margin)
    blocks = -(-stop // up) + margin - first
    wave = _read_mono(file, int(first * down), int(blocks * down))
    wave = soxr.resample(wave, file.samplerate, SAMPLE_RATE, quality="HQ")
    return wave[start - first * up : stop - first * up]


def _read_mono(file, start, length):
    """``length`` samples from ``start`` at the file's own rate, fewer at its end, (time,) float32."""
    if file.seekable():
        file.seek(start)
        wave = file.read(length, dtype="float32", always_2d=True)
    else:
        wave = file.read(start + length, dtype="float32", always_2d=True)[start:]
    return wave[:, 0] if wave.shape[1] == 1 else wave.mean(axis=1)
