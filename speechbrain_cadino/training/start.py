"""Starting a run from another one: its model, optimiser, step and history, as if the other had gone on."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from speechbrain.utils.logger import get_logger

from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.utils.errors import UserError

logger = get_logger(__name__)


def load_from_run(
    checkpointer: SafeCheckpointer, folder: str | Path, new: Collection[str] = (), epoch: int | None = None
) -> None:
    """Load the recoverables of a checkpointer from an end-of-epoch checkpoint of another run, finished or running.

    Arguments
    ---------
    checkpointer : SafeCheckpointer
        Of the run that starts, with its recoverables.
    folder : str or Path
        The other run's output folder; its checkpoints are in ``save``.
    new : collection of str
        Recoverables that the other run does not have; they stay as they are.
    epoch : int, optional
        Which epoch's checkpoint; default: the last.

    Raises
    ------
    UserError
        If the folder holds no such checkpoint, or it is one of another model.
    """
    saved = Path(folder) / "save"
    if not saved.is_dir():
        inside = Path(folder).name == "save" or any(Path(folder).glob("CKPT*"))
        inside = inside or Path(folder).name == "encoder" or Path(folder).name.startswith("CKPT")
        above = next((path for path in Path(folder).resolve().parents if (path / "save").is_dir()), None)
        remedy = f"did you mean {above}?" if inside and above else "give a run's output folder."
        raise UserError(f"start_from is {folder}, where there is no folder 'save': {remedy}")
    shared = {name: value for name, value in checkpointer.recoverables.items() if name not in new}
    found = SafeCheckpointer(saved, shared).recover_if_possible(
        max_key="epoch",
        ckpt_predicate=lambda checkpoint: (
            checkpoint.meta["end-of-epoch"] and (epoch is None or checkpoint.meta["epoch"] == epoch)
        ),
    )
    if found is None:
        wanted = "of a whole epoch" if epoch is None else f"of epoch {epoch}"
        raise UserError(f"start_from: {saved} has no checkpoint {wanted}: check start_from and start_from_epoch.")
    logger.info(f"The run starts from epoch {found.meta['epoch']} of {folder}")
