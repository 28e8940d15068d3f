"""What every Brain here shares: ranks, clipping, schedules by step, one record an epoch, safe checkpoints, resume."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import speechbrain as sb
import torch

from speechbrain_cadino.training.before import check_accumulation
from speechbrain_cadino.training.clock import Clock, longest_wait
from speechbrain_cadino.training.ddp import wrap
from speechbrain_cadino.training.half_retrieval import HalfRetrieval
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.loggers import TrainLoggers
from speechbrain_cadino.training.random_states import RandomStates
from speechbrain_cadino.training.rates import set_rate, with_rates
from speechbrain_cadino.training.remarks import Remarks
from speechbrain_cadino.training.set_up import set_up_errors
from speechbrain_cadino.training.stopping import StoppableBrain
from speechbrain_cadino.training.telling import tell_epoch, tell_start
from speechbrain_cadino.utils.distributed import all_reduce_mean, max_over_ranks
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.settings import Settings
from speechbrain_cadino.utils.signals import holding, not_holding
from speechbrain_cadino.views.loader import ViewLoader


class CadinoBrain(StoppableBrain):
    """A SpeechBrain `Brain` that can be killed at any moment and goes on to the same weights.

    Read from ``hparams``: ``lr_schedule``, ``gradient_clipper``, ``train_loggers`` (as of `TrainLoggers`),
    ``output_folder``, ``keep_checkpoints``, ``evaluate_every``.

    A subclass gives ``epoch_metrics``, ``epoch_check`` and ``after_step``, and adds its recoverables before ``fit``.

    Arguments
    ---------
    evaluate_development : callable or None
        From an encoder (`SpeakerEncoderNet`) to a dict of metrics, such as the EER of a development list. It runs on
        the main rank after each ``hparams.evaluate_every`` epochs and after the last. It is watched, never trained on.
    half_retrieval : HalfRetrieval or None
        The same for a metric without labels, before training as well.
    *args, **kwargs
        As for `speechbrain.Brain`.

    Raises
    ------
    UserError
        If a setting or a run option, such as the device, is no good.
    """

    PANELS = {"loss": ["loss"], "learning rate": ["lr"]}
    is_refitted = False  # whether the encoder to export got another last layer
    ranks_without_refit = None  # of the halves, before the encoder to export got another last layer
    rates_without_refit = None  # on the development list

    def __init__(
        self, *args, evaluate_development: Callable | None = None, half_retrieval: HalfRetrieval | None = None, **kwargs
    ) -> None:
        with set_up_errors(kwargs.get("run_opts")):
            super().__init__(*args, **kwargs)
        self.hparams = Settings(**vars(self.hparams))
        self.noprogressbar |= not (sys.stderr.isatty() or vars(self.hparams).get("verbose"))
        self.evaluate_development = evaluate_development
        self.history, self.half_retrieval, self.clock, self.remarks = History(), half_retrieval, Clock(), Remarks()
        with set_up_errors({}):  # such as a package that a logger needs
            self.loggers = TrainLoggers(self.hparams.train_loggers)
        if self.checkpointer is not None:
            self.checkpointer.add_recoverables({"history": self.history, "random_states": RandomStates()})

    def init_optimizers(self) -> None:
        self.opt_class = with_rates(self.opt_class, self.modules)
        with set_up_errors({}):  # such as an argument of opt_class
            super().init_optimizers()

    def fit_loader(self, loader: ViewLoader) -> None:
        """Train on a `ViewLoader` for all epochs of ``hparams.epoch_counter``, from the last checkpoint on."""
        batches = loader.batch_sampler.batches_per_epoch
        check_accumulation(self.grad_accumulation_factor, batches)
        has_lists = self.evaluate_development is not None or self.half_retrieval is not None  # perhaps on rank 0 alone
        (self._evaluates,) = max_over_ranks(has_lists)
        self.train_sampler, self.manifest = loader, loader.dataset.manifest
        self.steps_per_epoch = batches // self.grad_accumulation_factor
        self.remarks.add(self.check_before(loader))
        try:
            with holding():
                self.fit(self.hparams.epoch_counter, loader)
        except BaseException:
            loader.close()
            raise
        self.remarks.add(self.check_after())
        self.remarks.repeat()

    def check_before(self, loader: ViewLoader) -> list[str]:
        """Sentences about what in this run will do nothing; a subclass adds its own."""
        return []

    def check_after(self) -> list[str]:
        """Sentences about what has done nothing."""
        return []

    def scheduled(self, schedule: Any) -> float:
        """The value of a schedule at the coming optimiser step."""
        return schedule.value(self.optimizer_step, self.steps_per_epoch)

    def encoder_to_test(self):
        """The encoder whose embeddings are evaluated."""
        raise NotImplementedError

    def keep_further(self) -> dict[str, float]:
        """Keep what was trained beside the encoder, after the last epoch; metrics of it. Every rank must call it."""
        return {}

    def epoch_metrics(self):
        """What a subclass adds to the record of the epoch, a dict of floats; called on every rank."""
        return {}

    def epoch_check(self, metrics: dict[str, float]) -> None:
        """Raise here to stop a run that has gone wrong: its metrics are logged by now, its checkpoint not yet kept."""

    # SpeechBrain's hooks

    def on_fit_start(self) -> None:
        super().on_fit_start()
        measured = {}
        if not self.history.rows and not self.optimizer_step and (measured := self.begin()):
            self.history.rows[:] = [{"epoch": 0, **measured}]
        tell_start(self, measured)

    def begin(self) -> dict[str, float]:
        """What epoch 0, before training, is recorded with; a subclass gives the encoder its first weights here."""
        with not_holding():
            return on_main(lambda: self._development() if self.half_retrieval is not None else {})

    def _wrap_distributed(self):
        # SpeechBrain would convert to SyncBatchNorm on CPUs too, where it raises.
        for name, module in self.modules.items():
            if any(parameter.requires_grad for parameter in module.parameters()):
                self.modules[name] = wrap(module, self.find_unused_parameters)

    def optimizers_step(self) -> None:
        """As in `FiniteStepsBrain`, at the learning rate of the schedule."""
        set_rate(self.optimizer, self.scheduled(self.hparams.lr_schedule))
        super().optimizers_step()
        self.clock.tick(self.optimizer_step, self.steps_per_epoch * self.hparams.epoch_counter.limit)

    def on_stage_start(self, stage: sb.Stage, epoch: int | None = None) -> None:
        if stage == sb.Stage.TRAIN:
            # Killed within the epoch, it goes on at the batch after the last checkpoint.
            self.train_sampler.load_state_dict({"epoch": epoch, "batches_done": self.step})
            self.epoch_start = time.time()

    def on_stage_end(self, stage: sb.Stage, stage_loss: float, epoch: int | None = None) -> None:
        if stage != sb.Stage.TRAIN:
            return
        self.check_open_step()
        saved = self._evaluation_is_due(epoch) and self.save_whole_epoch()  # it may take long, and be stopped
        metrics = {
            "epoch": epoch,
            "loss": all_reduce_mean(torch.tensor(float(stage_loss), dtype=torch.float64, device=self.device)).item(),
            "lr": self.optimizer.param_groups[0]["lr"],
            **self.epoch_metrics(),
            "seconds": round(time.time() - self.epoch_start, 1),
            "seconds_waiting": longest_wait(self.train_sampler.seconds_waited),
        }
        with not_holding(f"stopped in the evaluation of epoch {epoch}{', its steps saved' if saved else ''}"):
            development = on_main(self._development) if self._evaluation_is_due(epoch) else {}
        self.history.add({**metrics, **development})
        tell_epoch(self, metrics, development)
        self.epoch_check(metrics)
        self.step, self.avg_train_loss = 0, 0.0  # what a run that goes on from here starts its epoch with
        self.checkpointer.save_and_keep_only(
            meta=self.progress(),
            num_to_keep=self.hparams.keep_checkpoints,
            ckpt_predicate=lambda checkpoint: checkpoint.meta["end-of-epoch"],  # one within an epoch takes no place
        )
        self.drop_within_epoch()
        self.stop_after(epoch)

    def _evaluation_is_due(self, epoch):
        hparams = self.hparams
        return self._evaluates and (epoch == hparams.epoch_counter.limit or epoch % hparams.evaluate_every == 0)

    def _development(self):
        encoder = self.encoder_to_test()
        return self._halves() | (self.evaluate_development(encoder) if self.evaluate_development else {})

    def _halves(self):
        return self.half_retrieval(self.encoder_to_test()) if self.half_retrieval is not None else {}
