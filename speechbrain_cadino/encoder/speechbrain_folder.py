"""A folder that plain SpeechBrain's `EncoderClassifier` loads, and that was not written here: its encoder."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import torch
from speechbrain.inference.classifiers import EncoderClassifier
from torch import nn

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.encoder.classes import class_name
from speechbrain_cadino.encoder.load import MODULES
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.utils.devices import check_device
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.places import ENCODER
from speechbrain_cadino.utils.settings.faults import fault_line

YAML = "hyperparams.yaml"


def is_speechbrain_folder(folder: str | Path | None) -> bool:
    """Whether a folder has what SpeechBrain loads, and not what `export_encoder` writes beside it.

    Example
    -------
    >>> is_speechbrain_folder("nowhere"), is_speechbrain_folder(None)
    (False, False)
    """
    return folder is not None and (Path(folder) / YAML).is_file() and not (Path(folder) / ENCODER).is_file()


def check_trust(folder: str | Path | None, trust: bool) -> None:
    """Raise a `UserError` for such a folder, if nobody has said that its code may run."""
    if is_speechbrain_folder(folder) and not trust:
        raise UserError(
            f"{folder} is an encoder of SpeechBrain's own, and loading it runs whatever code its {YAML} names: if you "
            "trust who made it, set trust_init to True."
        )


def speechbrain_digest(folder: str | Path) -> str:
    """A digest of the names and bytes of the files in a folder."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(folder).iterdir()):
        if path.is_file():
            digest.update(f"{path.name}\0".encode())
            with open(path, "rb") as file:
                while block := file.read(1 << 24):
                    digest.update(block)
    return digest.hexdigest()


class SpeechBrainEncoder(nn.Module):
    """The encoder of a `EncoderClassifier`, as `extract_embeddings` asks it: waves to embeddings.

    ``mean_var_norm_emb`` is applied where there is one with statistics. Only recordings of one length share a batch,
    since nothing is known of what its modules make of padding.

    Arguments
    ---------
    classifier : EncoderClassifier
    text : str
        What its embeddings depend on besides its weights, for digests.
    """

    hop = 1
    max_seconds = math.inf  # as far as is known

    def __init__(self, classifier: EncoderClassifier, text: str) -> None:
        super().__init__()
        self.mods, self.settings = classifier.mods, {"folder": text}
        self._classifier = [classifier]  # no module of this one: its own are ``mods``
        norm = getattr(classifier.hparams, "mean_var_norm_emb", None)
        self.normalises = norm is not None and norm.count > 0  # without statistics it would make NaN
        if self.normalises:
            norm.eval()  # else it goes on learning
        with torch.no_grad():
            self.embedding_dim = self(torch.randn(1, SAMPLE_RATE, generator=torch.Generator().manual_seed(0))).shape[1]

    def frames(self, samples: int) -> int:
        """Each length has a number of its own."""
        return samples

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        """Embeddings (batch, embedding_dim) of waves (batch, time)."""
        embeddings = self._classifier[0].encode_batch(waves, normalize=self.normalises)
        return embeddings.reshape(len(waves), -1).float()


def load_speechbrain(folder: str | Path, device: Any = "cpu") -> SpeechBrainEncoder:
    """Load such a folder, which runs the code that its YAML names.

    Arguments
    ---------
    folder : str or Path
    device : torch.device or str

    Raises
    ------
    UserError
        If it cannot be loaded, or gives no embeddings.
    """
    check_device(str(device))
    try:
        # Its own files alone: nothing is fetched, and nothing is written into it.
        classifier = EncoderClassifier.from_hparams(
            source=str(Path(folder).resolve()), run_opts={"device": str(device)}
        )
        encoder = SpeechBrainEncoder(classifier, speechbrain_digest(folder)).eval().requires_grad_(False)
    except Exception as error:  # whatever code that is not ours raises
        raise UserError(
            f"The encoder in {folder} cannot be loaded by SpeechBrain's EncoderClassifier ({fault_line(error)}): see "
            "that it loads there."
        ) from error
    return encoder


def as_net(encoder: SpeechBrainEncoder, like: SpeakerEncoderNet) -> tuple[SpeakerEncoderNet | None, Any, str]:
    """The same as an encoder of ours, if it is of the same classes and sizes as one that is to be trained.

    Arguments
    ---------
    encoder : SpeechBrainEncoder
    like : SpeakerEncoderNet
        Of a run's YAML.

    Returns
    -------
    net : SpeakerEncoderNet or None
    mean : torch.Tensor or None
        (embedding_dim,) what its ``mean_var_norm_emb`` subtracts.
    why : str
        Why there is none.
    """
    missing = [name for name in MODULES if name not in encoder.mods]
    if missing:
        return None, None, f"it has no {missing[0]}"
    modules = {name: encoder.mods[name] for name in MODULES}
    for name, module in modules.items():
        theirs, ours = type(module), type(getattr(like, name))
        if class_name(theirs) is None or class_name(theirs) != class_name(ours):
            return None, None, f"its {name} is a {theirs.__name__}, the YAML's a {ours.__name__}"
    net = SpeakerEncoderNet(**modules, embedding_dim=encoder.embedding_dim, batch_norm=False)
    theirs, ours = encoder_settings(net), encoder_settings(like)
    for name in MODULES:
        for key, value in theirs[name].items():
            if ours[name].get(key) != value:
                return None, None, f"its {name} has {key} {value}, the YAML's {ours[name].get(key)}"
    norm = getattr(encoder._classifier[0].hparams, "mean_var_norm_emb", None)
    if norm is None:
        return net, None, ""
    if norm.norm_type != "global" or norm.std_norm:
        return None, None, "its mean_var_norm_emb does more than to subtract one mean"
    mean = norm.glob_mean
    return net, mean.reshape(-1) if isinstance(mean, torch.Tensor) and mean.numel() > 1 else None, ""
