"""What every Brain here shares: ranks, clipping, schedules by step, one record an epoch, safe checkpoints, resume."""

import time

import speechbrain as sb
from speechbrain.utils.distributed import ddp_broadcast

from speechbrain_cadino.training.distributed import is_main, wrap
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.random_states import RandomStates
from speechbrain_cadino.utils.settings import Settings


class CadinoBrain(sb.Brain):
    """A SpeechBrain `Brain` that can be killed at any moment and goes on to the same weights.

    Read from ``hparams``: ``lr_schedule``, ``gradient_clipper``, ``train_logger``,
    ``tensorboard_logger`` (a class to call, or None), ``output_folder``, ``keep_checkpoints``, ``evaluate_every``.

    A subclass gives ``epoch_figures`` and ``epoch_check``, and adds its recoverables before ``fit``.

    Arguments
    ---------
    evaluate_development : callable or None
        From an encoder (`SpeakerEncoderNet`) to a dict of figures, such as the EER of a development list. It runs on the
        main rank after each ``hparams.evaluate_every`` epochs and after the last. It is watched, never trained on.
    *args, **kwargs
        As for `speechbrain.Brain`.
    """

    PANELS = {"loss": ["loss"], "learning rate": ["lr"]}

    def __init__(self, *args, evaluate_development=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.hparams = Settings(**vars(self.hparams))
        self.evaluate_development = evaluate_development
        self.history = History()
        make_logger = self.hparams.tensorboard_logger if is_main() else None
        self.tensorboard = make_logger() if make_logger is not None else None
        if self.checkpointer is not None:
            self.checkpointer.add_recoverable("history", self.history)
            self.checkpointer.add_recoverable("random_states", RandomStates())

    def fit_loader(self, loader):
        """Train on a `ViewLoader` for all epochs of ``hparams.epoch_counter``, from where the last checkpoint left off."""
        self.train_sampler = loader
        self.steps_per_epoch = max(1, loader.batch_sampler.batches_per_epoch // self.grad_accumulation_factor)
        self.fit(self.hparams.epoch_counter, loader)

    def scheduled(self, schedule):
        """The value of a schedule at the coming optimiser step."""
        return schedule.value(self.optimizer_step, self.steps_per_epoch)

    def encoder_to_test(self):
        """The encoder whose embeddings are evaluated."""
        raise NotImplementedError

    def epoch_figures(self):
        """What a subclass adds to the record of the epoch, a dict of floats; called on every rank."""
        return {}

    def epoch_check(self, figures):
        """Raise here to stop a run that has gone wrong, after its figures were logged and before a checkpoint is kept."""

    # SpeechBrain's hooks

    def _wrap_distributed(self):
        # SpeechBrain would convert to SyncBatchNorm on CPUs too, where it raises.
        for name, module in self.modules.items():
            if any(parameter.requires_grad for parameter in module.parameters()):
                self.modules[name] = wrap(module, self.find_unused_parameters)

    def optimizers_step(self):
        """As SpeechBrain's, but every parameter group is clipped; SpeechBrain clips the first alone."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.scheduled(self.hparams.lr_schedule)
        self.scaler.unscale_(self.optimizer)
        self.before_clipping()
        self.hparams.gradient_clipper(self.optimizer)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_step += 1

    def before_clipping(self):
        """A subclass may change gradients here."""

    def on_stage_start(self, stage, epoch=None):
        if stage == sb.Stage.TRAIN:
            # Killed within the epoch, it goes on at the batch after the last checkpoint.
            self.train_sampler.load_state_dict({"epoch": epoch, "batches_done": self.step})
            self.epoch_start = time.time()

    def _should_save_intra_epoch_ckpt(self, last_ckpt_time, steps_since_ckpt):
        # Between two steps of the optimiser the gradients gathered so far are part of no checkpoint.
        return self.step % self.grad_accumulation_factor == 0 and super()._should_save_intra_epoch_ckpt(
            last_ckpt_time, steps_since_ckpt
        )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        if stage != sb.Stage.TRAIN:
            return
        figures = {
            "epoch": epoch,
            "loss": float(stage_loss),
            "lr": self.optimizer.param_groups[0]["lr"],
            **self.epoch_figures(),
            "seconds": round(time.time() - self.epoch_start, 1),
        }
        figures.update(ddp_broadcast(self._development(epoch) if is_main() else None))
        self.history.add(figures)
        if is_main():
            self._record(figures)
        self.epoch_check(figures)
        self.checkpointer.save_and_keep_only(
            meta={"epoch": epoch},
            num_to_keep=self.hparams.keep_checkpoints,
            keep_recent=True,
            ckpt_predicate=lambda checkpoint: checkpoint.meta["end-of-epoch"],  # one within an epoch takes no place
        )

    def _development(self, epoch):
        last = epoch == self.hparams.epoch_counter.limit
        if self.evaluate_development is None or not (last or epoch % self.hparams.evaluate_every == 0):
            return {}
        return self.evaluate_development(self.encoder_to_test())

    def _record(self, figures):
        stats = {name: value for name, value in figures.items() if name not in ("epoch", "lr")}
        self.hparams.train_logger.log_stats({"epoch": figures["epoch"], "lr": figures["lr"]}, train_stats=stats)
        if self.tensorboard is not None:
            for name, value in figures.items():
                self.tensorboard.writer.add_scalar(name, value, figures["epoch"])
        self.history.write_csv(f"{self.hparams.output_folder}/epochs.csv")
        self.history.plot(f"{self.hparams.output_folder}/epochs.png", self.PANELS)
