"""What is done to one crop, drawn in numpy by the worker that cut it; `ViewAugmenter` then does it to a whole batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speechbrain_cadino.augmentation.filters import GAIN_HERTZ, band_pass_db, equaliser_db
from speechbrain_cadino.augmentation.noise import SimulatedNoise
from speechbrain_cadino.augmentation.rirs import SimulatedRIRs
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.utils.errors import UserError


class AugmentationSampler:
    """Draws what `ViewAugmenter` does to a crop.

    Arguments
    ---------
    settings : AugmentationSettings
    noise : callable or None
        ``noise(rng, length)`` gives a piece of noise (length,) and its kind: `NoiseFiles`; None: `SimulatedNoise`.
    rirs : callable or None
        ``rirs(rng)`` gives a room response (time,): `RIRFiles`; None: `SimulatedRIRs`.

    Raises
    ------
    UserError
        When drawing: if the settings give no signal-to-noise ratio for a kind of noise.

    Example
    -------
    >>> from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
    >>> draw = AugmentationSampler(AugmentationSettings(rir_prob=0, noise_prob=1))
    >>> sorted(draw(np.random.default_rng(0), 16000))
    ['noise', 'snr_db']
    """

    def __init__(
        self, settings: AugmentationSettings, noise: Callable | None = None, rirs: Callable | None = None
    ) -> None:
        self.settings = settings
        self.noise = SimulatedNoise() if noise is None and settings.noise_prob > 0 else noise
        self.rirs = SimulatedRIRs() if rirs is None else rirs

    def __call__(self, rng: np.random.Generator, length: int) -> dict[str, np.ndarray]:
        """Draw for one crop of ``length`` samples.

        Arguments
        ---------
        rng : np.random.Generator
            The view's own.
        length : int

        Returns
        -------
        dict of str to np.ndarray
            Only what applies to this crop. ``rir`` (time,); ``rir_gain`` (257,), the channel's gain on a reverberated
            crop; ``noise`` (length,) with ``snr_db`` (); ``gain`` (257,), the channel's gain on another crop;
            ``level_db``, ``clip_db``, ``mulaw_bits``, ``mnru_db``, ``mnru_offset``, all ().
        """
        drawn = {}
        chance = rng.random()
        if chance < self.settings.rir_prob:
            drawn["rir"] = self.rirs(rng)
        elif chance < self.settings.rir_prob + self.settings.noise_prob:
            drawn["noise"], kind = self.noise(rng, length)
            if kind not in self.settings.snr_db:
                raise UserError(f"snr_db has no range for noise of the kind '{kind}': add it, or drop these files.")
            drawn["snr_db"] = rng.uniform(*self.settings.snr_db[kind])
        if self.settings.channel is not None:
            drawn |= draw_channel(rng, self.settings.channel, "rir_gain" if "rir" in drawn else "gain")
            if "rir" in drawn:
                drawn.setdefault("rir_gain", np.ones_like(GAIN_HERTZ))
        types = {"mnru_offset": np.int64}
        return {name: np.asarray(value, types.get(name, np.float32)) for name, value in drawn.items()}


def draw_channel(rng: np.random.Generator, settings: ChannelSettings, gain_name: str):
    """Draw a channel from `ChannelSettings`: a dict as of `AugmentationSampler`, its gain under ``gain_name``."""
    drawn = {}
    if rng.random() >= settings.channel_prob:
        return drawn
    gain_db = np.zeros_like(GAIN_HERTZ)
    if settings.eq_db > 0:
        gain_db += equaliser_db(rng.normal(0, settings.eq_db, settings.n_knots))
    if rng.random() < settings.band_prob:
        gain_db += band_pass_db(rng.uniform(*settings.band_low), rng.uniform(*settings.band_high))
    if gain_db.any():
        drawn[gain_name] = 10 ** (gain_db / 20)
    if settings.level_db is not None:
        drawn["level_db"] = rng.uniform(*settings.level_db)
    if rng.random() < settings.clip_prob:
        drawn["clip_db"] = rng.uniform(*settings.clip_db)
    chance = rng.random()
    if chance < settings.mulaw_prob:
        drawn["mulaw_bits"] = rng.choice(settings.mulaw_bits)
    elif chance < settings.mulaw_prob + settings.mnru_prob:
        drawn["mnru_db"] = rng.uniform(*settings.mnru_db)
        drawn["mnru_offset"] = rng.integers(2**31)
    return drawn
