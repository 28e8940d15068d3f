"""Stage II: one training step on pseudo-labels, with gate and correction, and what is kept and logged of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from speechbrain_cadino.dlg_lc.checks import check_history, check_stage_2
from speechbrain_cadino.dlg_lc.gate import CORRECTING_MODES
from speechbrain_cadino.dlg_lc.loss import DLGLCLoss, epoch_ratios
from speechbrain_cadino.dlg_lc.plots import loss_histogram
from speechbrain_cadino.dlg_lc.truth import Truth
from speechbrain_cadino.encoder.load import start_from_encoder
from speechbrain_cadino.training.averaging import check_averaging, load_average
from speechbrain_cadino.training.brain import CadinoBrain
from speechbrain_cadino.training.ddp import unwrap
from speechbrain_cadino.training.kept import refitted
from speechbrain_cadino.training.metric_averager import MetricAverager
from speechbrain_cadino.training.start import load_from_run
from speechbrain_cadino.training.teacher import EMATeacher
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.plots import write_figure
from speechbrain_cadino.utils.signals import not_holding
from speechbrain_cadino.views.collate import ViewBatch
from speechbrain_cadino.views.loader import ViewLoader

logger = logging.getLogger(__name__)


class DLGLCBrain(CadinoBrain):
    """An encoder and a classifier learn pseudo-labels; a loss-gate finds the wrong ones, the model corrects them.

    Han, Chen, Qian, arXiv 2208.01928 and 2304.05754. ``modules``: ``encoder``, a `SpeakerEncoderNet`, and
    ``classifier``, a `CosineClassifier`. Read from ``hparams``, besides what `CadinoBrain` reads: ``gate_mode``,
    ``gate``, ``aam``, ``corrector``, ``margin_schedule``, ``correction_start_epoch``, ``correction_momentum`` (only
    where labels are corrected), ``augmenter``, ``average_checkpoints``, ``last_layer_refit``, ``init`` (an encoder
    folder, or None), ``fresh_encoder`` (whether its weights are left aside) and ``start_from`` (the output folder of a
    run whose encoder, classifier and gate are taken, or None).

    An item has one view, augmented; the clean one is the same crop before that. Where the correction is at work, the
    clean view goes through the model too, in evaluation mode and without gradient: about a quarter more time. One
    forward for both would keep what only the augmented half's gradient needs, and mix their batch statistics.

    What predicts is the model's moving average, of momentum ``correction_momentum`` a step, as in Mean Teacher
    (Tarvainen and Valpola, arXiv 1703.01780). At 0 it is the model itself, as in the paper; on small corpora that one
    learns its own mistakes (docs/experiments/what_predicts.md).

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, the class of each utterance of the manifest.
    *args, **kwargs
        As for `CadinoBrain`.
    """

    PANELS = {
        "loss (nats)": ["loss", "label_loss", "kept_loss", "gate_threshold"],
        "fractions": ["fraction_kept", "fraction_corrected", "fraction_passed"],
        "gate and correction against the true speakers": ["gate_precision", "gate_recall", "corrected_accuracy"],
        "halves that find each other": ["half_rank", "half_retrieval"],
        "EER of the development list (%)": ["EER %"],
    }

    def __init__(self, *args, labels: np.ndarray, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.labels = torch.from_numpy(labels).to(self.device)
        check_averaging(self.hparams)
        self.gate, self.means = self.hparams.gate, MetricAverager()
        self.augmenter = self.hparams.augmenter.to(self.device)
        self.loss = DLGLCLoss(self.hparams.aam, self.hparams.corrector)
        recoverables = {"gate": self.gate, "means": self.means}
        self.predictor = None
        if self.hparams.gate_mode in CORRECTING_MODES:
            momentum = self.hparams.correction_momentum
            if not 0 <= momentum < 1:
                raise UserError(f"correction_momentum is {momentum}: set at least 0 and less than 1.")
            self.predictor = recoverables["predictor"] = EMATeacher(self._model(), batch_norm="ema")
        if self.checkpointer is not None:
            self.checkpointer.add_recoverables(recoverables)

    def _model(self):
        """Encoder and classifier in a row, themselves."""
        return nn.Sequential(unwrap(self.modules.encoder), unwrap(self.modules.classifier))

    def fit_loader(self, loader: ViewLoader) -> None:
        manifest = loader.dataset.manifest
        labels, classes = self.labels.cpu().numpy(), unwrap(self.modules.classifier).weight.shape[0]
        if len(labels) != len(manifest) or labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"{len(manifest)} utterances need a label each, from 0 to {classes - 1}.")
        self.gate.bind(manifest.ids)
        known = manifest.spk_ids is not None and (manifest.spk_ids != "").all()
        self.truth = Truth(labels, manifest.spk_ids, self.device) if known else None
        super().fit_loader(loader)

    def check_before(self, loader: ViewLoader) -> list[str]:
        labels, limit = self.labels.cpu().numpy(), self.hparams.epoch_counter.limit
        found = check_stage_2(vars(self.hparams), limit, labels, loader.dataset.augment)
        return super().check_before(loader) + found

    def check_after(self):
        return super().check_after() + check_history(self.history.rows, self.hparams.gate_mode, self.gate.reason)

    def begin(self):
        start_from, untrained = self.hparams.start_from, {}
        if self.hparams.init and not self.hparams.fresh_encoder and not start_from:
            with not_holding():
                untrained = on_main(self._halves)
            start_from_encoder(unwrap(self.modules.encoder), self.hparams.init)
        measured = super().begin() | {f"untrained_{name}": value for name, value in untrained.items()}
        if start_from:
            new = set(self.checkpointer.recoverables) - {"encoder", "classifier", "gate"}
            load_from_run(self.checkpointer, start_from, new=new)
        if self.predictor is not None:
            self.predictor.update(self._model(), momentum=0)  # the weights came just now
        return measured

    def encoder_to_test(self):
        return unwrap(self.modules.encoder)

    @property
    def is_correcting(self):
        """Whether the clean views are looked at: in this epoch, there are labels that are not trusted."""
        due = self.hparams.epoch_counter.current >= self.hparams.correction_start_epoch
        return self.predictor is not None and due and self.gate.threshold < torch.inf

    def compute_forward(self, batch: ViewBatch, stage: Any):
        """Cosines (batch, classes) of the augmented views, and of the clean ones or None."""
        batch = batch.to(self.device)
        (wave,) = self.augmenter(batch)
        cosines = self.modules.classifier(self.modules.encoder(wave))
        with torch.no_grad():
            return cosines, self.predictor(batch.waves[0]) if self.is_correcting else None

    def compute_objectives(self, predictions: tuple, batch: ViewBatch, stage: Any):
        cosines, clean_cosines = predictions
        items = batch.items.to(self.device)
        self.loss.aam.margin = self.scheduled(self.hparams.margin_schedule)
        loss, verdicts, stats = self.loss(cosines, self.labels[items], self.gate.threshold, clean_cosines)
        self.gate.record(items, verdicts.losses)
        if self.truth is not None:
            stats |= self.truth.stats(items, verdicts)
        self.means.add(stats)
        return loss

    def after_step(self) -> None:
        if self.predictor is not None:
            self.predictor.update(self._model(), self.hparams.correction_momentum)

    def epoch_metrics(self):
        metrics = {"gate_threshold": self.gate.threshold, **self.means.finish_epoch()}
        metrics |= epoch_ratios(metrics)
        if metrics.get("fraction_passed") in (0, 1):
            logger.warning(
                "The correction passes %s of the labels that are not trusted: %s tau_2, or set another logit_scale.",
                *(("none", "lower") if metrics["fraction_passed"] == 0 else ("all", "raise")),
            )
        epoch = self.gate.finish_epoch()
        logger.info("The gate after epoch %d: %s", self.hparams.epoch_counter.current, self.gate.reason)
        if is_main():
            self._draw(epoch)
        return metrics

    def _draw(self, losses):
        """The histogram of the epoch's losses, as a PNG and in the loggers."""
        number = self.hparams.epoch_counter.current
        right = None if self.truth is None else self.truth.right[losses.items]
        figure = loss_histogram(
            losses.losses, self.gate.mixture, self.gate.threshold, right, title=f"losses of epoch {number}"
        )
        write_figure(figure, Path(self.hparams.output_folder) / "losses" / f"epoch{number:04d}.png")
        self.loggers.log_figure("losses", figure, number)

    def encoder_to_export(self):
        """The encoder, the mean of its last ``average_checkpoints`` epochs; last layer refitted if so set.

        Every rank must call it.
        """
        encoder = unwrap(self.modules.encoder)
        load_average(encoder, self.checkpointer, "encoder", self.hparams.average_checkpoints)
        return refitted(self, encoder.eval())
