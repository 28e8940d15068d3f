"""Where a run's metrics go besides its CSV: SpeechBrain's loggers, all told the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError

# SpeechBrain says as it is imported that torchvision is missing, for a logger of images that nothing here has.
logging.getLogger("speechbrain.utils.train_logger").addFilter(lambda record: "torchvision" not in str(record.msg))
from speechbrain.utils import train_logger  # noqa: E402


class TrainLoggers:
    """The loggers of a run.

    Every rank must make and call them: SpeechBrain's act on the main rank, and then send their answer to the others.

    Arguments
    ---------
    makers : dict
        Name to a callable that gives a `speechbrain.utils.train_logger.TrainLogger`, or to None for no logger. They
        are made here, not with the settings, since some begin a file at once.

    Example
    -------
    >>> loggers = TrainLoggers({"tensorboard": None})
    >>> loggers.log_stats({"epoch": 1}, {"loss": 6.9})
    """

    def __init__(self, makers: Mapping[str, Callable[[], train_logger.TrainLogger] | None]) -> None:
        self.loggers = [make() for make in makers.values() if make is not None]

    def log_stats(self, meta: dict[str, Any], train: dict[str, float], valid: dict[str, float] | None = None) -> None:
        """Tell all loggers the metrics of an epoch; see `TrainLogger.log_stats`."""
        for logger in self.loggers:
            logger.log_stats(dict(meta), *(dict(stats) if stats else None for stats in (train, valid)))

    def log_figure(self, name: str, figure: Any, epoch: int) -> None:
        """Show a matplotlib figure in the loggers that can: TensorBoard's and W&B's."""
        for logger in self.loggers if is_main() else ():
            if hasattr(getattr(logger, "writer", None), "add_figure"):
                logger.writer.add_figure(name, figure, epoch)
                logger.writer.flush()
            elif hasattr(getattr(logger, "run", None), "log"):
                import wandb  # whose run it is

                logger.run.log({name: wandb.Image(figure)}, step=epoch)


class FileTrainLogger(train_logger.FileTrainLogger):
    """SpeechBrain's, with four digits of every number: SpeechBrain's own writes 0.51 as 5.10e-01.

    If there is ``progress`` (such as "6 of 50, 3 min left"), it stands in place of the epoch's number.

    Example
    -------
    >>> import tempfile
    >>> FileTrainLogger(f"{tempfile.mkdtemp()}/log.txt")._item_to_string("loss", 0.51234, "train")
    'train loss: 0.5123'
    """

    def __init__(self, save_file: str, precision: int = 2) -> None:
        super().__init__(save_file, precision)
        if not is_main():
            return
        try:  # now, not after the first epoch
            Path(save_file).parent.mkdir(parents=True, exist_ok=True)
            open(save_file, "a").close()
        except OSError as error:
            raise UserError(
                f"The log {save_file} cannot be written ({error.strerror}): set train_log, or save_file in "
                "train_loggers, to another file."
            ) from error

    def log_stats(self, stats_meta: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """See `TrainLogger.log_stats`."""
        meta = dict(stats_meta)
        if "progress" in meta:
            meta["epoch"] = meta.pop("progress")
        super().log_stats(meta, *args, **kwargs)

    def _item_to_string(self, key, value, dataset=None):
        return super()._item_to_string(key, f"{value:.4g}" if isinstance(value, (int, float)) else value, dataset)


class TensorboardLogger(train_logger.TensorboardLogger):
    """SpeechBrain's, at steps that are epochs: its own count from 1 in each process, so that resumed curves overlap."""

    def log_stats(
        self,
        stats_meta: dict[str, Any],
        train_stats: dict[str, float] | None = None,
        valid_stats: dict[str, float] | None = None,
        test_stats: dict[str, float] | None = None,
        verbose: bool = False,
    ) -> None:
        """Each metric under its name, at ``epoch``, or ``iteration`` where there is no epoch, of ``stats_meta``."""
        if not is_main():
            return
        counts = {name: stats_meta[name] for name in ("epoch", "iteration") if name in stats_meta}
        for stats in (stats_meta, train_stats, valid_stats, test_stats):
            for name, value in (stats or {}).items():
                if name not in counts and isinstance(value, (int, float)):
                    prefix = "" if "epoch" in counts else "iteration: "
                    self.writer.add_scalar(f"{prefix}{name}", value, next(iter(counts.values())))
        self.writer.flush()
