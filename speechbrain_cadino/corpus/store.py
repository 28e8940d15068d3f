"""Where the samples of a list of utterances come from: their files, or memory."""

from __future__ import annotations

import os
from multiprocessing.pool import ThreadPool

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import AudioError, read_row
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.memory import check_memory
from speechbrain_cadino.utils.progress import progress_bar

INT16_SCALE = 32768
# A preloaded corpus may take this fraction of the available memory; training needs the rest.
MEMORY_FRACTION = 0.7


class FileStore:
    """Utterances read from their files, piece by piece.

    Arguments
    ---------
    manifest : Manifest
        Or any object with the columns ``wavs`` (paths), ``starts`` and ``stops`` (samples at 16 kHz).
    """

    def __init__(self, manifest: Manifest) -> None:
        self.wavs = manifest.wavs
        self.starts = manifest.starts
        self.lengths = manifest.stops - manifest.starts

    def __len__(self):
        return len(self.lengths)

    def read(self, utterance: int, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop`` of an utterance, (time,) float32, fewer by at most 0.05 s.

        Raises
        ------
        AudioError
            If the file cannot be read, or ends before.
        """
        offset = int(self.starts[utterance])
        return read_row(str(self.wavs[utterance]), offset + start, offset + stop)


class MemoryStore:
    """The same utterances, read once and kept as one int16 tensor: for corpora that fit, since decoding costs more.

    Worker processes share the memory; with several GPUs each rank keeps a copy. Files of 16 bits come back exactly,
    others rounded to 16 bits, those beyond full scale to 16 bits of their own peak.

    Arguments
    ---------
    manifest : Manifest
        As of `FileStore`.

    Raises
    ------
    UserError
        If the corpus needs more than 70 % of the available memory.
    """

    def __init__(self, manifest: Manifest) -> None:
        files = FileStore(manifest)
        self.wavs, self.lengths = files.wavs, files.lengths
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        copies = int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # torchrun's ranks on this machine
        check_memory(
            2 * int(self.offsets[-1]) * copies,
            f"keep {len(self)} utterances" + (f" on {copies} ranks" if copies > 1 else ""),
            "set preload to False",
            MEMORY_FRACTION,
        )
        self.samples = torch.empty(int(self.offsets[-1]), dtype=torch.int16)
        # How many samples the file really had: 0 for one that cannot be read, whose error `read` then raises.
        self.kept = np.zeros_like(self.lengths)
        self.errors = {}
        self.steps = np.full(len(self), 1 / INT16_SCALE, dtype=np.float32)  # what one step of an utterance is worth
        target = self.samples.numpy()

        def load(utterance):
            try:
                wave = files.read(utterance, 0, int(self.lengths[utterance]))
            except AudioError as error:
                self.errors[utterance] = error
                return
            offset = self.offsets[utterance]
            peak = np.abs(wave).max()
            if peak > 1:
                self.steps[utterance] = peak / (INT16_SCALE - 1)
                wave /= self.steps[utterance]
            else:
                wave *= INT16_SCALE
            np.clip(np.rint(wave), -INT16_SCALE, INT16_SCALE - 1, out=wave)
            target[offset : offset + len(wave)] = wave
            self.kept[utterance] = len(wave)

        with ThreadPool(os.cpu_count()) as pool:
            loaded = pool.imap_unordered(load, range(len(self)), chunksize=16)
            for _ in progress_bar(loaded, "reading audio", len(self), "files", shown=len(self) >= 1000):
                pass

    def __len__(self):
        return len(self.lengths)

    def read(self, utterance: int, start: int, stop: int) -> np.ndarray:
        """As `FileStore.read`."""
        if utterance in self.errors:
            raise self.errors[utterance]
        kept = int(self.kept[utterance])
        if start >= kept:
            raise AudioError.of(self.wavs[utterance], f"has {kept} readable samples at 16 kHz, none from {start}")
        offset = int(self.offsets[utterance])
        return self.samples[offset + start : offset + min(stop, kept)].numpy() * self.steps[utterance]
