"""Speaker-verification encoders from unlabelled speech: DINO, Cluster-Aware DINO and DLG-LC for SpeechBrain.

Every part can be had from its room, ``from speechbrain_cadino.dino import DINOLoss``; nothing heavy is imported before.
"""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino import (
        augmentation,
        clusters,
        corpus,
        demo,
        dino,
        dlg_lc,
        encoder,
        faces,
        report,
        training,
        utils,
        verification,
        views,
    )
    from speechbrain_cadino.inference import FaceEncoder, SpeakerEncoder

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_names(__name__)
