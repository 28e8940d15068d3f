"""The steps of stage II: every modality's part of a batch through its model, its loss, its gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from speechbrain_cadino.dlg_lc.distillation import Targets, cosine_distance
from speechbrain_cadino.dlg_lc.side import FIRST, PROJECTION, further_modules
from speechbrain_cadino.dlg_lc.side_metrics import SKIPPED
from speechbrain_cadino.dlg_lc.sides import Seen, Sides
from speechbrain_cadino.encoder.precomputed import PrecomputedEncoder
from speechbrain_cadino.training.brain import CadinoBrain
from speechbrain_cadino.training.ddp import average_gradients
from speechbrain_cadino.training.metric_averager import MetricAverager
from speechbrain_cadino.views.collate import ViewBatch
from speechbrain_cadino.views.paired import PairedBatch


class SidedBrain(CadinoBrain):
    """A Brain that trains an encoder and a classifier for each modality, on labels that they share.

    No modality changes a step of another but by `kept_labels` and `joint_correction`. ``labels`` (n_items,) int64 and
    ``truth``, a `Truth` or None, are a subclass's.

    Arguments
    ---------
    modules : mapping of str to torch.nn.Module
        Of the first modality; the others' are in the setting ``modalities``. With ``voice_data`` there is no encoder.
    targets : Targets, optional
        Of the items, for the setting ``distillation``, a `Distillation` of the first modality.
    *args, **kwargs
        As for `CadinoBrain`.
    """

    truth = None

    def __init__(
        self, modules: Mapping[str, nn.Module], *args, hparams: dict, targets: Targets | None = None, **kwargs
    ) -> None:
        given, self.targets = hparams.get("voice_data"), targets
        first = dict(modules) if given is None else {**modules, "encoder": PrecomputedEncoder(given.embedding_dim)}
        projection = None
        if targets is not None:
            projection = hparams["distillation"].projection(first["encoder"].embedding_dim, targets.dim)
        further = further_modules(hparams) | ({} if projection is None else {PROJECTION: projection})
        super().__init__({**first, **further}, *args, hparams=hparams, **kwargs)
        self.sides, self.means = Sides(self.hparams, self.modules), MetricAverager()
        recoverables = {"means": self.means} | ({} if projection is None else {PROJECTION: projection})
        for side in self.sides:
            recoverables |= side.recoverables()
            if isinstance(side.augmenter, nn.Module):
                side.augmenter.to(self.device)
        if self.checkpointer is not None:
            self.checkpointer.add_recoverables(recoverables)

    @property
    def gate(self):
        """The first modality's."""
        return self.sides.first.gate

    @property
    def predictor(self):
        """The first modality's."""
        return self.sides.first.predictor

    @property
    def is_correcting(self):
        """Whether labels are corrected in this epoch."""
        due = self.hparams.epoch_counter.current >= self.hparams.correction_start_epoch
        return self.predictor is not None and due

    def compute_forward(self, batch: ViewBatch | PairedBatch, stage: Any):
        """By modality what is `Seen` of a batch."""
        batch = batch if isinstance(batch, PairedBatch) else PairedBatch.of_one(FIRST, batch)
        wanted = self._targets(batch)
        batch = batch.to(self.device)
        there = self.sides.taking_part(batch)
        if len(self.sides) > 1:
            missing = {side.prefix + SKIPPED: torch.tensor(float(side.name not in there)) for side in self.sides}
            self.means.add(missing)
        self._fractions = {name: len(batch.parts[name].items) / len(batch.items) for name in there}
        embeddings = {name: self.sides[name].embeddings(batch.parts[name].batch) for name in there}
        cosines = {name: self.sides[name].cosines(embeddings[name]) for name in there}
        distances = {}
        if wanted is not None and FIRST in there:
            distances[FIRST] = cosine_distance(self.sides.first.projected(embeddings[FIRST]), *wanted)
        with torch.no_grad():
            asked = self.sides.predicting(list(there)) if self.is_correcting else []
            clean = {name: self.sides[name].predictor(batch.parts[name].batch.clean) for name in asked}
        return {
            name: Seen(batch.parts[name], cosines[name], clean.get(name), factor, distances.get(name))
            for name, factor in there.items()
        }

    def _targets(self, batch):
        """The teacher's embeddings of a batch on the CPU, and of which samples there is one, both on the device."""
        if self.targets is None or FIRST not in batch.parts:
            return None
        return [tensor.to(self.device, non_blocking=True) for tensor in self.targets(batch.parts[FIRST].items)]

    def compute_objectives(self, predictions: dict[str, Seen], batch: ViewBatch | PairedBatch, stage: Any):
        for side in self.sides:
            side.loss.aam.margin = self.scheduled(side.margin_schedule)
        losses = []
        for name, (loss, verdicts, stats) in self.sides.losses(predictions, self.labels).items():
            side, seen = self.sides[name], predictions[name]
            side.gate.record(seen.part.items, verdicts.losses)
            if self.truth is not None:
                stats |= self.truth.stats(seen.part.items, verdicts)
            if seen.distance is not None:
                stats["distillation_loss"] = seen.distance.detach()
                loss = loss + self.hparams.distillation.weight * seen.distance
            stats = {side.prefix + key: value for key, value in stats.items()}
            self.means.add(stats, self._fractions[name])
            losses.append(side.weight * seen.factor * loss)
        # Without any modality there is a step that changes nothing.
        return sum(losses[1:], losses[0]) if losses else torch.zeros((), device=self.device, requires_grad=True)

    def before_clipping(self) -> None:
        self._stepped = [side for side in self.sides if side.has_gradients()]
        if self.grad_accumulation_factor > 1:
            for side in self._stepped:
                if side.name not in self._fractions:  # DDP sends what was gathered with the last batch of a step
                    for part in side.parts():
                        average_gradients(part)

    def clip_gradients(self) -> torch.Tensor:
        if len(self.sides) == 1:
            return super().clip_gradients()
        whole = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        norms = [self.hparams.gradient_clipper.clip(side.of(whole)) for side in self.sides]
        return torch.cat([part.to(self.device) for part in norms])

    def after_step(self) -> None:
        for side in self._stepped if self.predictor is not None else ():
            side.follow(self.hparams.correction_momentum)
