"""Stage I: one training step of DINO, and what is kept and logged of it."""

from __future__ import annotations

from typing import Any

import torch

from speechbrain_cadino.dino.checks import check_dino
from speechbrain_cadino.dino.multicrop import map_by_length
from speechbrain_cadino.training.averaging import check_averaging, load_average
from speechbrain_cadino.training.brain import CadinoBrain
from speechbrain_cadino.training.ddp import synchronise_batchnorm, unwrap
from speechbrain_cadino.training.kept import refitted
from speechbrain_cadino.training.teacher import EMATeacher
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.collate import ViewBatch
from speechbrain_cadino.views.loader import ViewLoader


class DINOBrain(CadinoBrain):
    """Multi-crop self-distillation: a student learns to answer like its own moving average, from other crops.

    ``modules``: ``student``, a `MultiCropNet`. Read from ``hparams``, besides what `CadinoBrain` reads: ``dino_loss``,
    ``consistency_loss`` and ``consistency_weight``, ``koleo_loss`` and ``koleo_weight``, ``collapse_watch``,
    ``teacher_batch_norm``, ``momentum_schedule``, ``teacher_temp_schedule``, ``freeze_last_layer_epochs``,
    ``augmenter``, ``crops``, ``average_checkpoints``, ``last_layer_refit``.
    """

    PANELS = {
        "loss (nats)": ["loss", "dino_loss", "max_entropy"],
        "teacher's entropies (nats)": ["entropy_of_mean", "mean_entropy", "max_entropy"],
        "entropy gap (nats)": ["entropy_gap"],
        "embedding spread": ["embedding_spread"],
        "halves that find each other": ["half_rank", "half_retrieval"],
        "EER of the development list (%)": ["EER %"],
    }

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        check_averaging(self.hparams)
        # Outside of `modules`, so that neither the optimiser nor DDP takes hold of it.
        try:
            self.teacher = EMATeacher(self.modules.student, self.hparams.teacher_batch_norm).to(self.device)
        except ValueError as error:  # "batch_norm is ..."
            raise UserError(f"teacher_{error}") from error
        self.dino_loss = self.hparams.dino_loss.to(self.device)
        self.augmenter = self.hparams.augmenter.to(self.device)
        self.watch = self.hparams.collapse_watch
        if self.checkpointer is not None:
            recoverables = {"teacher": self.teacher, "dino_loss": self.dino_loss, "watch": self.watch}
            self.checkpointer.add_recoverables(recoverables)

    def _wrap_distributed(self):
        super()._wrap_distributed()
        synchronise_batchnorm(self.teacher)
        self.teacher.update(self.modules.student, momentum=0)  # DDP may just have given this rank other weights

    def check_before(self, loader: ViewLoader) -> list[str]:
        n_epochs, n_utterances = self.hparams.epoch_counter.limit, len(loader.dataset)
        found = check_dino(vars(self.hparams), n_epochs, n_utterances, loader.dataset.augment)
        return super().check_before(loader) + found

    def encoder_to_test(self):
        return self.teacher.model.encoder

    def compute_forward(self, batch: ViewBatch, stage: Any):
        """Embeddings and logits of student (all views) and teacher (the global ones), each a list of one a view."""
        waves = self.augmenter(batch.to(self.device))
        features = map_by_length(unwrap(self.modules.student).encoder.features, waves)
        with torch.no_grad():
            teacher = self.teacher(features[: self.hparams.crops.n_global])
        return self.modules.student(features), teacher

    def compute_objectives(self, predictions: tuple, batch: ViewBatch, stage: Any):
        (student_embeddings, student_logits), (teacher_embeddings, teacher_logits) = predictions
        temperature = self.scheduled(self.hparams.teacher_temp_schedule)
        loss, stats = self.dino_loss(student_logits, teacher_logits, temperature)
        stats = {"dino_loss": loss.detach(), **stats}
        if self.hparams.consistency_weight:
            consistency = self.hparams.consistency_loss(student_embeddings, teacher_embeddings)
            stats["consistency_loss"] = consistency.detach()
            loss = loss + self.hparams.consistency_weight * consistency
        if self.hparams.koleo_weight:
            koleo = self.hparams.koleo_loss(student_embeddings[: len(teacher_embeddings)], self.groups(batch.items))
            stats["koleo_loss"] = koleo.detach()
            loss = loss + self.hparams.koleo_weight * koleo
        self.watch.add(stats, student_embeddings[0])
        return loss

    def groups(self, items: torch.Tensor) -> torch.Tensor | None:
        """What belongs together among the items (batch,), as `KoLeoLoss` takes it; None: nothing does."""

    def before_clipping(self) -> None:
        if self.optimizer_step < self.hparams.freeze_last_layer_epochs * self.steps_per_epoch:
            for parameter in unwrap(self.modules.student).head.last_layer.parameters():
                parameter.grad = None

    def after_step(self) -> None:
        # The step was counted already; the momentum belongs to the one just made.
        schedule = self.hparams.momentum_schedule
        self.teacher.update(self.modules.student, schedule.value(self.optimizer_step - 1, self.steps_per_epoch))

    def modules_with_buffers(self):
        return [*super().modules_with_buffers(), self.teacher, self.dino_loss]

    def epoch_metrics(self):
        return self.watch.finish_epoch()

    def epoch_check(self, metrics: dict[str, float]) -> None:
        self.watch.check(metrics)

    def encoder_to_export(self):
        """The teacher's encoder, the mean of its last ``average_checkpoints`` epochs; last layer refitted if so set.

        Every rank must call it.
        """
        load_average(self.teacher, self.checkpointer, "teacher", self.hparams.average_checkpoints)
        return refitted(self, self.encoder_to_test().eval())
