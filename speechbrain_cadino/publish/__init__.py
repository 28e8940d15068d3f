"""A trained encoder for others: one ONNX file of it, and a model card beside it."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.publish.card import card_text, write_card
    from speechbrain_cadino.publish.fourier import FourierConvolution
    from speechbrain_cadino.publish.onnx_file import export_onnx

__getattr__, __dir__, __all__ = lazy_names(__name__)
