"""The speaker encoder: filterbank, mean normalisation, a network such as ECAPA-TDNN, and batch norm in one module."""

from __future__ import annotations

import torch
from speechbrain.lobes.features import Fbank
from speechbrain.processing.features import InputNormalization
from torch import nn

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.encoder.classes import allow_class
from speechbrain_cadino.encoder.networks import last_layer, last_norm
from speechbrain_cadino.encoder.pooling import without_noise
from speechbrain_cadino.utils.errors import UserError


class SpeakerEncoderNet(nn.Module):
    """Waves to embeddings, an `Encoder` built from SpeechBrain's own modules: the weights load into plain SpeechBrain.

    The batch norm after the last layer is that of WeSpeaker's DINO recipe. SpeechBrain's ECAPA-TDNN has none: the
    export folds it into the last layer.

    Arguments
    ---------
    compute_features : torch.nn.Module
        Log-mel filterbank, SpeechBrain's `Fbank`, whose ``f_max`` is the upper frequency of the encoder; or `RawWaves`.
    mean_var_norm : speechbrain.processing.features.InputNormalization
        Normalisation over the time of each utterance (``norm_type="sentence"``, ``std_norm=False``).
    embedding_model : torch.nn.Module
        Features (batch, frames, mels) to embeddings (batch, 1, embedding_dim) or (batch, embedding_dim): SpeechBrain's
        `ECAPA_TDNN`, `ResNet` or `Xvector`, or any network that says its ``settings`` and ``last_layer``. The noise of
        SpeechBrain's statistics pooling is taken out of it.
    embedding_dim : int
        Size of the embedding, the ``lin_neurons`` of the embedding model.
    batch_norm : bool
        Whether a batch norm follows the network. Off for one that ends with its own (ResNet), and for a loaded encoder,
        which has it in its last layer already.

    Example
    -------
    >>> from speechbrain.lobes.features import Fbank
    >>> from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
    >>> from speechbrain.processing.features import InputNormalization
    >>> ecapa = ECAPA_TDNN(80, channels=[16, 16, 16, 16, 48], lin_neurons=24)
    >>> norm = InputNormalization(norm_type="sentence", std_norm=False)
    >>> net = SpeakerEncoderNet(Fbank(n_mels=80), norm, ecapa, embedding_dim=24)
    >>> net(torch.randn(4, 16000)).shape
    torch.Size([4, 24])
    """

    def __init__(
        self,
        compute_features: nn.Module,
        mean_var_norm: InputNormalization,
        embedding_model: nn.Module,
        embedding_dim: int,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        check_features(compute_features)
        for module in (compute_features, mean_var_norm, embedding_model):
            allow_class(type(module))
        without_noise(embedding_model)
        self.compute_features = compute_features
        self.mean_var_norm = mean_var_norm
        self.embedding_model = embedding_model
        self.embedding_dim = embedding_dim
        self.embedding_norm = nn.BatchNorm1d(embedding_dim) if batch_norm else nn.Identity()

    @property
    def last_layer(self) -> nn.Linear | nn.Conv1d:
        """The last linear layer, which `fit_last_layer` replaces."""
        return last_layer(self.embedding_model)

    @property
    def last_norms(self) -> list[nn.Module]:
        """The batch norms after it: the network's own, and the one of this module."""
        norms = (last_norm(self.embedding_model), self.embedding_norm)
        return [norm for norm in norms if norm is not None and not isinstance(norm, nn.Identity)]

    @property
    def hop(self) -> int:
        """Samples from one frame to the next; 1 where ``compute_features`` does not tell."""
        stft = getattr(self.compute_features, "compute_STFT", self.compute_features)
        return getattr(stft, "hop_length", 1)

    @property
    def max_seconds(self) -> float:
        """The longest audio that the network is to get at once, as it says itself; infinite if it does not."""
        return getattr(self.embedding_model, "max_seconds", float("inf"))

    def frames(self, samples: int) -> int:
        """How many frames so many samples give: as many as ``compute_features`` says, or as a short-time transform."""
        count = getattr(self.compute_features, "frames", None)
        return count(samples) if count is not None else samples // self.hop + 1

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Embed waves of one length.

        Arguments
        ---------
        waves : torch.Tensor
            Waves at 16 kHz, (batch, time) float32. Every row counts in full: there is no padding mask.

        Returns
        -------
        torch.Tensor
            Embeddings (batch, embedding_dim), float32 under autocast too.
        """
        return self.embed(self.features(waves))

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of features (batch, frames, mels): what is trained of the encoder."""
        embeddings = self.embedding_model(features)
        embeddings = embeddings.squeeze(1) if embeddings.dim() == 3 else embeddings  # ResNet's are (batch, dim)
        with torch.autocast(features.device.type, enabled=False):
            return self.embedding_norm(embeddings.float())

    def features(self, waves: torch.Tensor) -> torch.Tensor:
        """Normalised log-mel features (batch, frames, mels) of waves (batch, time), without gradient.

        They are computed in float32 whatever the precision of training: powers of a spectrum overflow or vanish in half
        precision.
        """
        with torch.no_grad(), torch.autocast(waves.device.type, enabled=False):
            features = self.compute_features(waves.float())
            return self.mean_var_norm(features, torch.ones(features.shape[0], device=features.device))


def check_features(compute_features: nn.Module) -> None:
    """Raise a `UserError` if a filterbank is set for another rate than the 16 kHz of all audio here, or reaches beyond.

    Arguments
    ---------
    compute_features : torch.nn.Module
        Such as SpeechBrain's `Fbank`; what does not tell its rate is let through.
    """
    rate = getattr(getattr(compute_features, "compute_STFT", None), "sample_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise UserError(
            f"compute_features has the sample_rate {rate}, but all audio is read at {SAMPLE_RATE} Hz, whatever the "
            "files' rate: leave sample_rate out; for telephone speech set f_max to 3800."
        )
    bands = getattr(compute_features, "compute_fbanks", None)
    low, high = getattr(bands, "f_min", 0), getattr(bands, "f_max", SAMPLE_RATE / 2)
    if not 0 <= low < high <= SAMPLE_RATE / 2:
        raise UserError(
            f"compute_features has bands from f_min {low} to f_max {high} Hz: audio at {SAMPLE_RATE} Hz has 0 to "
            f"{SAMPLE_RATE // 2} Hz; set both within it, in Hz."
        )
    if isinstance(compute_features, Fbank):
        empty = (bands.all_freqs_mat - bands.f_central[:, None]).abs() >= bands.band[:, None]
        n_empty, n_mels = int(empty.all(dim=1).sum()), len(empty)
        if n_empty > n_mels / 2:
            raise UserError(
                f"compute_features has {n_mels} bands from f_min {low} to f_max {high} Hz, of which {n_empty} lie "
                "between the frequencies of the spectrum and are always empty: set a higher f_max, or a smaller n_mels."
            )
