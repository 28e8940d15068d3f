"""Pieces of noise to add to crops: from files, or generated where there are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.augmentation.levels import TINY, decibels_to_ratio, rms
from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.corpus.excerpts import draw_starts, read_excerpts, wrapped
from speechbrain_cadino.corpus.store import FileStore, MemoryStore


class NoiseFiles:
    """A random piece of a random file; files shorter than the crop are repeated.

    Arguments
    ---------
    noises : object with columns
        ``wavs``, ``starts``, ``stops`` as a `Manifest` has them, and ``kinds`` (n,): "noise", "speech" or "music".
    preload : bool
        Whether to keep all files in memory.

    Example
    -------
    >>> import tempfile, numpy as np, soundfile
    >>> from speechbrain_cadino.augmentation.data import noise_manifest
    >>> folder, rng = tempfile.mkdtemp(), np.random.default_rng(0)
    >>> soundfile.write(f"{folder}/hum.wav", rng.uniform(-0.1, 0.1, 16000), 16000)
    >>> noise, kind = NoiseFiles(noise_manifest(folder))(rng, 48000)
    >>> noise.shape, str(kind)
    ((48000,), 'noise')
    """

    def __init__(self, noises: Any, preload: bool = False) -> None:
        self.kinds = noises.kinds
        self.store = (MemoryStore if preload else FileStore)(noises)

    def __call__(self, rng: np.random.Generator, length: int):
        """Draw ``length`` samples, (length,) float32, and their kind; `AudioError` if the file cannot be read."""
        file = int(rng.integers(len(self.store)))
        total, lengths = int(self.store.lengths[file]), np.array([length])
        starts = draw_starts(rng, total, lengths)
        return read_excerpts(partial(self.store.read, file), total, starts, lengths)[0], str(self.kinds[file])


class SimulatedNoise:
    """Generated noise: half the tracks stationary, from white over pink to brown; half a babble of talkers.

    Tracks are made once and cost no reading; they are periodic, so that a piece may run over a track's end unheard.

    Arguments
    ---------
    seed : int
        The same seed makes the same tracks.
    n_tracks : int
        How many.
    seconds : float
        Length of each; a track takes 64 kB a second.

    Example
    -------
    >>> piece, kind = SimulatedNoise(n_tracks=2, seconds=1.0)(np.random.default_rng(0), 48000)
    >>> piece.shape, kind in ("noise", "speech")
    ((48000,), True)
    """

    def __init__(self, seed: int = 0, n_tracks: int = 12, seconds: float = 8.0) -> None:
        rng, length = np.random.default_rng(seed), round(seconds * SAMPLE_RATE)
        makers = ((coloured_noise, "noise"), (babble, "speech"))
        self.tracks = np.stack([makers[i % 2][0](rng, length) for i in range(n_tracks)])
        self.kinds = [makers[i % 2][1] for i in range(n_tracks)]

    def __call__(self, rng: np.random.Generator, length: int):
        """As `NoiseFiles`."""
        track, start = int(rng.integers(len(self.tracks))), int(rng.integers(self.tracks.shape[1]))
        return wrapped(self.tracks[track], start, length), self.kinds[track]


def coloured_noise(rng: np.random.Generator, length: int) -> np.ndarray:
    """Gaussian noise whose power falls with frequency by 0 (white), 3 (pink) to 6 dB an octave (brown), (length,)."""
    slope = rng.uniform(0, 2)
    return shaped_noise(rng, length, lambda hertz: hertz ** (-slope / 2))


def babble(rng: np.random.Generator, length: int, n_talkers: int = 4) -> np.ndarray:
    """Sum of talkers, (length,) float32: noise under envelopes that move as syllables do.

    Its spectrum is about speech's: level from 100 Hz to a corner near 500 Hz, then falling by 9 dB an octave.
    """
    talkers = np.zeros(length, dtype=np.float32)
    for _ in range(n_talkers):
        corner = rng.uniform(300, 700)
        voice = shaped_noise(rng, length, lambda hertz: 1 / ((1 + (100 / hertz) ** 2) * (1 + (hertz / corner) ** 1.5)))
        # Syllables: the envelope's log is low-pass noise up to about 5 Hz with a spread of 10 dB.
        envelope = shaped_noise(rng, length, lambda hertz: 1 / (1 + (hertz / 5) ** 4))
        talkers += voice * 10 ** (envelope / 2)
    return talkers / talkers.std()


def shaped_noise(rng: np.random.Generator, length: int, magnitude: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Periodic Gaussian noise of unit power whose spectrum follows ``magnitude(hertz)``, (length,) float32."""
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)[1:].astype(np.float32)
    spectrum = rng.standard_normal((2, len(hertz)), dtype=np.float32) * magnitude(hertz)
    wave = np.fft.irfft(np.concatenate([[0], spectrum[0] + 1j * spectrum[1]]), length)
    return (wave / wave.std()).astype(np.float32)


def add_noise(waves: torch.Tensor, noise: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
    """Add noise (batch, time) at ``snr_db`` (batch,); silent crops and silent noise leave a crop as it is."""
    scale = rms(waves) / rms(noise).clamp_min(TINY) * decibels_to_ratio(-snr_db)
    return torch.addcmul(waves, noise, scale)
