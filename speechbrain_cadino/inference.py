"""Use a trained encoder: embeddings of files and waves of any length, and decisions on pairs of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, read_audio
from speechbrain_cadino.corpus.pieces import lengths_from_files
from speechbrain_cadino.corpus.samples import resampled
from speechbrain_cadino.encoder.embed import check_wave, embed_utterances
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.calibration import Calibration

LOWEST_RATE = 1000  # Hz; below, it is kHz


class SpeakerEncoder(torch.nn.Module):
    """An encoder folder in use. Padding never changes an embedding: waves of different lengths are batched apart.

    The mean of the training embeddings is subtracted inside the encoder, so the cosine of two embeddings is the score.

    Arguments
    ---------
    net : SpeakerEncoderNet
        The encoder, mean subtraction included.
    threshold : float, optional
        Cosine from which two utterances count as one speaker's.
    metadata : dict, optional
        What ``encoder.json`` says.
    batch_seconds, max_seconds : float
        As for `embed_utterances`: audio in one batch, and in one piece of a long utterance.

    Example
    -------
    >>> encoder = SpeakerEncoder.from_folder("results/encoder")  # doctest: +SKIP
    >>> encoder.encode_files(["a.wav", "b.flac"]).shape  # doctest: +SKIP
    torch.Size([2, 192])
    >>> score, same = encoder.verify_files("a.wav", "b.flac")  # doctest: +SKIP
    """

    def __init__(
        self,
        net: SpeakerEncoderNet,
        threshold: float | None = None,
        metadata: dict | None = None,
        batch_seconds: float = 200.0,
        max_seconds: float = 300.0,
    ) -> None:
        super().__init__()
        self.net = net.eval().requires_grad_(False)
        self.threshold, self.metadata = threshold, metadata or {}
        self.batch_seconds, self.max_seconds = batch_seconds, max_seconds

    @classmethod
    def from_folder(cls, folder: str | Path, device: torch.device | str = "cpu", **options: Any) -> SpeakerEncoder:
        """Load a folder that `export_encoder` wrote.

        Arguments
        ---------
        folder : str or Path
        device : str
            Such as "cpu", "cuda" or "cuda:1".
        **options
            ``batch_seconds`` and ``max_seconds`` of the class.

        Returns
        -------
        SpeakerEncoder

        Raises
        ------
        UserError
            If the folder is absent, holds no encoder or a damaged one, or the device is not there.
        """
        net, metadata = load_encoder(folder, device)
        return cls(net, metadata["threshold"], metadata, **options)

    @classmethod
    def from_hparams(cls, source: str | Path, run_opts: dict | None = None, **options: Any) -> SpeakerEncoder:
        """SpeechBrain's way of saying `from_folder`, with the device as ``run_opts={"device": ...}``."""
        return cls.from_folder(source, device=(run_opts or {}).get("device", "cpu"), **options)

    @property
    def device(self) -> torch.device:
        """Where the encoder computes; ``encoder.to(device)`` moves it."""
        return next(self.net.parameters()).device

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
        paths = [str(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]

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

    def encode_batch(self, wavs: torch.Tensor, wav_lens: torch.Tensor | None = None) -> torch.Tensor:
        """Embed a padded batch, as SpeechBrain's `EncoderClassifier` does, except that padding changes nothing.

        Arguments
        ---------
        wavs : torch.Tensor
            (batch, time) at 16 kHz, or a single wave (time,).
        wav_lens : torch.Tensor, optional
            (batch,) lengths relative to ``time``, over 0 to 1. Default: all full.

        Returns
        -------
        torch.Tensor
            (batch, 1, embedding_dim) on the encoder's device.
        """
        wavs = torch.atleast_2d(wavs)
        lengths = _samples_of(wav_lens, *wavs.shape[:2])
        waves = [wave[:length] for wave, length in zip(wavs, lengths)]
        return self.encode_waves(waves).unsqueeze(1).to(self.device)

    def verify_files(
        self, path_x: str | Path, path_y: str | Path, threshold: float | None = None
    ) -> tuple[float, bool]:
        """Tell whether two files are of one speaker.

        Arguments
        ---------
        path_x, path_y : str or Path
        threshold : float, optional
            Default: the encoder's own.

        Returns
        -------
        score : float
            Cosine of the embeddings.
        decision : bool
            Whether the score reaches the threshold.

        Raises
        ------
        UserError
            If a file cannot be used, or there is no threshold.
        """
        threshold = self.threshold if threshold is None else threshold
        if threshold is None:
            raise UserError("The encoder was exported without a threshold: give the argument threshold, such as 0.3.")
        if not -1 <= threshold <= 1:
            raise UserError(f"threshold is {threshold}: scores are cosines, so give one from -1 to 1, such as 0.3.")
        score = float(torch.cosine_similarity(*self.encode_files([path_x, path_y]), dim=0))
        return score, score >= threshold

    def probability(self, score: float, seconds_x: float, seconds_y: float, prior: float = 0.5) -> float:
        """The probability that two utterances are of one speaker, as pairs of training utterances tell it.

        Arguments
        ---------
        score : float
            Cosine of their embeddings.
        seconds_x, seconds_y : float
            Their durations.
        prior : float
            The probability before they are heard, between 0 and 1.

        Returns
        -------
        float

        Raises
        ------
        UserError
            If the encoder was exported without a calibration, or a score, a duration or the prior is none.
        """
        if not self.metadata.get("calibration"):
            raise UserError("The encoder was exported without a calibration of its scores: export it again.")
        if isinstance(score, (int, float)) and abs(score) > 1 + 1e-5:  # NaN, `Calibration` tells
            raise UserError(f"score is {score:g}: scores are cosines, so give one from -1 to 1.")
        calibration = Calibration.from_dict(self.metadata["calibration"])
        return float(calibration.probability(score, seconds_x, seconds_y, prior))

    def _embed(self, read, lengths):
        embeddings, failures = embed_utterances(self.net, read, lengths, self.batch_seconds, self.max_seconds)
        if failures:
            raise UserError(next(iter(failures.values())))
        return torch.from_numpy(embeddings)


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
