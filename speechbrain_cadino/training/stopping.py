"""Ctrl-C and SIGTERM in training: the step is ended, its state saved, and all ranks stop."""

from __future__ import annotations

import logging
import time

from speechbrain.core import INTRA_EPOCH_CKPT_FLAG

from speechbrain_cadino.training.finite import FiniteStepsBrain
from speechbrain_cadino.utils.distributed import max_over_ranks
from speechbrain_cadino.utils.signals import Stopped, stop_signal


class StoppableBrain(FiniteStepsBrain):
    """A `Brain` that saves between two steps of the optimiser, when it is due or the user wants to stop.

    A signal that one rank has got stops all of them, so that none waits for another.
    """

    _stop = 0  # the signal that all ranks have agreed to end for

    def save_whole_epoch(self) -> bool:
        """Save after the last step of an epoch, before what follows it, if checkpoints within epochs are wanted."""
        wanted = self.checkpointer is not None and max(self.ckpt_interval_minutes, self.ckpt_interval_steps) > 0
        if wanted:
            self._save_within_epoch()
        return wanted

    def drop_within_epoch(self) -> None:
        """Delete the checkpoint within the epoch, once the epoch itself is saved."""
        self.checkpointer.delete_checkpoints(num_to_keep=0, ckpt_predicate=_is_within_epoch, verbosity=logging.DEBUG)

    def progress(self):
        """What orders checkpoints, and the epoch for people."""
        return {"epoch": self.hparams.epoch_counter.current, "step": self.optimizer_step}

    def stop_after(self, epoch: int) -> None:
        """Stop where an epoch is saved, if a signal has come."""
        (stop,) = max_over_ranks(stop_signal())
        if stop:
            raise Stopped(stop, f"stopped after epoch {epoch}, saved")

    # SpeechBrain's hooks

    def _should_save_intra_epoch_ckpt(self, last_ckpt_time, steps_since_ckpt):
        # Between two steps of the optimiser the gradients gathered so far are part of no checkpoint.
        if self.step % self.grad_accumulation_factor:
            return False
        minutes = (time.time() - last_ckpt_time) / 60
        due = 0 < self.ckpt_interval_minutes < minutes or 0 < self.ckpt_interval_steps <= steps_since_ckpt
        # One small exchange, in place of SpeechBrain's two of a pickled decision.
        due, self._stop = max_over_ranks(due, stop_signal())
        if self.checkpointer is None and self._stop:
            raise Stopped(self._stop, f"{self._place()}, nothing is saved")
        return self.checkpointer is not None and bool(due or self._stop)

    def _save_intra_epoch_ckpt(self):
        self._save_within_epoch()
        if self._stop:
            raise Stopped(self._stop, f"{self._place()}, saved")

    def _save_within_epoch(self):
        # As SpeechBrain's, with the progress.
        self.checkpointer.save_and_keep_only(
            end_of_epoch=False,
            num_to_keep=1,
            ckpt_predicate=_is_within_epoch,
            meta={INTRA_EPOCH_CKPT_FLAG: True, **self.progress()},
            verbosity=logging.DEBUG,
        )

    def _place(self):
        step = self.step // self.grad_accumulation_factor
        return f"stopped at step {step} of epoch {self.hparams.epoch_counter.current}"


def _is_within_epoch(checkpoint):
    return INTRA_EPOCH_CKPT_FLAG in checkpoint.meta
