"""From a manifest to the crops that student and teacher see: utterances, cutting, batches."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.views.collate import ViewBatch, collate_views
    from speechbrain_cadino.views.crops import CropSpec
    from speechbrain_cadino.views.dataset import ViewDataset, ViewSample
    from speechbrain_cadino.views.embeddings import EmbeddingDataset
    from speechbrain_cadino.views.loader import ViewLoader
    from speechbrain_cadino.views.paired import PairedBatch, PairedDataset
    from speechbrain_cadino.views.positive_sampler import PositiveSampler
    from speechbrain_cadino.views.same_utterance import SameUtterance
    from speechbrain_cadino.views.sampler import ViewSampler

__getattr__, __dir__, __all__ = lazy_names(__name__)
