"""Steps whose loss or gradients are not finite: none of them changes anything that stays."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import speechbrain as sb
import torch
from torch import nn

from speechbrain_cadino.training.ddp import unwrap
from speechbrain_cadino.training.suspects import remedy
from speechbrain_cadino.utils.distributed import is_distributed, is_main, max_over_ranks
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.collate import ViewBatch

logger = logging.getLogger(__name__)


class KeptBuffers:
    """The buffers of modules as they were before a step: running statistics, the center of the teacher's logits.

    A forward pass changes them before anybody knows whether its loss is finite, and with one NaN they are NaN for good.
    They are small beside the weights: to keep them takes one copy a step, and nothing waits for the device.

    Arguments
    ---------
    modules : iterable of torch.nn.Module

    Example
    -------
    >>> norm = nn.BatchNorm1d(2)
    >>> kept = KeptBuffers([norm])
    >>> kept.keep()
    >>> _ = norm(torch.full((4, 2), torch.nan))
    >>> kept.put_back()
    >>> norm.running_mean
    tensor([0., 0.])
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self.modules, self._kept = list(modules), []

    @torch.no_grad()
    def keep(self) -> None:
        """Remember the buffers as they are."""
        self._kept = [buffer.clone() for buffer in self._buffers()]

    @torch.no_grad()
    def put_back(self) -> None:
        """Make them again what they were."""
        for buffer, kept in zip(self._buffers(), self._kept):
            buffer.copy_(kept)

    def _buffers(self):
        return [buffer for module in self.modules for buffer in unwrap(module).buffers()]


class FiniteStepsBrain(sb.Brain):
    """A `Brain` that makes a step only if its loss and gradients are finite on all ranks.

    Else all of them stop there, or go on without the step (``--skip_nonfinite_grads``, and in fp16 always): weights and
    buffers are then as they were before it. Every parameter group is clipped; SpeechBrain clips the first alone. Read
    from ``hparams``: ``gradient_clipper``.
    """

    _loss_is_bad, _step_was_made = False, False

    def after_step(self) -> None:
        """A subclass does here what follows a step that was made, such as moving a teacher."""

    def before_clipping(self) -> None:
        """A subclass may change gradients here."""

    def clip_gradients(self) -> torch.Tensor:
        """The norms of the gradients before they were clipped; a subclass may clip its parts each on its own."""
        return self.hparams.gradient_clipper(self.optimizer)

    def modules_with_buffers(self) -> list[nn.Module]:
        """Whose buffers a step that is not made must leave as they were; a subclass adds its own."""
        return list(self.modules.values())

    # SpeechBrain's hooks

    @property
    def _may_skip(self):
        return self.scaler.is_enabled() or self.skip_nonfinite_grads

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.kept_buffers = KeptBuffers(self.modules_with_buffers())

    def on_fit_batch_start(self, batch: ViewBatch, should_step: bool) -> None:
        if self._may_skip and (self.step - 1) % self.grad_accumulation_factor == 0:
            self.kept_buffers.keep()

    def check_loss_isfinite(self, loss: torch.Tensor) -> None:
        """Unlike SpeechBrain's, it is the step as a whole that is refused or skipped, and on all ranks."""
        if torch.isfinite(loss):
            return
        self._loss_is_bad = True
        if not (self._may_skip or is_distributed()):  # with other ranks it is told when they meet
            self._refuse_step()

    def optimizers_step(self) -> None:
        """As SpeechBrain's, but for all groups, and only if everything is finite."""
        has_gradients = any(one.grad is not None for group in self.optimizer.param_groups for one in group["params"])
        if has_gradients:  # without any, a scaler of fp16 that is asked for something stops the run
            self.scaler.unscale_(self.optimizer)
        self.before_clipping()
        norms = self.clip_gradients()
        bad_loss, bad_step = max_over_ranks(self._loss_is_bad, not norms.isfinite().all())
        self._step_was_made = not (bad_loss or bad_step)
        if not self._step_was_made:
            self._refuse_step(overflow=self.scaler.is_enabled() and not bad_loss)
        elif has_gradients:
            self.scaler.step(self.optimizer)
        if has_gradients:
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_step += 1

    def check_open_step(self) -> None:
        """At the end of an epoch: the batches that were too few for a step, which no `optimizers_step` has judged."""
        if any(max_over_ranks(self._loss_is_bad)):
            self._refuse_step()

    def _refuse_step(self, overflow=False):
        """Put back what the step's forward passes have changed, or stop the run.

        ``overflow``: of gradients in fp16, which the scaler lowers its scale for: nothing to tell or to count.
        """
        self.nonfinite_count += not overflow
        if not self._may_skip or self.nonfinite_count > self.nonfinite_patience:
            raise UserError(
                f"The loss or its gradients are not finite at step {self.optimizer_step}: "
                f"{remedy(vars(self.hparams), self.optimizer_step)}."
            )
        self.kept_buffers.put_back()
        self._loss_is_bad = False
        if not overflow and is_main():
            logger.warning(
                f"Step {self.optimizer_step} is not made, {self.nonfinite_count} so far in this epoch: the loss or its "
                "gradients are not finite."
            )

    def on_fit_batch_end(self, batch: ViewBatch, outputs: Any, loss: torch.Tensor, should_step: bool) -> None:
        if should_step and self._step_was_made:
            self.after_step()
