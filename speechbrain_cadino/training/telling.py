"""What a Brain tells of an epoch: one line for people, its record for the loggers, the CSV and the plot."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from speechbrain_cadino.utils.distributed import is_main

logger = logging.getLogger(__name__)


def epoch_line(metrics: dict[str, Any], limit: int, left: str = "", part: str = "") -> str:
    """An epoch in one line of plain words.

    Arguments
    ---------
    metrics : dict
        Its record, as a row of `History`.
    limit : int
        Epochs of the training.
    left : str
        How long is still to go, such as "3 min left".
    part : str
        Which training of several it is, such as "iteration 1".

    Returns
    -------
    str

    Example
    -------
    >>> epoch_line({"epoch": 6, "loss": 2.8431, "dino_loss": 3.193, "max_entropy": 6.931}, 50, "3 min left")
    'epoch 6 of 50, 3 min left: DINO loss 3.19 (6.93 by chance)'
    >>> epoch_line({"epoch": 0, "half_rank": 0.8238, "EER %": 34.17}, 50)
    'before training: half_rank 0.824, EER 34.17 %'
    >>> epoch_line({"epoch": 6, "label_loss": 1.5, "fraction_kept": 0.84}, 20, "", "iteration 1")
    'iteration 1, epoch 6 of 20: loss 1.5, 84% of the labels kept'
    """
    epoch = metrics["epoch"]
    said = {
        name: text.format(metrics[name])
        for name, text in WORDS.items()
        if isinstance(metrics.get(name), (int, float)) and math.isfinite(metrics[name])
    }
    if "dino_loss" in said and "max_entropy" in metrics:
        said["dino_loss"] += f" ({metrics['max_entropy']:.3g} by chance)"
    elif not {"dino_loss", "label_loss"} & set(metrics) and "loss" in metrics:
        said = {"loss": f"loss {metrics['loss']:.3g}", **said}
    head = f"epoch {epoch} of {limit}" if epoch else "before training"
    return ", ".join(filter(None, (part, head, left))) + f": {', '.join(said.values()) or 'nothing was measured'}"


WORDS = {  # in this order
    "dino_loss": "DINO loss {:.3g}",
    "label_loss": "loss {:.3g}",
    "fraction_kept": "{:.0%} of the labels kept",
    "fraction_corrected": "{:.0%} corrected",
    "clusters": "{:.0f} clusters",
    "half_rank": "half_rank {:.3f}",
    "EER %": "EER {:.2f} %",
}


def time_left(brain: Any) -> str:
    """How long a Brain has still to go after its last step, in words; '' after the last epoch."""
    total = brain.steps_per_epoch * brain.hparams.epoch_counter.limit
    return brain.clock.left(brain.optimizer_step, total) if brain.optimizer_step < total else ""


def part_of(brain: Any) -> str:
    """Which training of several a Brain makes, by its folder: "iteration 1", "large margin", or ''."""
    name = Path(brain.hparams.output_folder).name
    return name.replace("_", " ") if name.startswith("iteration_") or name == "large_margin" else ""


def tell_start(brain: Any, measured: dict[str, float] | None = None) -> None:
    """Say what was measured before training, or from where it goes on; finished epochs tell how long one takes."""
    limit = brain.hparams.epoch_counter.limit
    if measured:
        brain.loggers.log_stats({"epoch": 0}, {}, measured)
        if is_main():
            logger.info(epoch_line({"epoch": 0, **measured}, limit, part=part_of(brain)))
    elif brain.optimizer_step:
        brain.clock.expect(brain.history.rows, brain.steps_per_epoch)
        if is_main():
            left, part = time_left(brain), part_of(brain)
            steps = f"{brain.optimizer_step} of {brain.steps_per_epoch * limit} steps are done"
            logger.info("%s", ", ".join(filter(None, (part, "going on where it was stopped", steps, left))))


def tell_epoch(brain: Any, metrics: dict[str, float], development: dict[str, float]) -> None:
    """Record an epoch: every rank must call it.

    Arguments
    ---------
    brain : CadinoBrain
    metrics : dict
        Of the training, with ``epoch`` and ``lr``.
    development : dict
        Of an evaluation, or empty.
    """
    limit, left = brain.hparams.epoch_counter.limit, time_left(brain)
    meta = {name: metrics[name] for name in ("epoch", "lr")}
    train = {name: value for name, value in metrics.items() if name not in meta}
    progress = ", ".join(filter(None, (f"{metrics['epoch']} of {limit}", left)))
    brain.loggers.log_stats({**meta, "progress": progress}, train, development)
    if is_main():
        logger.info(epoch_line({**metrics, **development}, limit, left, part_of(brain)))
        brain.history.write_csv(f"{brain.hparams.output_folder}/epochs.csv")
        brain.history.plot(f"{brain.hparams.output_folder}/epochs.png", brain.PANELS)
