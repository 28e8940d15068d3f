"""Room impulse responses (RIRs): from files, or simulated where there are none. The direct path is sample 0 in all."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.augmentation.filters import filter_crops
from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError
from speechbrain_cadino.corpus.store import FileStore, MemoryStore

logger = logging.getLogger(__name__)
ATTEMPTS = 10


class RIRFiles:
    """The impulse response of a random file, from its direct path (the largest sample) on.

    Arguments
    ---------
    rirs : object with columns
        ``wavs``, ``starts``, ``stops`` as a `Manifest` has them.
    max_seconds : float
        What comes later is left out: a tail that long is below hearing, and the transform grows with it.
    preload : bool
        Whether to keep all files in memory.
    """

    def __init__(self, rirs: Any, max_seconds: float = 1.0, preload: bool = False) -> None:
        self.max_length = round(max_seconds * SAMPLE_RATE)
        self.store = (MemoryStore if preload else FileStore)(rirs)
        self.silent = set()

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a response, (time,) float32; `AudioError` if the file cannot be read.

        A silent one would wipe a crop out: another is drawn in its place, with a warning for each such file.
        """
        for _ in range(ATTEMPTS):
            file = int(rng.integers(len(self.store)))
            response = self.store.read(file, 0, int(self.store.lengths[file]))
            direct = int(np.abs(response).argmax())
            if response[direct] != 0:
                return response[direct : direct + self.max_length]
            if file not in self.silent:
                self.silent.add(file)
                logger.warning("The room impulse response %s is silent and not used.", self.store.wavs[file])
        wav = self.store.wavs[file]
        raise AudioError.of(wav, f"is silent, as are {ATTEMPTS} room impulse responses in a row", "leave them out")


class SimulatedRIRs:
    """A direct path and, after it, noise that decays exponentially: Polack's statistical model of a room.

    Arguments
    ---------
    rt60 : tuple of float
        Range of the reverberation time, seconds until the tail is 60 dB down.
    direct_db : tuple of float
        Range of the direct path's energy against the tail's, dB.

    Example
    -------
    >>> response = SimulatedRIRs(rt60=(0.5, 0.5))(np.random.default_rng(0))
    >>> response.shape, float(response[0])
    ((8000,), 1.0)
    """

    def __init__(self, rt60: tuple[float, ...] = (0.1, 0.8), direct_db: tuple[float, ...] = (-3.0, 12.0)) -> None:
        self.rt60, self.direct_db = rt60, direct_db

    def __call__(self, rng: np.random.Generator):
        """Draw a response, (time,) float32."""
        rt60, direct_db = rng.uniform(*self.rt60), rng.uniform(*self.direct_db)
        length = max(2, round(rt60 * SAMPLE_RATE))
        decay = np.exp(np.arange(length, dtype=np.float32) * np.float32(-3 * np.log(10) / length))
        response = rng.standard_normal(length, dtype=np.float32) * decay
        response *= 10 ** (-direct_db / 20) / np.linalg.norm(response[1:])
        response[0] = 1
        return response


def reverberate(waves: torch.Tensor, responses: torch.Tensor, gains: torch.Tensor | None = None) -> torch.Tensor:
    """`filter_crops` for crops in a room."""
    return filter_crops(waves, gains, responses)
