"""Stage II: one training step on pseudo-labels, with gate and correction, and what is kept and logged of it."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.dlg_lc.checks import about_gate, about_together, check_history, check_stage_2
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.keeping import keep_further
from speechbrain_cadino.dlg_lc.plots import loss_histogram, losses_histogram
from speechbrain_cadino.dlg_lc.side import FIRST, PROJECTION
from speechbrain_cadino.dlg_lc.side_metrics import epoch_metrics_of, own_metrics, panels
from speechbrain_cadino.dlg_lc.sided_brain import SidedBrain
from speechbrain_cadino.dlg_lc.truth import Truth
from speechbrain_cadino.encoder.load import start_from_encoder
from speechbrain_cadino.training.averaging import check_averaging, load_average
from speechbrain_cadino.training.for_report import LOSSES, write_losses
from speechbrain_cadino.training.kept import refitted
from speechbrain_cadino.training.start import load_from_run
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.logs import IN_FILE_ONLY
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.plots import write_figure
from speechbrain_cadino.utils.signals import not_holding
from speechbrain_cadino.views.loader import ViewLoader

logger = logging.getLogger(__name__)


class DLGLCBrain(SidedBrain):
    """An encoder and a classifier learn pseudo-labels; a loss-gate finds the wrong ones, the model corrects them.

    Han, Chen, Qian, arXiv 2208.01928 and 2304.05754. ``modules``: ``encoder``, a `SpeakerEncoderNet`, and
    ``classifier``, a `CosineClassifier`. Read from ``hparams``, besides what `CadinoBrain` reads: ``gate_mode``,
    ``gate``, ``aam``, ``corrector``, ``margin_schedule``, ``correction_start_epoch``, ``correction_momentum`` (only
    where labels are corrected), ``augmenter``, ``average_checkpoints``, ``last_layer_refit``, ``init`` (an encoder
    folder, or None), ``fresh_encoder`` (whether its weights are left aside) and ``start_from`` (the output folder of a
    run whose encoder, classifier and gate are taken, or None). With ``targets`` also ``distillation``.

    Further modalities share the labels: an item is a voice, a face, or both. Each has a `Side` here, by the setting
    ``modalities``, whose names in modules, checkpoints and metrics begin with the modality's; ``gate_rule`` and
    ``correction`` (both ``own`` if they are not set) say what they tell each other (`kept_labels`, `joint_correction`).
    Nothing else of one reaches the other: gradients are clipped each on its own. A step in which a rank has fewer than
    two samples of a modality is made without it, on all ranks.

    An item has one view, augmented; the clean one is the same crop before that. Where the correction is at work, the
    clean view goes through the model too, in evaluation mode and without gradient: about a quarter more time. One
    forward for both would keep what only the augmented half's gradient needs, and mix their batch statistics.

    What predicts is the model's moving average, of momentum ``correction_momentum`` a step, as in Mean Teacher
    (Tarvainen and Valpola, arXiv 1703.01780). At 0 it is the model itself, as in the paper; on small corpora that one
    learns its own mistakes (docs/experiments/what_predicts.md).

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, the class of each item: of each utterance of the manifest, where there is no other modality.
    *args, **kwargs
        As for `CadinoBrain`.
    """

    PANELS = {
        "loss (nats)": ["loss", "label_loss", "kept_loss", "gate_threshold"],
        "distance to the teacher's embeddings (1 - cosine)": ["distillation_loss"],
        "fractions": ["fraction_kept", "fraction_corrected", "fraction_passed"],
        "gate and correction against the true speakers": ["gate_precision", "gate_recall", "corrected_accuracy"],
        "halves that find each other": ["half_rank", "half_retrieval"],
        "EER of the development list (%)": ["EER %"],
    }

    def __init__(self, *args, labels: np.ndarray, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.labels = torch.from_numpy(labels).to(self.device)
        check_averaging(self.hparams)
        self.PANELS = panels(self.PANELS, self.sides)

    def fit_loader(self, loader: ViewLoader) -> None:
        self.items = Items.of_dataset(loader.dataset)
        labels = self.labels.cpu().numpy()
        classes = min(side.classifier.weight.shape[0] for side in self.sides)
        if len(labels) != len(self.items) or labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"{len(self.items)} items need a label each, from 0 to {classes - 1}.")
        for side in self.sides:
            side.gate.bind(self.items.ids)
        spk_ids = self.items.spk_ids
        known = spk_ids is not None and (spk_ids != "").any()
        self.truth = Truth(labels, spk_ids, self.device) if known else None
        super().fit_loader(loader)

    def check_before(self, loader: ViewLoader) -> list[str]:
        labels, limit = self.labels.cpu().numpy(), self.hparams.epoch_counter.limit
        found = check_stage_2(vars(self.hparams), limit, labels, loader.dataset.augment)
        found += about_together(vars(self.hparams), len(self.sides))
        for side in self.sides.further:
            found += about_gate(vars(self.hparams) | {"gate": side.gate}, limit, f"The gate of {side.name}")
        return super().check_before(loader) + found

    def check_after(self):
        found = super().check_after()
        for side in self.sides:
            rows = [{"epoch": row["epoch"], **own_metrics(row, side, self.sides)} for row in self.history.rows]
            told = check_history(rows, self.hparams.gate_mode, side.gate.reason)
            found += told if side is self.sides.first else [f"{side.name}: {sentence}" for sentence in told]
        return found

    def begin(self):
        start_from, untrained = self.hparams.start_from, {}
        fresh = self.hparams.fresh_encoder or start_from
        if self.hparams.init and not fresh and not self.sides.first.is_frozen:
            with not_holding():
                untrained = on_main(self._halves)
            start_from_encoder(self.sides.first.encoder, self.hparams.init)
        for side in self.sides.further:
            if side.settings.get("init") and not fresh:
                side.settings["data"].start(side.encoder, side.settings["init"])
        measured = super().begin() | {f"untrained_{name}": value for name, value in untrained.items()}
        if start_from:
            parts = ("encoder", "classifier", "gate", PROJECTION)
            taken = {f"{side.prefix}{part}" for side in self.sides for part in parts}
            load_from_run(self.checkpointer, start_from, new=set(self.checkpointer.recoverables) - taken)
        for side in self.sides:
            side.follow(momentum=0)  # the weights came just now
        return measured

    def encoder_to_test(self):
        return self.sides.first.encoder

    def epoch_metrics(self):
        metrics = epoch_metrics_of(self.sides, self.means.finish_epoch(), len(self.train_sampler))
        for side in self.sides:
            epoch, of = side.gate.finish_epoch(), f" of {side.name}" if side.prefix else ""
            number = self.hparams.epoch_counter.current
            logger.info("The gate%s after epoch %d: %s", of, number, side.gate.reason, extra=IN_FILE_ONLY)
            if is_main():
                self._draw(side, epoch)
        return metrics

    def _draw(self, side, losses):
        """The histogram of a modality's losses in the epoch, as a PNG and in the loggers."""
        number = self.hparams.epoch_counter.current
        known = self.truth is not None and self.truth.known[losses.items].all()
        right = self.truth.right[losses.items] if known else None
        title = f"{side.prefix}losses of epoch {number}".replace("_", " ")
        title += ", no threshold: all labels are kept" if math.isinf(side.gate.threshold) else ""
        figure = loss_histogram(losses.losses, side.gate.mixture, side.gate.threshold, right, title)
        folder = Path(self.hparams.output_folder) / "losses"
        write_losses(folder / (side.prefix + LOSSES.format(number)), losses_histogram(losses.losses, side.gate, right))
        write_figure(figure, folder / f"{side.prefix}epoch{number:04d}.png")
        self.loggers.log_figure(f"{side.prefix}losses", figure, number)

    def encoder_to_export(self):
        """The encoder, the mean of its last ``average_checkpoints`` epochs; last layer refitted if so set.

        Every rank must call it. None if the first modality's embeddings are given.
        """
        if self.sides.first.is_frozen:
            return None
        encoder = self.sides.first.encoder
        load_average(encoder, self.checkpointer, "encoder", self.hparams.average_checkpoints)
        labels = self.labels[torch.from_numpy(self.items.pairing.items(FIRST)).to(self.device)]
        return refitted(self, encoder.eval(), labels)

    def keep_further(self) -> dict[str, float]:
        return keep_further(self)
