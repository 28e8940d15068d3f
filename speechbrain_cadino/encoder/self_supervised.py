"""A self-supervised network (WavLM, wav2vec 2.0, HuBERT) as speaker encoder: layers weighted, pooled by attention."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from speechbrain.lobes.models.ECAPA_TDNN import AttentiveStatisticsPooling
from torch import nn

from speechbrain_cadino.encoder.architectures import build_network, frame_of
from speechbrain_cadino.encoder.self_supervised_weights import read_weights
from speechbrain_cadino.utils.errors import UserError


class SelfSupervised(nn.Module):
    """Waves to embeddings: the mean of the layers of a transformer by learned weights, attentive statistics, a layer.

    It goes with `RawWaves` in place of a filterbank. The weights of the layers are a softmax, equal at first. Longer
    audio than ``max_seconds`` is embedded in pieces: attention takes memory by the square of its length.

    Arguments
    ---------
    lin_neurons : int
        Size of the embedding.
    architecture : str or mapping, optional
        See `build_network`. May be left out where ``weights`` is a folder of transformers, which says it.
    weights : str or Path, optional
        A file of torchaudio's weights, or a folder of transformers (``config.json`` and ``model.safetensors``); see
        `read_weights`. None: random ones, for an encoder whose weights are loaded later.
    n_layers : int, optional
        So many of the first layers are used, and kept. Default: all. Speakers are found in the lower half.
    lr_factor : float
        The network's learning rate, as a fraction of the run's. 0: it is frozen, and stays in evaluation mode.
    attention_channels : int
        Of the pooling.
    dropout : float
        Of the network, where it is tuned.

    Raises
    ------
    UserError
        If the network cannot be built, or the weights are not of it.

    Example
    -------
    >>> small = dict(encoder_embed_dim=16, encoder_num_heads=2, encoder_num_layers=2, encoder_ff_interm_features=16)
    >>> net = SelfSupervised(8, architecture=small)
    >>> net(torch.randn(3, 15760)).shape
    torch.Size([3, 8])
    """

    max_seconds = 30.0  # these networks were trained on up to about as much

    def __init__(
        self,
        lin_neurons: int,
        architecture: str | Mapping[str, Any] | None = None,
        weights: str | Path | None = None,
        n_layers: int | None = None,
        lr_factor: float = 0.0,
        attention_channels: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not lr_factor >= 0 or not 0 <= dropout < 1:
            raise UserError(
                f"embedding_model has lr_factor {lr_factor} and dropout {dropout}: set lr_factor to 0 (frozen) or "
                "above, dropout to 0 or above, under 1."
            )
        state, told = (None, None) if weights is None else read_weights(weights)
        architecture = architecture or told
        if architecture is None:
            raise UserError(
                "embedding_model has no architecture: set it, such as wavlm_base, or set weights to a folder with a "
                "config.json, which says it."
            )
        self.front_end = build_network(architecture, dropout)
        if state is not None:
            _load(self.front_end, state, weights)
        transformer = self.front_end.encoder.transformer
        self.n_layers = len(transformer.layers) if n_layers is None else n_layers
        if not 1 <= self.n_layers <= len(transformer.layers):
            raise UserError(
                f"embedding_model has n_layers {n_layers}, and the network has {len(transformer.layers)}: set a number "
                "from 1 to that."
            )
        # What gives no part of the embedding is left out: a parameter without a gradient stops DDP.
        transformer.layers = transformer.layers[: self.n_layers]
        transformer.layer_norm.requires_grad_(transformer.layer_norm_first)  # else it would follow the last layer
        self._plain = architecture if isinstance(architecture, str) else dict(architecture)
        self.window, self.hop_length = frame_of(self.front_end)
        self.dropout = dropout
        self.front_end.lr_factor = lr_factor  # which `training.rates` reads
        if self.frozen:
            self.front_end.requires_grad_(False)
        dim = transformer.pos_conv_embed.embed_dim
        self.layer_weights = nn.Parameter(torch.zeros(self.n_layers))
        self.pooling = AttentiveStatisticsPooling(dim, attention_channels)
        self.pooled_norm = nn.BatchNorm1d(2 * dim)
        self.last_layer = nn.Linear(2 * dim, lin_neurons)
        self.train()

    @property
    def frozen(self) -> bool:
        """Whether the network keeps the weights that it was given."""
        return self.front_end.lr_factor == 0

    @property
    def settings(self) -> dict:
        """The arguments of another one like it; its weights are loaded from elsewhere."""
        return {
            "lin_neurons": self.last_layer.out_features,
            "architecture": self._plain,
            "n_layers": self.n_layers,
            "lr_factor": self.front_end.lr_factor,
            "attention_channels": self.pooling.conv.conv.in_channels,
            "dropout": self.dropout,
        }

    def train(self, mode: bool = True) -> SelfSupervised:
        """As in any module, but a frozen network stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.front_end.eval()
        return self

    def forward(self, waves: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Embed waves.

        Arguments
        ---------
        waves : torch.Tensor
            (batch, time), of `RawWaves`, normalised as the network was trained.
        lengths : torch.Tensor or None
            Relative lengths (batch,), as SpeechBrain gives them: each wave is then embedded without its padding.

        Returns
        -------
        torch.Tensor
            (batch, lin_neurons)
        """
        if waves.dim() != 2:
            raise UserError(
                f"embedding_model takes waves, (batch, time), and gets {tuple(waves.shape)}: set compute_features to "
                "speechbrain_cadino.encoder.raw_waves.RawWaves."
            )
        if lengths is None or bool((lengths >= 1).all()):
            return self.last_layer(self.pooled_norm(self.pooling(self._mixed(waves)).squeeze(2)))
        samples = (lengths * waves.shape[1]).round().int().tolist()
        return torch.cat([self(wave[None, :length]) for wave, length in zip(waves, samples)])

    def _mixed(self, waves):
        """The weighted mean of the layers, (batch, dim, frames)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            layers, _ = self.front_end.extract_features(waves)
        weights = self.layer_weights.softmax(dim=0).to(layers[0].dtype)
        return torch.einsum("l,lbtd->bdt", weights, torch.stack(layers))


def _load(network, state, path):
    """Put a state into a network, or say in one sentence where they differ."""
    wanted = network.state_dict()
    differing = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    differing += [name for name in state if name not in wanted]
    if differing:
        raise UserError(
            f"The weights {path} are of another network than the architecture of embedding_model (they differ in "
            f"{differing[0]}): set the architecture that they are of."
        )
    network.load_state_dict(state)
