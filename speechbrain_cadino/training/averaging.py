"""The mean of the last checkpoints, as the model to test."""

from __future__ import annotations

from typing import Any

from speechbrain.utils.checkpoints import Checkpointer, average_checkpoints
from speechbrain.utils.logger import get_logger

from speechbrain_cadino.utils.errors import UserError

logger = get_logger(__name__)


def check_averaging(hparams: Any) -> None:
    """Raise a `UserError` if ``average_checkpoints`` is under 1 or over ``keep_checkpoints``."""
    if not 1 <= hparams.average_checkpoints <= hparams.keep_checkpoints:
        raise UserError(
            f"average_checkpoints is {hparams.average_checkpoints} and keep_checkpoints {hparams.keep_checkpoints}: "
            "average at least 1, and keep as many."
        )


def average_last_checkpoints(checkpointer: Checkpointer, recoverable: str, n_checkpoints: int = 10) -> dict:
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
        ckpt_predicate=lambda checkpoint: checkpoint.meta["end-of-epoch"], max_num_checkpoints=n_checkpoints
    )
    if not checkpoints:
        raise UserError(f"No end-of-epoch checkpoint is in {checkpointer.checkpoints_dir}: train for an epoch first.")
    logger.info(f"The mean of the last {len(checkpoints)} checkpoints is taken for {recoverable}.")
    return average_checkpoints(checkpoints, recoverable)
