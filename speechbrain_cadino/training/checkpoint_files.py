"""The files of checkpoints: their checksums, what is wrong with them, their order, and their removal."""

from __future__ import annotations

import hashlib
import os
import shutil
import textwrap
from pathlib import Path

from speechbrain.utils.checkpoints import CKPT_PREFIX, METAFNAME, Checkpoint
from speechbrain.utils.logger import get_logger

from speechbrain_cadino.utils.files import remove_made

CHECKSUMS = "SHA256SUMS"  # in the form that `sha256sum --check` reads
UNFINISHED = ".saving."  # before the name of a folder that is being written
REPLACED = "~"  # behind that of one whose name was used again

logger = get_logger(__name__)


def find_fault(folder: Path) -> str | None:
    """What is wrong with a checkpoint's files, None if nothing is."""
    if not (folder / CHECKSUMS).is_file():
        return f"{CHECKSUMS} is missing"
    listed = read_checksums(folder)
    if METAFNAME not in listed:
        return f"{CHECKSUMS} is incomplete"
    for name, digest in listed.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if file_checksum(folder / name) != digest:
            return f"{name} has changed"
    return None


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files of a folder, so that damage shows later."""
    lines = [f"{file_checksum(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_checksums(folder: Path) -> dict[str, str]:
    """File name -> digest."""
    try:
        text = (folder / CHECKSUMS).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}


def file_checksum(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def remove_checkpoint(folder: Path) -> None:
    """Remove a checkpoint's own files, and the folder if nothing else is in it; what is left is no checkpoint."""
    if not folder.is_dir():
        return
    own = {*read_checksums(folder), METAFNAME}
    (folder / METAFNAME).unlink(missing_ok=True)  # killed from here on, the rest is told as half-deleted
    remove_made(folder, own.__contains__)
    (folder / CHECKSUMS).unlink(missing_ok=True)
    if not os.listdir(folder):
        folder.rmdir()
    else:
        logger.warning(f"{folder} is no checkpoint any more, and holds files of somebody else, which stay.")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left in the folder of its checkpoints: unfinished, half-deleted and replaced ones."""
    for path in folder.iterdir():
        name = path.name.removeprefix(UNFINISHED)
        if not name.startswith(CKPT_PREFIX) or path.is_symlink() or not path.is_dir():
            continue  # not ours
        half_deleted = (path / CHECKSUMS).exists() and not (path / METAFNAME).exists()
        successor = path.with_name(path.name.rstrip(REPLACED))
        if name != path.name:
            shutil.rmtree(path)
        elif not any(path.iterdir()):
            path.rmdir()
        elif half_deleted or (successor != path and successor.exists()):
            remove_checkpoint(path)


def recency(checkpoint: Checkpoint) -> tuple:
    """What is larger for the more recent of two checkpoints of one run, whatever the clock said."""
    meta = checkpoint.meta
    return meta.get("step", -1), meta.get("saved", 0), meta["unixtime"]


def mismatch(error: Exception) -> str:
    """The first difference that an error in loading a checkpoint tells, in one line."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    first = lines[1] if len(lines) > 1 else lines[0]  # PyTorch's first line is a heading
    return textwrap.shorten(first, width=200, placeholder=" ...").rstrip(" .")
