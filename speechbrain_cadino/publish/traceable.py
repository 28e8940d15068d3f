"""An encoder as one module that `torch.export` follows through any batch and any number of samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from speechbrain.lobes.models import ECAPA_TDNN as speechbrain_ecapa
from speechbrain.lobes.models.Xvector import Xvector
from torch import nn

from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.publish.fourier import without_fast_transform


class Traceable(nn.Module):
    """A copy of an encoder in a form that can be exported: ``forward`` gives the same embeddings to float32's rounding.

    ECAPA-TDNN becomes this package's, whose convolutions are matrix products: ONNX Runtime runs those faster on long
    inputs, and int8 applies to them.

    Arguments
    ---------
    net : SpeakerEncoderNet or FaceEncoderNet
        Not changed.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = without_fast_transform(net)
        model = getattr(self.net, "embedding_model", None)
        if type(model) is speechbrain_ecapa.ECAPA_TDNN:
            faster = ECAPA_TDNN(**encoder_settings(net)["embedding_model"])
            faster.load_state_dict(model.state_dict())
            self.net.embedding_model = faster.eval().requires_grad_(False)
        elif type(model) is Xvector:  # its forward tries each layer with lengths first, and an error ends the following
            self.net.embedding_model = nn.Sequential(*model.blocks)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of waves (batch, time) or pictures (batch, 3, size, size)."""
        return self.net(inputs)


@contextmanager
def any_batch() -> Iterator[None]:
    """Meanwhile SpeechBrain's masks of padding do not fix the batch: its own ask for ``len(lengths)``, a number."""
    before = speechbrain_ecapa.length_to_mask
    speechbrain_ecapa.length_to_mask = _length_to_mask
    try:
        yield
    finally:
        speechbrain_ecapa.length_to_mask = before


def _length_to_mask(length, max_len=None, dtype=None, device=None):
    mask = torch.arange(max_len, device=length.device, dtype=length.dtype) < length.unsqueeze(1)
    return mask.to(dtype=dtype or length.dtype, device=device or length.device)
