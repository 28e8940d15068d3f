import pytest
from hyperpyyaml import load_hyperpyyaml

from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.utils.errors import UserError


@pytest.mark.parametrize(
    "bad",
    [
        {"channel_prob": 1.5},
        {"band_prob": -0.1},
        {"clip_prob": 2},
        {"mulaw_prob": 0.6, "mnru_prob": 0.5},
        {"band_low": (500, 100)},
        {"band_high": (2800,)},
        {"level_db": (-10, -20)},
        {"clip_db": (1, 2, 3)},
        {"mnru_db": (9, 8)},
        {"eq_db": -1.0},
        {"n_knots": 1},
        {"mulaw_bits": ()},
        {"mulaw_bits": (8, 1)},
    ],
)
def test_channel_settings_name_what_is_wrong(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        ChannelSettings(**bad)


@pytest.mark.parametrize("bad", [{"rir_prob": 0.6}, {"noise_prob": -0.5}, {"snr_db": {"noise": (15, 0)}}])
def test_augment_settings_name_what_is_wrong(bad):
    with pytest.raises(UserError, match=next(iter(bad))):
        AugmentationSettings(**bad)


def test_the_defaults_are_those_of_the_source():
    settings = AugmentationSettings()
    assert (settings.rir_prob, settings.noise_prob, settings.channel) == (0.5, 0.5, None)
    assert settings.snr_db == {"noise": (0, 15), "speech": (10, 30), "music": (5, 15)}


def test_settings_are_built_in_yaml():
    settings = load_hyperpyyaml(
        """
        augment: !new:speechbrain_cadino.augmentation.settings.AugmentationSettings
            rir_prob: 0.0
            channel: !new:speechbrain_cadino.augmentation.settings.ChannelSettings
                band_low: [200, 300]
                level_db: null
        """
    )["augment"]
    assert settings.rir_prob == 0 and settings.noise_prob == 0.5
    assert list(settings.channel.band_low) == [200, 300] and settings.channel.level_db is None
