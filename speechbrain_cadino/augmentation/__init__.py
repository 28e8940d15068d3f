"""What is done to crops: an operation a file, what is drawn for each crop, and a whole batch at once."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
    from speechbrain_cadino.augmentation.clipping import clip
    from speechbrain_cadino.augmentation.data import (
        AugmentationData,
        noise_manifest,
        read_augmentation_data,
        rir_manifest,
        write_augmentation_csv,
    )
    from speechbrain_cadino.augmentation.files import noise_from, rirs_from
    from speechbrain_cadino.augmentation.filters import band_pass_db, equaliser_db, filter_crops
    from speechbrain_cadino.augmentation.levels import decibels_to_ratio, rms, set_level
    from speechbrain_cadino.augmentation.modulated_noise import add_modulated_noise
    from speechbrain_cadino.augmentation.mulaw import quantise_mulaw
    from speechbrain_cadino.augmentation.noise import (
        NoiseFiles,
        SimulatedNoise,
        add_noise,
        babble,
        coloured_noise,
        shaped_noise,
    )
    from speechbrain_cadino.augmentation.parameters import AugmentationSampler, draw_channel
    from speechbrain_cadino.augmentation.rirs import RIRFiles, SimulatedRIRs, reverberate
    from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
    from speechbrain_cadino.augmentation.speed import change_speed, length_before_speed

__getattr__, __dir__, __all__ = lazy_names(__name__)
