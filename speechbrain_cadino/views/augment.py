"""Augmentation of a batch of crops on the training device, each crop on its own, by what `AugmentDrawer` drew."""

import math

import torch
from scipy.fft import next_fast_len
from torch import nn

# Room after a crop for a channel's impulse response, which reaches about 256 samples to both sides.
GUARD = 512
LOG_MU = math.log1p(255)  # mu-law's mu
N_WHITE = 2**18
# On a CPU, crops are worked on in blocks of so many samples: twice as fast as a whole batch, which leaves the cache.
CACHED_SAMPLES = 2**18
TINY = 1e-20


class ViewAugmenter(nn.Module):
    """Does to every crop of a batch what was drawn for it; views of one length go in one call.

    Everything random was drawn with the crops, so the result depends on the batch alone, on any device.

    Example
    -------
    >>> from speechbrain_cadino.views.collate import Rows
    >>> level = Rows(rows=torch.tensor([1]), values=torch.tensor([-20.0]))
    >>> waves = ViewAugmenter().augment(torch.ones(2, 100), {"level_db": level})
    >>> waves[:, 0]
    tensor([1.0000, 0.1000])
    """

    def __init__(self):
        super().__init__()
        white = torch.randn(N_WHITE, generator=torch.Generator().manual_seed(0))
        self.register_buffer("white", white, persistent=False)

    @torch.no_grad()
    def forward(self, batch):
        """Augment a `ViewBatch`.

        Returns
        -------
        list of torch.Tensor
            One a view, global ones first, each (batch, time).
        """
        return batch.split([self.augment(group.waves, group.draws) for group in batch.groups])

    def augment(self, waves, draws):
        """Augment crops of one length.

        Arguments
        ---------
        waves : torch.Tensor
            (batch, time), left as it is.
        draws : dict of str to Rows
            By operation, which crops and with what values; names as in `AugmentDrawer`.

        Returns
        -------
        torch.Tensor, (batch, time)
        """
        waves = waves.clone()
        n_rows = max(1, CACHED_SAMPLES // waves.shape[1]) if waves.device.type == "cpu" else len(waves)
        for names, operation in (
            (("noise", "snr_db"), add_noise),
            (("rir", "rir_gain"), reverberate),
            (("gain",), filter_crops),
            (("level_db",), set_level),
            (("clip_db",), clip),
            (("mulaw_bits",), mulaw),
            (("mnru_db", "mnru_offset"), self._add_modulated_noise),
        ):
            if names[0] in draws:
                values = [draws[name].values.split(n_rows) for name in names if name in draws]
                for rows, *parts in zip(draws[names[0]].rows.split(n_rows), *values):
                    waves.index_copy_(0, rows, operation(waves.index_select(0, rows), *parts))
        return waves

    def _add_modulated_noise(self, waves, q_db, offsets):
        """`modulated_noise` with white noise from each of ``offsets`` (batch,) on, repeated after 16 s."""
        white = self.white[(offsets[:, None] + torch.arange(waves.shape[1], device=waves.device)) % N_WHITE]
        return modulated_noise(waves, q_db, white)


def add_noise(waves, noise, snr_db):
    """Add noise (batch, time) at ``snr_db`` (batch,); silent crops and silent noise leave a crop as it is."""
    scale = rms(waves) / rms(noise).clamp_min(TINY) * decibels_to_ratio(-snr_db)
    return torch.addcmul(waves, noise, scale)


def reverberate(waves, responses, gains=None):
    """`filter_crops` for crops in a room."""
    return filter_crops(waves, gains, responses)


def filter_crops(waves, gains=None, responses=None):
    """Pass each crop through its own filters with one transform; its level (RMS) and its timing stay.

    Arguments
    ---------
    waves : torch.Tensor
        (batch, time).
    gains : torch.Tensor or None
        (batch, n), gain without phase shift at n frequencies evenly spaced from 0 to 8 kHz; linear between them.
    responses : torch.Tensor or None
        (batch, any), impulse responses of rooms, direct path first.

    Returns
    -------
    torch.Tensor, (batch, time)
    """
    length = waves.shape[1]
    needed = length + (0 if gains is None else GUARD) + (0 if responses is None else responses.shape[1] - 1)
    size = next_fast_len(needed, real=True)
    spectra = torch.fft.rfft(waves, size)
    if responses is not None:
        spectra *= torch.fft.rfft(responses, size)
    if gains is not None:
        spectra *= nn.functional.interpolate(gains[:, None], spectra.shape[1], mode="linear", align_corners=True)[:, 0]
    filtered = torch.fft.irfft(spectra, size)[:, :length]
    return filtered * (rms(waves) / rms(filtered).clamp_min(TINY))


def set_level(waves, level_db):
    """Scale each crop to an RMS of ``level_db`` (batch,) below full scale; silence stays silence."""
    return waves * (decibels_to_ratio(level_db) / rms(waves).clamp_min(TINY))


def clip(waves, clip_db):
    """Cut each crop off at ``clip_db`` (batch,) below its own peak."""
    limits = waves.abs().amax(1, keepdim=True) * decibels_to_ratio(-clip_db)
    return torch.clamp(waves, -limits, limits)


def mulaw(waves, bits):
    """Code and decode by mu-law (mu = 255, ITU-T G.711's curve) with a sign and ``bits - 1`` bits of magnitude.

    ``bits`` is (batch,). What is over full scale is cut off. One step is at zero, so that silence stays silence.
    """
    steps = 2 ** (bits[:, None] - 1) - 1
    codes = torch.round(torch.log1p(255 * waves.abs().clamp_max(1)) * (steps / LOG_MU))
    return torch.copysign(torch.expm1(codes * (LOG_MU / steps)) / 255, waves)


def modulated_noise(waves, q_db, white):
    """ITU-T P.810's modulated noise reference unit: y = x (1 + 10^(-Q/20) N), Q ``q_db`` (batch,), N ``white``."""
    return torch.addcmul(waves, waves * white, decibels_to_ratio(-q_db))


def rms(waves):
    """Root mean square of each crop, (batch, 1)."""
    return torch.linalg.vector_norm(waves, dim=1, keepdim=True) / waves.shape[1] ** 0.5


def decibels_to_ratio(decibels):
    """Amplitude ratios, (batch,) to (batch, 1)."""
    return 10 ** (decibels[:, None] / 20)
