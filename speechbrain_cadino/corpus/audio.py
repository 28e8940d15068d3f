"""Audio files of any rate, format and number of channels, read as mono float32 at 16 kHz."""

from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from speechbrain_cadino.utils.errors import UserError

SAMPLE_RATE = 16000
# Read beyond both ends of a piece of another rate: soxr's HQ filter spans some 0.01 s.
MARGIN_SECONDS = 0.1
UNKNOWN_LENGTH = 2**62  # libsndfile's number of samples for a stream whose header gives none


class AudioError(UserError):
    """An audio file that cannot be used: the message names the file, the reason and a remedy.

    ``reason`` is the reason alone, for lists that name the file in another column.
    """

    def __init__(self, message, reason=""):
        # The message alone must do: a data loader's worker passes nothing else on.
        super().__init__(message)
        self.reason = reason

    @classmethod
    def of(cls, path, reason, remedy="leave it out"):
        return cls(f"{path} {reason}: {remedy}.", reason)


class AudioInfo(NamedTuple):
    """What a file's header says: length in seconds, its own sampling rate in Hz, its number of channels."""

    seconds: float
    rate: int
    channels: int

    @property
    def samples(self):
        """Length in samples at 16 kHz, as `read_audio` gives them."""
        return round(self.seconds * self.rate) * SAMPLE_RATE // self.rate


def audio_info(path):
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


def read_audio(path, start=0, stop=None):
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
        If the file is absent, unreadable, has no sample in the piece, or holds values that are not finite.

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
            wave = _piece(file, start, stop)
        except soundfile.SoundFileError as error:
            raise AudioError.of(path, f"breaks off while it is decoded ({libsndfile_words(error)})") from error
    if not wave.size:
        raise AudioError.of(path, f"holds less audio than its header says, none from sample {start}")
    if not np.isfinite(wave).all():
        raise AudioError.of(path, "holds values that are not finite (NaN or infinity)")
    return wave


def open_audio(path):
    """Open a file with libsndfile, or raise an `AudioError` that tells an absent file from an unreadable one."""
    try:
        file = soundfile.SoundFile(str(path))
    except soundfile.SoundFileError as error:
        raise _why_not_opened(path, error) from error
    if file.frames >= UNKNOWN_LENGTH:
        file.close()
        raise AudioError.of(path, "has no length in its header", "write it anew, for instance with sox or ffmpeg")
    return file


def libsndfile_words(error):
    """libsndfile's own words, without the path that soundfile puts before them."""
    return str(error).rsplit(": ", 1)[-1].rstrip(". ")


def _why_not_opened(path, error):
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as os_error:
        return AudioError.of(path, f"cannot be opened ({os_error.strerror})", "check the path and the data folder")
    reason = "the file is empty" if empty else libsndfile_words(error)
    return AudioError.of(path, f"is not readable as audio ({reason})", "convert it to flac or wav, or leave it out")


def _info(file):
    return AudioInfo(file.frames / file.samplerate, file.samplerate, file.channels)


def _piece(file, start, stop):
    """Samples ``start`` to ``stop`` at 16 kHz of an open file; ``stop`` lies within it."""
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
