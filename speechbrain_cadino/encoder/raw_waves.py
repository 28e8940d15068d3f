"""Waves as they are, for a network that has its features in itself."""

from __future__ import annotations

import torch
from torch import nn

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError


class RawWaves(nn.Module):
    """In place of a filterbank: waves (batch, time), cut to a whole number of the network's frames.

    What is cut off at the end, less than ``hop_length`` samples, gives no frame. Without it waves of equally many
    frames are equally long, so that a batch of them needs no padding.

    Arguments
    ---------
    window : int
        Samples that one frame of the network sees: 400, or 25 ms, of wav2vec 2.0, HuBERT and WavLM.
    hop_length : int
        Samples from one frame to the next: 320 of these.

    Example
    -------
    >>> RawWaves()(torch.randn(2, 16000)).shape, RawWaves().frames(16000)
    (torch.Size([2, 15760]), 49)
    """

    def __init__(self, window: int = 400, hop_length: int = 320) -> None:
        super().__init__()
        if not window >= hop_length >= 1:
            raise UserError(
                f"compute_features has window {window} and hop_length {hop_length}: set the samples that a frame of "
                "the network sees, 400, and those from one to the next, 320."
            )
        self.window, self.hop_length = window, hop_length

    @property
    def settings(self) -> dict:
        """Its arguments."""
        return {"window": self.window, "hop_length": self.hop_length}

    def frames(self, samples: int) -> int:
        """How many whole frames there are in so many samples; 0 if there is none."""
        return max(0, (samples - self.window) // self.hop_length + 1)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Cut waves (batch, time) to whole frames.

        Raises
        ------
        UserError
            If there is not one frame.
        """
        frames = self.frames(waves.shape[1])
        if not frames:
            raise UserError(
                f"The network needs {self.window / SAMPLE_RATE:g} s of audio, and there are "
                f"{waves.shape[1] / SAMPLE_RATE:g} s: give longer crops or utterances."
            )
        return waves[:, : self.window + self.hop_length * (frames - 1)]
