"""Checkpoints that are whole or absent: a run killed at any moment starts again from the last one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from speechbrain.utils.checkpoints import Checkpoint, Checkpointer, ckpt_recency
from speechbrain.utils.distributed import ddp_barrier, ddp_broadcast
from speechbrain.utils.logger import get_logger

from speechbrain_cadino.training.checkpoint_files import (
    CHECKSUMS,
    REPLACED,
    UNFINISHED,
    find_fault,
    mismatch,
    read_checksums,
    recency,
    remove_checkpoint,
    remove_leftovers,
    write_checksums,
)
from speechbrain_cadino.utils.disk import disk_errors
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import make_folder, replace_folder
from speechbrain_cadino.utils.logs import IN_FILE_ONLY

logger = get_logger(__name__)


class SafeCheckpointer(Checkpointer):
    """SpeechBrain's `Checkpointer`, its folders written beside, with checksums, synced, then renamed.

    SpeechBrain writes into the final folder, the list entry first: killed in between, it leaves a half checkpoint that
    is the newest and fails the next start. Here a folder gets its name when it is whole; one that was damaged later is
    passed over with a warning, and the one before is taken. The newest is that of the latest optimiser step (``step``
    in its meta) and, among equals, the one that was saved last: a number counts that, since clocks are set back. From
    a folder that goes, only the files of its checksums are removed. Everything else is as SpeechBrain has it, several
    ranks included: rank 0 writes. Arguments as in `Checkpointer`.

    Raises
    ------
    UserError
        If the folder cannot be made, a checkpoint cannot be written, or one does not fit the objects to recover.

    Example
    -------
    >>> import tempfile, torch
    >>> model = torch.nn.Linear(2, 2)
    >>> checkpointer = SafeCheckpointer(tempfile.mkdtemp(), {"model": model})
    >>> checkpointer.save_and_keep_only(meta={"epoch": 1})
    >>> checkpointer.recover_if_possible().meta["epoch"]
    1
    """

    def __init__(self, checkpoints_dir: str | Path, recoverables: dict[str, Any] | None = None, **kwargs) -> None:
        super().__init__(make_folder(checkpoints_dir), recoverables, **kwargs)
        self._intact = {}  # folder -> bool: each is read once a process

    def save_checkpoint(
        self,
        meta: dict[str, Any] | None = None,
        end_of_epoch: bool = True,
        name: str | None = None,
        verbosity: int = logging.INFO,
    ) -> Checkpoint | None:
        """As SpeechBrain's; numbers in ``meta`` may be NumPy scalars or tensors of one element."""
        # YAML would write such scalars as Python objects, which no safe loader reads back.
        meta = {key: value.item() if hasattr(value, "item") else value for key, value in (meta or {}).items()}
        try:
            with disk_errors(self.checkpoints_dir, self._size()):
                if is_main():
                    remove_leftovers(self.checkpoints_dir)
                    meta["saved"] = 1 + max((one.meta.get("saved", 0) for one in self.list_checkpoints()), default=0)
                saved = super().save_checkpoint(meta, end_of_epoch, name, verbosity=logging.DEBUG)
                final = self._finish(saved.path) if is_main() else None
        except OSError as error:
            raise UserError(
                f"No checkpoint can be written in {self.checkpoints_dir} ({error.strerror}): "
                "choose another output_folder."
            ) from error
        final = ddp_broadcast(final)  # the other ranks wait here, and then find the folder whole
        self._intact[final] = True
        if saved is None:  # not the main rank
            return None
        logger.logger.log(verbosity, "Saved the checkpoint %s", final, extra=IN_FILE_ONLY)
        return saved._replace(path=final, paramfiles={key: final / path.name for key, path in saved.paramfiles.items()})

    def save_and_keep_only(
        self, *args, importance_keys: Sequence[Callable] = (), keep_recent: bool = True, **kwargs
    ) -> None:
        """As SpeechBrain's, whose own default list grows with each call and then keeps recent ones unasked."""
        keys = [*importance_keys, *([recency] if keep_recent else [])]
        super().save_and_keep_only(*args, importance_keys=keys, keep_recent=False, **kwargs)

    def delete_checkpoints(
        self,
        *,
        num_to_keep: int = 1,
        min_keys: Sequence[str] | None = None,
        max_keys: Sequence[str] | None = None,
        importance_keys: Sequence[Callable] = (),
        ckpt_predicate: Callable | None = None,
        verbosity: int = logging.INFO,
    ) -> None:
        """As SpeechBrain's; without any key the most recent ones stay."""
        if num_to_keep < 0:
            raise ValueError("Number of checkpoints to keep must be positive.")
        orders = [{"min_key": key} for key in min_keys or ()] + [{"max_key": key} for key in max_keys or ()]
        orders += [{"importance_key": key} for key in importance_keys or (() if orders else (recency,))]
        kept, found = set(), {}
        for order in orders:
            ranked = [one.path for one in self.find_checkpoints(**order, ckpt_predicate=ckpt_predicate)]
            kept.update(ranked[:num_to_keep])
            found |= dict.fromkeys(ranked)
        ddp_barrier()  # nobody may still be looking at them
        for path in [path for path in found if path not in kept] if is_main() else []:
            remove_checkpoint(path)
            logger.logger.log(verbosity, "Deleted checkpoint in %s", path, extra=IN_FILE_ONLY)
        ddp_barrier()

    def find_checkpoints(
        self,
        importance_key: Callable | None = None,
        max_key: str | None = None,
        min_key: str | None = None,
        ckpt_predicate: Callable | None = None,
        max_num_checkpoints: int | None = None,
    ) -> list[Checkpoint]:
        """As SpeechBrain's; by default, and among equals, the most recent comes first, see `recency`."""
        if sum(key is not None for key in (importance_key, max_key, min_key)) > 1:
            raise ValueError("Must specify only one of 'importance_key', 'max_key', and 'min_key'.")
        key, sign = (max_key, 1) if max_key else (min_key, -1)
        if importance_key is ckpt_recency:
            importance_key = None
        found = [
            checkpoint
            for checkpoint in self.list_checkpoints()
            if (ckpt_predicate is None or ckpt_predicate(checkpoint)) and (key is None or key in checkpoint.meta)
        ]
        found.sort(key=recency, reverse=True)
        if importance_key is not None:
            found.sort(key=importance_key, reverse=True)
        elif key is not None:
            found.sort(key=lambda checkpoint: sign * checkpoint.meta[key], reverse=True)
        return found[:max_num_checkpoints]

    def list_checkpoints(self):
        """The whole checkpoints; a damaged one is left out, with a warning."""
        folders = [folder for folder in self._list_checkpoint_dirs() if self._is_intact(folder)]
        return self._construct_checkpoint_objects(folders)

    def load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """As SpeechBrain's, with a `UserError` for a checkpoint of other objects or another architecture."""
        try:
            super().load_checkpoint(checkpoint)
        except (RuntimeError, ValueError, KeyError) as error:
            raise UserError(
                f"The checkpoint {checkpoint.path} does not fit this model ({mismatch(error)}): "
                "delete it or give another output_folder."
            ) from error

    # SpeechBrain asks these two for the folder to write into: give it the unfinished one.

    def _new_checkpoint_dirpath(self):
        return _unfinished(super()._new_checkpoint_dirpath())

    def _custom_checkpoint_dirpath(self, name):
        return _unfinished(super()._custom_checkpoint_dirpath(name))

    def _finish(self, unfinished):
        """Add the checksums, make all durable, give the folder its name; returns the final path."""
        final = unfinished.with_name(unfinished.name.removeprefix(UNFINISHED))
        write_checksums(unfinished)
        # A name used again: the old one stays a checkpoint until the new one is there.
        replaced = final.with_name(final.name + REPLACED)
        own = {*read_checksums(final), *read_checksums(replaced), CHECKSUMS}
        replace_folder(unfinished, final, replaced, own.__contains__)
        return final

    def _size(self):
        """Bytes of the newest checkpoint, None without one: the next takes about as many."""
        folders = self._list_checkpoint_dirs() if is_main() else []
        newest = max(folders, key=lambda folder: folder.stat().st_mtime, default=None)
        return newest and sum(file.stat().st_size for file in newest.iterdir())

    def _is_intact(self, folder):
        if folder not in self._intact:
            fault = find_fault(folder)
            self._intact[folder] = fault is None
            if fault is not None:
                logger.warning(f"The checkpoint {folder} is damaged ({fault}) and is passed over: delete it.")
        return self._intact[folder]


def _unfinished(path):
    return path.with_name(UNFINISHED + path.name)
