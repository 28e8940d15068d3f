"""Waves to embeddings: the encoder, embeddings of a whole corpus, and the export to plain SpeechBrain."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.encoder.compensation import Compensation
    from speechbrain_cadino.encoder.discriminant import Scatter, discriminant_layer
    from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
    from speechbrain_cadino.encoder.embed import embed_utterances
    from speechbrain_cadino.encoder.export import export_encoder
    from speechbrain_cadino.encoder.extract import extract_embeddings
    from speechbrain_cadino.encoder.load import load_encoder, start_from_encoder
    from speechbrain_cadino.encoder.model import SpeakerEncoderNet
    from speechbrain_cadino.encoder.refit import fit_last_layer
    from speechbrain_cadino.encoder.waves import WaveEncoder

__getattr__, __dir__, __all__ = lazy_names(__name__)
