"""What augmentation does, how often and how hard: plain settings, to be built in a YAML with ``!new:``."""

from dataclasses import dataclass, field

from speechbrain_cadino.utils.errors import UserError


@dataclass(frozen=True)
class ChannelSettings:
    """Another telephone, another call: linear filter, level, overload and codec, in that order.

    Ranges are (low, high), drawn uniformly. All values are our choice; no paper is behind them.

    Arguments
    ---------
    channel_prob : float
        Share of crops that pass through a channel; the probabilities below are within these.
    eq_db : float
        Spread (standard deviation) of the equaliser's gain at its knots, dB. 0: no equaliser.
    n_knots : int
        Knots of the equaliser, evenly spaced in log frequency from 100 Hz to 8 kHz, gain linear in dB between them.
    band_prob : float
        Share with a telephone band-pass.
    band_low, band_high : tuple of float
        Ranges of its edges (-3 dB), Hz.
    level_db : tuple of float or None
        Range of the crop's RMS level, dB below full scale: what mu-law's steps are compared to. None: left as it is.
    clip_prob : float
        Share that is clipped.
    clip_db : tuple of float
        Range of the clipping level, dB below the crop's peak.
    mulaw_prob, mnru_prob : float
        Shares with mu-law (G.711's curve), and with noise that follows the signal as an adaptive codec's does (the MNRU
        of ITU-T P.810); at most one of them on a crop.
    mulaw_bits : tuple of int
        Bits to choose from; 8 is the telephone's.
    mnru_db : tuple of float
        Range of the MNRU's signal-to-noise ratio Q, dB.

    Raises
    ------
    UserError
        If a probability, a sum of them or a range makes no sense.
    """

    channel_prob: float = 1.0
    eq_db: float = 5.0
    n_knots: int = 8
    band_prob: float = 0.5
    band_low: tuple = (100.0, 500.0)
    band_high: tuple = (2800.0, 3800.0)
    level_db: tuple | None = (-35.0, -15.0)
    clip_prob: float = 0.2
    clip_db: tuple = (1.0, 12.0)
    mulaw_prob: float = 0.4
    mnru_prob: float = 0.4
    mulaw_bits: tuple = (6, 7, 8)
    mnru_db: tuple = (10.0, 35.0)

    def __post_init__(self):
        for name in ("channel_prob", "band_prob", "clip_prob"):
            _check_probability(name, getattr(self, name))
        _check_probability("mulaw_prob + mnru_prob", self.mulaw_prob, self.mnru_prob)
        for name in ("band_low", "band_high", "level_db", "clip_db", "mnru_db"):
            _check_range(name, getattr(self, name))
        if self.eq_db < 0 or self.n_knots < 2:
            raise UserError(f"eq_db is {self.eq_db} and n_knots {self.n_knots}: set at least 0 and 2.")
        if not self.mulaw_bits or min(self.mulaw_bits) < 2:
            raise UserError(f"mulaw_bits is {self.mulaw_bits}: list one or more numbers of bits, each at least 2.")


@dataclass(frozen=True)
class AugmentationSettings:
    """Reverberation or noise on each crop, then perhaps a channel.

    The defaults are those of WeSpeaker's DINO: every crop is augmented, half of them in a room, half with noise.

    Arguments
    ---------
    rir_prob, noise_prob : float
        Shares of crops with a room response and with noise added; at most one of them on a crop.
    snr_db : dict
        Kind of noise -> range of the signal-to-noise ratio, dB.
    channel : ChannelSettings or None
        None: no channel.

    Raises
    ------
    UserError
        If a probability, their sum or a range makes no sense.

    Example
    -------
    >>> AugmentationSettings(rir_prob=0.0, noise_prob=0.3, snr_db={"noise": (5, 20)}).channel is None
    True
    """

    rir_prob: float = 0.5
    noise_prob: float = 0.5
    snr_db: dict = field(default_factory=lambda: {"noise": (0.0, 15.0), "speech": (10.0, 30.0), "music": (5.0, 15.0)})
    channel: ChannelSettings | None = None

    def __post_init__(self):
        _check_probability("rir_prob + noise_prob", self.rir_prob, self.noise_prob)
        for kind, limits in self.snr_db.items():
            _check_range(f"snr_db of {kind}", limits)


def _check_probability(name, *parts):
    if min(parts) < 0 or sum(parts) > 1 + 1e-9:
        raise UserError(f"{name} is {' + '.join(map(str, parts))}: set probabilities from 0 to 1, in all.")


def _check_range(name, limits):
    if limits is not None and (len(limits) != 2 or limits[0] > limits[1]):
        raise UserError(f"{name} is {limits}: write a range as [low, high].")
