"""The mean of the last checkpoints, as the model to test."""

from __future__ import annotations

from math import inf
from typing import Any

from speechbrain.utils.checkpoints import Checkpointer, average_checkpoints
from speechbrain.utils.logger import get_logger
from torch.nn import Module

from speechbrain_cadino.utils.distributed import broadcast
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

logger = get_logger(__name__)


def check_averaging(hparams: Any) -> None:
    """Raise a `UserError` if ``average_checkpoints`` is under 1 or over ``keep_checkpoints``."""
    average, keep = hparams.average_checkpoints, hparams.keep_checkpoints
    if average < 1:
        raise UserError(f"average_checkpoints is {average}: set at least 1, which is the last epoch alone.")
    if average > keep:
        raise UserError(
            f"average_checkpoints is {average} and keep_checkpoints {keep}: set keep_checkpoints to {average} or more, "
            f"or average_checkpoints to {keep} or less."
        )


def load_average(
    module: Module, checkpointer: Checkpointer, recoverable: str, n_checkpoints: int, up_to: float = inf
) -> None:
    """Give a module of every rank the mean of the last checkpoints, which rank 0 reads; every rank must call it.

    Arguments
    ---------
    module : torch.nn.Module
        Changed in place.
    checkpointer, recoverable, n_checkpoints, up_to
        See `average_last_checkpoints`.
    """

    def load():
        module.load_state_dict(average_last_checkpoints(checkpointer, recoverable, n_checkpoints, up_to))

    on_main(load)
    for tensor in module.state_dict().values():
        broadcast(tensor)


def average_last_checkpoints(
    checkpointer: Checkpointer, recoverable: str, n_checkpoints: int = 10, up_to: float = inf
) -> dict:
    """Average a module over the last end-of-epoch checkpoints, reading one at a time.

    Parameters and buffers are averaged alike, as WeSpeaker does: the running statistics of batch norm follow the
    weights closely enough over the last epochs, and a fresh estimate would take a pass over the data. Counts of batches
    become fractions here, and whole again in ``load_state_dict``.

    Arguments
    ---------
    checkpointer : speechbrain.utils.checkpoints.Checkpointer
        Where to look.
    recoverable : str
        Name of the module in the checkpoints, e.g. ``"teacher"``.
    n_checkpoints : int
        How many of the last ones; fewer are taken if there are fewer.
    up_to : float
        The last epoch that counts.

    Returns
    -------
    dict
        A state for ``load_state_dict``.

    Raises
    ------
    UserError
        If there is no end-of-epoch checkpoint.
    """
    checkpoints = checkpointer.find_checkpoints(
        ckpt_predicate=lambda checkpoint: checkpoint.meta["end-of-epoch"] and checkpoint.meta.get("epoch", 0) <= up_to,
        max_num_checkpoints=n_checkpoints,
    )
    if not checkpoints:
        raise UserError(f"No end-of-epoch checkpoint is in {checkpointer.checkpoints_dir}: train for an epoch first.")
    logger.info(f"The {recoverable} is the mean of the last checkpoints ({len(checkpoints)}).")
    return average_checkpoints(checkpoints, recoverable)
