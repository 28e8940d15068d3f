"""The choice between eSpeak NG and the source-filter synthesiser, and utterances of a wanted length."""

from __future__ import annotations

from typing import Any

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.demo.espeak import Espeak
from speechbrain_cadino.demo.sentences import random_words
from speechbrain_cadino.demo.source_filter import SourceFilter
from speechbrain_cadino.utils.errors import UserError


def open_synthesiser(name: str = "auto") -> Espeak | SourceFilter:
    """Open a synthesiser: an object with ``name``, ``words_per_second``, ``draw_speaker`` and ``say``.

    Arguments
    ---------
    name : str
        ``espeak``, ``source_filter``, or ``auto``: espeak where it loads.

    Returns
    -------
    Espeak or SourceFilter

    Raises
    ------
    UserError
        If the name is another, or espeak is asked for and does not load.
    """
    if name == "source_filter":
        return SourceFilter()
    if name not in ("espeak", "auto"):
        raise UserError(f"synthesiser is {name!r}: choose espeak, source_filter or auto.")
    try:
        return Espeak()
    except UserError:
        if name == "espeak":
            raise
        return SourceFilter()


def say_for(synthesiser: Any, speaker: Any, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Random words of one speaker, cut at ``seconds``; (time,) float32 at 16 kHz.

    So many words are said that only slow speakers have to say it all again with more of them.
    """
    words, wave = [], []
    while len(wave) < seconds * SAMPLE_RATE:
        words += random_words(rng, round(seconds * (1.0 if words else synthesiser.words_per_second)))
        wave = synthesiser.say(speaker, words)
    return wave[: int(seconds * SAMPLE_RATE)]
