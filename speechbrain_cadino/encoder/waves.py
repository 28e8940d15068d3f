"""An encoder in use: embeddings of files and waves of any length, format and rate."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, read_audio
from speechbrain_cadino.corpus.pieces import lengths_from_files
from speechbrain_cadino.corpus.samples import resampled
from speechbrain_cadino.encoder.embed import check_wave, embed_utterances
from speechbrain_cadino.encoder.in_use import EncoderInUse, path_texts
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)

LOWEST_RATE = 1000  # Hz; below, it is kHz
SHORT_SECONDS = 2.0
# Means over 188 recordings of Common Voice and 200 of a demo corpus, each of an encoder that was trained on them.
MEASURED = (
    "Measured on sentences of 5 s: the cosine of a piece to its whole was 0.25 to 0.40 for 0.5 s, 0.45 to 0.58 for "
    "1 s, 0.67 to 0.77 for 2 s, 0.80 to 0.87 for 3 s."
)


class WaveEncoder(EncoderInUse):
    """Embeds what a user has. Padding never changes an embedding: waves of different lengths are batched apart.

    Arguments
    ---------
    net : SpeakerEncoderNet
        The encoder, mean subtraction included.
    batch_seconds, max_seconds : float
        As for `embed_utterances`: audio in one batch, and in one piece of a long utterance.
    """

    def __init__(self, net: SpeakerEncoderNet, batch_seconds: float = 200.0, max_seconds: float = 300.0) -> None:
        super().__init__(net)
        self.batch_seconds, self.max_seconds = batch_seconds, max_seconds

    def encode_files(self, paths: str | Path | Sequence[str | Path]) -> torch.Tensor:
        """Embed audio files of any rate, format and number of channels.

        Arguments
        ---------
        paths : sequence of str or Path, or a single one

        Returns
        -------
        torch.Tensor
            (n, embedding_dim) float32, on the CPU.

        Raises
        ------
        UserError
            If a file is absent, unreadable, shorter than 0.1 s or silent; names it.
        """
        paths = path_texts(paths)

        def read(row, start, stop):
            return check_wave(read_audio(paths[row], int(start), int(stop)), paths[row])

        return self._embed(read, lengths_from_files(paths))

    def encode_waves(
        self, waves: Sequence[torch.Tensor | np.ndarray], sample_rate: float = SAMPLE_RATE
    ) -> torch.Tensor:
        """Embed waves, each of its own length.

        Arguments
        ---------
        waves : sequence of torch.Tensor or np.ndarray
            (time,) each. Floating point, or 8, 16 or 32 bits as audio files have them (uint8 around 128), which are
            scaled to [-1, 1].
        sample_rate : int
            Of all of them, in Hz.

        Returns
        -------
        torch.Tensor
            (n, embedding_dim) float32, on the CPU.

        Raises
        ------
        UserError
            If a wave is not (time,), is shorter than 0.1 s, silent, not finite, or of another type; tells which.
        """
        if not LOWEST_RATE <= sample_rate < float("inf"):
            raise UserError(f"sample_rate is {sample_rate}: give the waves' rate in Hz, such as 16000, not in kHz.")
        waves = [
            check_wave(resampled(wave, sample_rate, f"Wave {number}"), f"Wave {number}")
            for number, wave in enumerate(waves)
        ]
        return self._embed(lambda row, start, stop: waves[row][start:stop], [len(wave) for wave in waves])

    def load_audio(self, path: str | Path) -> torch.Tensor:
        """Read a file as SpeechBrain's ``load_audio`` does: (time,) float32 at 16 kHz, mono, on the device."""
        return torch.from_numpy(read_audio(path)).to(self.device)

    def forward(self, wavs: torch.Tensor, wav_lens: torch.Tensor | None = None) -> torch.Tensor:
        """As `encode_batch`."""
        return self.encode_batch(wavs, wav_lens)

    def encode_batch(
        self, wavs: torch.Tensor | np.ndarray, wav_lens: torch.Tensor | None = None, normalize: bool = False
    ) -> torch.Tensor:
        """Embed a padded batch, as SpeechBrain's `EncoderClassifier` does, except that padding changes nothing.

        Arguments
        ---------
        wavs : torch.Tensor or np.ndarray
            (batch, time) at 16 kHz, or a single wave (time,); types as of `encode_waves`.
        wav_lens : torch.Tensor, optional
            (batch,) lengths relative to ``time``, over 0 to 1. Default: all full.
        normalize : bool
            Changes nothing, as in plain SpeechBrain with this folder: the mean is subtracted inside the encoder.

        Returns
        -------
        torch.Tensor
            (batch, 1, embedding_dim) on the encoder's device.
        """
        wavs = torch.atleast_2d(torch.as_tensor(np.ascontiguousarray(wavs) if isinstance(wavs, np.ndarray) else wavs))
        lengths = _samples_of(wav_lens, *wavs.shape[:2])
        waves = [wave[:length] for wave, length in zip(wavs, lengths)]
        return self.encode_waves(waves).unsqueeze(1).to(self.device)

    def _embed(self, read, lengths):
        tell_of_short([length / SAMPLE_RATE for length in lengths])
        embeddings, failures = embed_utterances(self.net, read, lengths, self.batch_seconds, self.max_seconds)
        if failures:
            raise UserError(next(iter(failures.values())))
        return torch.from_numpy(embeddings)


def tell_of_short(seconds: Sequence[float]) -> None:
    """Warn, once for all of them, if recordings are shorter than `SHORT_SECONDS`, with what was measured of such."""
    n_short = sum(length < SHORT_SECONDS for length in seconds)
    if n_short:
        logger.warning(
            "%d of %d recordings are shorter than %g s, the shortest has %.2f s: an embedding of so little speech says "
            "more of its words than of the voice. %s",
            n_short,
            len(seconds),
            SHORT_SECONDS,
            min(seconds),
            MEASURED,
        )


def _samples_of(wav_lens, n_waves, n_samples):
    """Relative lengths (batch,) or None as a list of samples."""
    if wav_lens is None:
        return [n_samples] * n_waves
    wav_lens = torch.as_tensor(wav_lens)
    if not ((wav_lens > 0) & (wav_lens < 1 + 1e-3)).all():
        raise UserError(
            f"wav_lens are from {wav_lens.min():g} to {wav_lens.max():g}: give lengths relative to the batch's, "
            "which is 1, not samples."
        )
    if len(wav_lens) != n_waves:
        raise UserError(f"There are {len(wav_lens)} wav_lens for {n_waves} waves: give one for each.")
    return (wav_lens * n_samples).round().int().tolist()
