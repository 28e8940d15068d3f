"""What a further modality is to stage II, besides its network: its recordings, and what is done with its encoder.

The setting ``modalities`` gives each modality an object ``data`` of this protocol. A third modality is a class with
these methods, an encoder whose ``forward`` takes its batches' views, and an entry in a YAML.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.corpus.manifest import Manifest


class Modality(Protocol):
    """The recordings of one modality, and its encoder's beginning and end.

    ``is_given`` says whether its embeddings come from elsewhere, so that no encoder is trained; then nobody calls
    ``encoder_digest``, ``start``, ``keep`` and ``embed_trials``.
    """

    is_given: bool

    def manifest(self, voices: Manifest, folder: Path) -> Any:
        """Its recordings, with ``ids``, ``spk_ids``, ``sessions`` and ``subset`` as a `Manifest` has them.

        ``voices`` are the training utterances, and in ``folder``, that of the run, it may keep what it has found. The
        main rank calls it first, then every rank.
        """

    def digest(self, manifest: Any) -> str:
        """Of all that decides what is learnt from these recordings."""

    def dataset(self, manifest: Any) -> Any:
        """What a `PairedDataset` takes: samples by (epoch, row), ``collate``, ``manifest``."""

    def encoder_digest(self, source: str | Path | None) -> str:
        """Of an encoder folder, or of what stands in its place."""

    def embed(
        self,
        source: str | Path | None,
        manifest: Any,
        folder: Path,
        device: torch.device | str | None,
        compensation: Callable | None,
    ) -> tuple[np.ndarray, list]:
        """Embeddings (n, dim) float32 by the encoder of a folder, kept in ``folder``, and their n IDs.

        Recordings that cannot be embedded are left out. Every rank must call it.
        """

    def start(self, encoder: nn.Module, source: str | Path) -> None:
        """Give an encoder that is to be trained the weights of an encoder folder."""

    def keep(self, encoder: nn.Module, manifest: Any, folder: Path, info: dict) -> dict[str, float]:
        """Write the trained encoder as a folder and measure it; ``info`` is for people. For the main rank alone."""

    def embed_trials(
        self, source: str | Path | None, device: torch.device | str | None
    ) -> tuple[np.ndarray, list] | None:
        """Embeddings (n, dim) of recordings of the trial lists, and their names; None if there are none.

        By the encoder of a folder. For the main rank alone.
        """
