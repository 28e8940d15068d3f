"""Stage I, self-distillation without labels: head, losses, and the watch against collapse."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.dino.brain import DINOBrain
    from speechbrain_cadino.dino.ca_brain import CADINOBrain
    from speechbrain_cadino.dino.collapse import CollapseError, CollapseWatch, embedding_spread
    from speechbrain_cadino.dino.head import DINOHead, PrototypeLayer
    from speechbrain_cadino.dino.koleo import KoLeoLoss
    from speechbrain_cadino.dino.loss import CosineConsistencyLoss, DINOLoss
    from speechbrain_cadino.dino.multicrop import MultiCropNet
    from speechbrain_cadino.dino.refresh import Clusters, RefreshSchedule

__getattr__, __dir__, __all__ = lazy_names(__name__)
