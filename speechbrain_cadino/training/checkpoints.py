"""Checkpoints that are whole or absent: a run killed at any moment starts again from the last one."""

import hashlib
import logging
import shutil
import textwrap

from speechbrain.utils.checkpoints import METAFNAME, Checkpointer
from speechbrain.utils.distributed import ddp_broadcast
from speechbrain.utils.logger import get_logger

from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import make_folder, replace_folder

CHECKSUMS = "SHA256SUMS"  # in the form that `sha256sum --check` reads
_UNFINISHED = ".saving."
_REPLACED = "~"

logger = get_logger(__name__)


class SafeCheckpointer(Checkpointer):
    """SpeechBrain's `Checkpointer`, its folders written beside, with checksums, synced, then renamed.

    SpeechBrain writes into the final folder, the list entry first: killed in between, it leaves a half checkpoint that
    is the newest and fails the next start. Here a folder gets its name when it is whole; one that was damaged later is
    passed over with a warning, and the one before is taken. Everything else is as SpeechBrain has it, several ranks
    included: rank 0 writes. Arguments as in `Checkpointer`.

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

    def __init__(self, checkpoints_dir, recoverables=None, **kwargs):
        super().__init__(make_folder(checkpoints_dir), recoverables, **kwargs)
        self._intact = {}  # folder -> bool: each is read once a process

    def save_checkpoint(self, meta=None, end_of_epoch=True, name=None, verbosity=logging.INFO):
        """As SpeechBrain's; numbers in ``meta`` may be NumPy scalars or tensors of one element."""
        # YAML would write such scalars as Python objects, which no safe loader reads back.
        meta = {key: value.item() if hasattr(value, "item") else value for key, value in (meta or {}).items()}
        try:
            if is_main():
                self._tidy()
            saved = super().save_checkpoint(meta, end_of_epoch, name, verbosity=logging.DEBUG)
            final = self._finish(saved.path) if is_main() else None
        except OSError as error:
            raise UserError(
                f"No checkpoint can be written in {self.checkpoints_dir} ({error.strerror}): "
                "free some space or choose another output_folder."
            ) from error
        final = ddp_broadcast(final)  # the other ranks wait here, and then find the folder whole
        self._intact[final] = True
        if is_main():
            logger.log(verbosity, f"Saved the checkpoint {final}")
        if saved is None:
            return None
        return saved._replace(path=final, paramfiles={key: final / path.name for key, path in saved.paramfiles.items()})

    def save_and_keep_only(self, *args, importance_keys=(), **kwargs):
        """As SpeechBrain's, whose own default list grows with each call and then keeps recent ones unasked."""
        super().save_and_keep_only(*args, importance_keys=list(importance_keys), **kwargs)

    def list_checkpoints(self):
        """The whole checkpoints; a damaged one is left out, with a warning."""
        folders = [folder for folder in self._list_checkpoint_dirs() if self._is_intact(folder)]
        return self._construct_checkpoint_objects(folders)

    def load_checkpoint(self, checkpoint):
        """As SpeechBrain's, with a `UserError` for a checkpoint of other objects or another architecture."""
        try:
            super().load_checkpoint(checkpoint)
        except (RuntimeError, ValueError, KeyError) as error:
            raise UserError(
                f"The checkpoint {checkpoint.path} does not fit this model ({_mismatch(error)}): "
                "delete it or give another output_folder."
            ) from error

    # SpeechBrain asks these two for the folder to write into: give it the unfinished one.

    def _new_checkpoint_dirpath(self):
        return _unfinished(super()._new_checkpoint_dirpath())

    def _custom_checkpoint_dirpath(self, name):
        return _unfinished(super()._custom_checkpoint_dirpath(name))

    def _finish(self, unfinished):
        """Add the checksums, make all durable, give the folder its name; returns the final path."""
        final = unfinished.with_name(unfinished.name.removeprefix(_UNFINISHED))
        lines = [f"{_digest(file)}  {file.name}\n" for file in sorted(unfinished.iterdir())]
        (unfinished / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
        # A name used again: the old one stays a checkpoint until the new one is there.
        replace_folder(unfinished, final, final.with_name(final.name + _REPLACED))
        return final

    def _tidy(self):
        """Remove what a killed run left: unfinished folders, half-deleted ones, and those that were replaced."""
        for folder in self.checkpoints_dir.iterdir():
            unfinished = folder.name.startswith(_UNFINISHED)
            half_deleted = (folder / CHECKSUMS).exists() and not (folder / METAFNAME).exists()
            successor = folder.with_name(folder.name.removesuffix(_REPLACED))
            replaced = successor != folder and successor.exists()
            if unfinished or half_deleted or replaced:
                shutil.rmtree(folder)

    def _is_intact(self, folder):
        if folder not in self._intact:
            fault = _find_fault(folder)
            self._intact[folder] = fault is None
            if fault is not None:
                logger.warning(f"The checkpoint {folder} is damaged ({fault}) and is passed over: delete it.")
        return self._intact[folder]


def _unfinished(path):
    return path.with_name(_UNFINISHED + path.name)


def _find_fault(folder):
    """What is wrong with a checkpoint's files, None if nothing is."""
    if not (folder / CHECKSUMS).is_file():
        return f"{CHECKSUMS} is missing"
    listed = {}
    for line in (folder / CHECKSUMS).read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    if METAFNAME not in listed:
        return f"{CHECKSUMS} is incomplete"
    for name, digest in listed.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if _digest(folder / name) != digest:
            return f"{name} has changed"
    return None


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _mismatch(error):
    """The first difference that a loading error tells, in one line."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    first = lines[1] if len(lines) > 1 else lines[0]  # PyTorch's first line is a heading
    return textwrap.shorten(first, width=200, placeholder=" ...").rstrip(" .")
