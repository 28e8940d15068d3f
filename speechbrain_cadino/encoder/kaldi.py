"""Kaldi's filterbank, as encoders of WeSpeaker, 3D-Speaker and others were trained on, of a whole batch at once."""

from __future__ import annotations

import torch
from torch import nn
from torchaudio.compliance.kaldi import get_mel_banks

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_number, is_whole

WINDOW, HOP, N_FFT = 400, 160, 512  # samples at 16 kHz: 25 and 10 ms
PREEMPHASIS, FLOOR = 0.97, torch.finfo(torch.float32).eps


class KaldiFbank(nn.Module):
    """Log-mel features as ``torchaudio.compliance.kaldi.fbank`` gives them with ``dither=0``, and batched.

    Arguments
    ---------
    n_mels : int
    f_min, f_max : float
        Hz.
    scale : float
        What waves between -1 and 1 are multiplied by: 1 as in 3D-Speaker, 32768 as in WeSpeaker. The mean over time,
        which `mean_var_norm` subtracts, takes nearly all of it away again.

    Example
    -------
    >>> KaldiFbank()(torch.randn(2, 16000)).shape
    torch.Size([2, 98, 80])
    """

    hop_length = HOP

    def __init__(self, n_mels: int = 80, f_min: float = 20.0, f_max: float = 8000.0, scale: float = 1.0) -> None:
        super().__init__()
        if not (is_whole(n_mels, 4) and is_number(f_min) and is_number(f_max) and is_number(scale) and scale > 0):
            raise UserError(
                f"compute_features has n_mels {n_mels}, f_min {f_min}, f_max {f_max}, scale {scale}: set 80, 20, 8000 "
                "and 1."
            )
        if not 0 <= f_min < f_max <= SAMPLE_RATE / 2:
            raise UserError(
                f"compute_features has bands from f_min {f_min} to f_max {f_max} Hz: set both within 0 to 8000."
            )
        self.settings = {"n_mels": n_mels, "f_min": f_min, "f_max": f_max, "scale": scale}
        bands = get_mel_banks(n_mels, N_FFT, SAMPLE_RATE, f_min, f_max, 100.0, -500.0, 1.0)[0]
        self.register_buffer("bands", nn.functional.pad(bands, (0, 1)).T.contiguous(), persistent=False)
        window = torch.hann_window(WINDOW, periodic=False).pow(0.85)  # Povey's
        self.register_buffer("window", window, persistent=False)

    def frames(self, samples: int) -> int:
        """How many whole windows there are in so many samples."""
        return max(0, (samples - WINDOW) // HOP + 1)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Features (batch, frames, n_mels) of waves (batch, time) at 16 kHz; a `UserError` if there is no frame."""
        if not self.frames(waves.shape[1]):
            raise UserError(f"{waves.shape[1]} samples are less than one window of {WINDOW}: give longer recordings.")
        frames = (self.settings["scale"] * waves).unfold(1, WINDOW, HOP)
        frames = frames - frames.mean(dim=2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
        frames = (frames - PREEMPHASIS * before) * self.window
        power = torch.fft.rfft(frames, n=N_FFT).abs().square()
        return (power @ self.bands).clamp(min=FLOOR).log()
