"""What is scored after an iteration, besides the development list by the first modality."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.trials import read_trials
from speechbrain_cadino.dlg_lc.side import FIRST, prefix_of
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.training.development import development_list
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.fusion import TOGETHER
from speechbrain_cadino.verification.sides import Side, fused, voice_side

EER = "EER %"


class TrialScores:
    """Error rates of an iteration's encoders: on further lists, and by further modalities; every rank must make it.

    Arguments
    ---------
    hparams : Settings
        With ``development_trials``, ``held_out_trials`` and ``development_folder``.
    manifest : Manifest
        The training utterances.
    modalities : mapping
        As of `modalities_of`. Without an encoder of the first one, nothing is scored.
    """

    def __init__(self, hparams: Any, manifest: Manifest, modalities: Mapping[str, Any]) -> None:
        held_out = [] if modalities[FIRST].is_given else hparams.held_out_trials
        self.folder, names = hparams.development_folder, [Path(path).stem for path in held_out]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"held_out_trials has two lists called {name}, as their metrics would be: rename one.")
        self.paths = {f" {name}": path for name, path in zip(names, held_out)}
        self.further = {name: development_list(path, self.folder, manifest) for name, path in self.paths.items()}
        self.modalities = {name: one for name, one in modalities.items() if name != FIRST}
        if hparams.development_trials and not modalities[FIRST].is_given:
            self.paths = {"": hparams.development_trials, **self.paths}

    def __call__(self, folder: Path, device: torch.device | str) -> dict[str, float]:
        """Score with the encoders in the folder of an iteration; for the main rank alone.

        Returns
        -------
        dict of float
            For a list ``dev``, which is not the development list, ``EER % dev``; for a modality ``face`` that has
            recordings of the lists, ``face_EER %`` and ``together_EER %``, too.
        """
        encoder = folder / "encoder"
        metrics = {f"{EER}{name}": one.of_folder(encoder, device)[EER] for name, one in self.further.items()}
        sides = self._sides(folder, device) if self.paths else {}
        if sides:
            lists = [read_trials(path) for path in self.paths.values()]
            voice = voice_side(load_encoder(encoder, device)[0], lists, self.folder, progress=False)
            for name, (_, rows) in zip(self.paths, fused({FIRST: voice, **sides}, lists)):
                of_side = {row["scored by"]: row[EER] for row in rows if EER in row}
                known = [side for side in (*sides, TOGETHER) if side in of_side]
                metrics |= {f"{prefix_of(side)}{EER}{name}": of_side[side] for side in known}
        return metrics

    def _sides(self, folder, device):
        encoders = {name: folder / f"{prefix_of(name)}encoder" for name in self.modalities}
        embedded = {
            name: self.modalities[name].embed_trials(path, device) for name, path in encoders.items() if path.is_dir()
        }
        scored = {name: found for name, found in embedded.items() if found is not None and len(found[0]) > 1}
        return {name: Side.of(found) for name, found in scored.items()}  # of one alone there is no trial
