"""An encoder's folder in use, whatever it embeds: how it is loaded, and decisions on pairs of files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from speechbrain_cadino.encoder.in_use import device_of
from speechbrain_cadino.utils.errors import UserError

Loaded = TypeVar("Loaded", bound="Verifier")


class Verifier:
    """Folders loaded and pairs of files decided on, for a class of `EncoderInUse` that has ``encode_files``."""

    _load: Callable  # folder and device -> net and what its JSON says

    @classmethod
    def from_folder(
        cls: type[Loaded], folder: str | Path, device: torch.device | str = "cpu", **options: Any
    ) -> Loaded:
        """Load a folder that training exported. Nothing in it is run, whoever wrote it.

        Arguments
        ---------
        folder : str or Path
        device : str
            Such as "cpu", "cuda" or "cuda:1".
        **options
            Of the class, such as ``max_seconds`` of `SpeakerEncoder`.

        Raises
        ------
        UserError
            If the folder is absent, holds no encoder or a damaged one, the device is not there or an option unknown.
        """
        known = list(inspect.signature(cls).parameters)[3:]
        for name in options:
            if name not in known:
                raise UserError(f"{cls.__name__} has no option {name}: it has {' and '.join(known)}.")
        net, metadata = cls._load(folder, device)
        return cls(net, metadata["threshold"], metadata, **options)

    @classmethod
    def from_hparams(
        cls: type[Loaded],
        source: str | Path,
        hparams_file: str = "hyperparams.yaml",
        overrides: dict | None = None,
        savedir: str | Path | None = None,
        run_opts: dict | None = None,
        freeze_params: bool = True,
        **options: Any,
    ) -> Loaded:
        """SpeechBrain's way of saying `from_folder`.

        Arguments
        ---------
        source : str or Path
            The folder.
        hparams_file, overrides, freeze_params :
            Of SpeechBrain's; anything but the default is refused, since the YAML is not what is loaded.
        savedir : str or Path, optional
            Where SpeechBrain would collect the files; they are read where they are, and nothing is written.
        run_opts : dict, optional
            ``{"device": "cuda"}``.
        **options
            As of `from_folder`.
        """
        wishes = dict(hparams_file=(hparams_file, "hyperparams.yaml"), freeze_params=(freeze_params, True))
        device = device_of(run_opts, overrides=(overrides or None, None), **wishes)
        return cls.from_folder(source, device, **options)

    def verify_files(
        self, path_x: str | Path, path_y: str | Path, threshold: float | None = None
    ) -> tuple[float, bool]:
        """Tell whether two files (of faces: or folders of frames) are of one person.

        Arguments
        ---------
        path_x, path_y : str or Path
        threshold : float, optional
            Default: the encoder's own.

        Returns
        -------
        score : float
            Cosine of the embeddings.
        decision : bool
            Whether the score reaches the threshold.

        Raises
        ------
        UserError
            If a file cannot be used, or there is no threshold.
        """
        threshold = self.threshold if threshold is None else threshold
        if threshold is None:
            raise UserError("The encoder was exported without a threshold: give the argument threshold, such as 0.3.")
        try:
            threshold = float(threshold)
            good = -1 <= threshold <= 1
        except (TypeError, ValueError):
            good = False
        if not good:
            raise UserError(f"threshold is {threshold}: scores are cosines, so give one from -1 to 1, such as 0.3.")
        score = float(torch.cosine_similarity(*self.encode_files([path_x, path_y]), dim=0))
        return score, score >= threshold
