"""Synthetic speakers by eSpeak NG, which `espeakng-loader` carries as a library (the extra ``[demo]``)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soxr

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError

ACCENTS = ("en-us", "en-us-nyc", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
UNVOICED = ("whisper", "whisperf")
FEMALE_PITCH = 130  # Hz, the lower end of a voice's range; eSpeak's usual voice, a man's, has 82
# From eSpeak NG's speak_lib.h.
SYNCHRONOUS, DONT_EXIT, POSITION_CHARACTER, CHARS_UTF8 = 0x02, 0x8000, 1, 1
PARAMETERS = {"rate": 1, "pitch": 3, "pitch_range": 4}
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakSpeaker(NamedTuple):
    """One speaker: eSpeak's voice and settings (rate in words a minute), and a vocal-tract factor by resampling."""

    voice: str
    sex: str
    pitch: int
    pitch_range: int
    rate: int
    tract: float


class Espeak:
    """eSpeak NG: draws speakers and says words. One a process: the library keeps one global state.

    Raises
    ------
    UserError
        If ``espeakng-loader`` is not installed or its library does not start.

    Example
    -------
    >>> espeak = Espeak()  # doctest: +SKIP
    >>> speaker = espeak.draw_speaker(np.random.default_rng(0), 0)  # doctest: +SKIP
    >>> espeak.say(speaker, ["one", "two", "three"]).dtype  # doctest: +SKIP
    dtype('float32')
    """

    words_per_second = 3.5

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self.library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = Path(espeakng_loader.get_data_path())
        except (ImportError, OSError, RuntimeError) as error:
            raise UserError(
                f"The synthesiser espeak does not load ({error}): install espeakng-loader or choose source_filter."
            ) from error
        self.library.espeak_Info.restype = ctypes.c_char_p
        self.rate = self.library.espeak_Initialize(SYNCHRONOUS, 0, str(data.parent).encode(), DONT_EXIT)
        if self.rate <= 0:
            raise UserError(f"eSpeak NG does not start on {data}: reinstall espeakng-loader or choose source_filter.")
        self.name = f"espeak-ng {self.library.espeak_Info(None).decode().split()[0]}"
        self.sexes = _sexes(data / "voices" / "!v")
        self._chunks = []
        self._callback = CALLBACK(self._collect)  # kept, or the library would call freed memory
        self.library.espeak_SetSynthCallback(self._callback)

    def draw_speaker(self, rng: np.random.Generator, index: int) -> EspeakSpeaker:
        """A speaker; those of different ``index`` have different pairs of voice variant and accent.

        Arguments
        ---------
        rng : np.random.Generator
            For pitch, rate and vocal tract.
        index : int
            Number of the speaker, 0 and up.

        Returns
        -------
        EspeakSpeaker
        """
        # Variants in a fixed random order, the accent moving on by one a round: a pair repeats after all were used.
        variants = np.random.default_rng(0).permutation(sorted(self.sexes))
        variant = str(variants[index % len(variants)])
        accent = ACCENTS[(index + index // len(variants)) % len(ACCENTS)]
        return EspeakSpeaker(
            voice=f"{accent}+{variant}",
            sex=self.sexes[variant],
            pitch=int(rng.integers(30, 71)),
            pitch_range=int(rng.integers(30, 71)),
            rate=int(rng.integers(140, 201)),
            tract=float(rng.uniform(0.88, 1.12)),
        )

    def say(self, speaker: Any, words: Sequence[str]) -> np.ndarray:
        """Say a list of words; returns the wave at 16 kHz, (time,) float32, peak as eSpeak gives it."""
        if self.library.espeak_SetVoiceByName(speaker.voice.encode()) != 0:
            raise UserError(f"eSpeak NG has no voice {speaker.voice}: install espeakng-loader 0.2 or newer.")
        # Resampling by the vocal-tract factor also changes the rate: undone here.
        settings = dict(pitch=speaker.pitch, pitch_range=speaker.pitch_range, rate=round(speaker.rate / speaker.tract))
        for name, value in settings.items():
            self.library.espeak_SetParameter(PARAMETERS[name], value, 0)
        text = " ".join(words).encode() + b"\0"
        self._chunks.clear()
        self.library.espeak_Synth(text, len(text), 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
        wave = np.concatenate(self._chunks or [np.zeros(0, np.int16)]).astype(np.float32) / 32768
        return soxr.resample(wave, self.rate * speaker.tract, SAMPLE_RATE, quality="HQ")

    def _collect(self, samples, count, _events):
        if count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def _sexes(folder):
    """Voice variant -> male or female, from the lines ``gender`` or, without one, ``pitch`` of its file."""
    sexes = {}
    for path in folder.iterdir():
        if path.name in UNVOICED or " " in path.name:
            continue
        lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        fields = {line[0]: line[1] for line in lines if len(line) > 1}
        high = float(fields.get("pitch", 82)) >= FEMALE_PITCH
        sexes[path.name] = fields.get("gender", "female" if high else "male").lower()
    return sexes
