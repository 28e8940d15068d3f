"""The encoders of the further modalities, after the last epoch: averaged, refitted if so set, and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from speechbrain_cadino.publish.card import leave_card
from speechbrain_cadino.publish.facts import UNKNOWN
from speechbrain_cadino.training.averaging import load_average
from speechbrain_cadino.utils.on_main import on_main


def keep_further(brain: Any) -> dict[str, float]:
    """Write the encoder of each further modality beside the first one's: ``face_encoder``. Every rank must call it.

    Arguments
    ---------
    brain : DLGLCBrain
        After its training.

    Returns
    -------
    dict of float
        What their modalities measure, under names with theirs before.
    """
    metrics = {}
    for side in brain.sides.further:
        if side.is_frozen or side.name not in brain.items.parts:  # no item with a label has one
            continue
        encoder, manifest = side.encoder, brain.items.parts[side.name]
        load_average(encoder, brain.checkpointer, f"{side.prefix}encoder", brain.hparams.average_checkpoints)
        encoder.eval()
        refit, is_refitted = side.settings.get("last_layer_refit"), False
        if refit is not None:
            items = torch.from_numpy(brain.items.pairing.items(side.name)).to(brain.device)
            setting = f"last_layer_refit of {side.name}"
            is_refitted = refit.refit(encoder, manifest, setting, brain.labels[items])
        info = {"license": getattr(brain.hparams, "license", UNKNOWN)}
        info |= {"epochs": brain.hparams.epoch_counter.current, "items": len(manifest), "last_layer_refit": is_refitted}
        folder = Path(brain.hparams.output_folder) / f"{side.prefix}encoder"
        found = on_main(side.settings["data"].keep, encoder, manifest, folder, info)
        on_main(leave_card, folder)
        metrics |= {side.prefix + name: value for name, value in (found or {}).items()}
    return metrics
