"""A folder, a list or files -> one file of embeddings, whatever is among them, and however many there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.scan import write_rejected
from speechbrain_cadino.corpus.whole_files import whole_files
from speechbrain_cadino.encoder.extract import extract_embeddings, tell_rejected
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.shards import forget, read_rejected
from speechbrain_cadino.encoder.table_files import check_format, write_table
from speechbrain_cadino.utils.disk import disk_errors
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import remove_made
from speechbrain_cadino.utils.locks import hold_folder


class Embedded(NamedTuple):
    """What has become of the files.

    Arguments
    ---------
    n_embedded : int
    dim : int
        Numbers in an embedding.
    rejected : list of (str, str)
        Paths and reasons.
    rejected_path : Path
        The CSV that has them; absent where there are none.
    """

    n_embedded: int
    dim: int
    rejected: list
    rejected_path: Path


def embed_files(
    net: SpeakerEncoderNet,
    source: str | Path | Sequence[str | Path],
    out: str | Path,
    data_folder: str | Path | None = None,
    strict: bool = False,
    batch_seconds: float = 200.0,
) -> Embedded:
    """Embed files into one file, which is there only when all is done; a second call goes on where one was killed.

    Arguments
    ---------
    net : SpeakerEncoderNet
        On the device that is to compute.
    source, data_folder :
        As of `whole_files`.
    out : str or Path
        As of `write_table`. Beside it ``OUT_rejected.csv`` has what could not be used, and, until the end, a hidden
        folder what is done: all embeddings are in memory for the writing alone, 4 dim bytes a file and some copies.
    strict : bool
        Whether a file that cannot be used is an error, told as soon as it is found.
    batch_seconds : float
        Audio in one batch, in seconds.

    Returns
    -------
    Embedded

    Raises
    ------
    UserError
        If nothing can be used, ``out`` cannot be written or is a source, or with ``strict``.
    """
    check_out(out, source)
    found = whole_files(source, data_folder)
    n_all = len(found.manifest) + len(found.rejected)
    tell_rejected([(path, f"{path} {reason}") for path, reason in found.rejected if strict], n_all, "files", True)
    manifest = found.manifest
    durations = dict(zip(manifest.ids.tolist(), manifest.durations.tolist()))

    def extract(folder):
        return extract_embeddings(
            net, manifest, folder, batch_seconds=batch_seconds, strict=strict, content=found.digest
        )

    return write_embedded(out, extract, found.rejected, durations)


def check_out(out: str | Path, source: str | Path | Sequence[str | Path]) -> None:
    """Refuse an output of no known format, or that is one of the sources."""
    check_format(out)
    sources = [source] if isinstance(source, (str, Path)) else source
    if any(Path(one).exists() and Path(out).exists() and Path(out).samefile(one) for one in sources):
        raise UserError(f"{out} is both read and written: give the output a name of its own.")
    rejected = _rejected_path(Path(out))
    if rejected.exists() and (
        any(Path(one).samefile(rejected) for one in sources if Path(one).exists()) or _other(rejected)
    ):
        raise UserError(
            f"Beside {out}, {rejected} lists what cannot be used, and is another file now: call the output otherwise."
        )


def _rejected_path(out):
    return out.with_name(f"{out.name}_rejected.csv")  # a.csv and a.npz have one each


def _other(path):
    """Whether a file is none that `write_rejected` wrote."""
    if not path.is_file():
        return True
    with open(path, "rb") as file:
        return not file.read(100).startswith(b"wav,reason")


def write_embedded(
    out: str | Path, extract: Callable, rejected: Sequence[tuple[str, str]], seconds: dict[str, float] | None = None
) -> Embedded:
    """Extract into a hidden folder beside ``out``, then write ``out``, and remove the folder.

    Arguments
    ---------
    out : str or Path
    extract : callable
        Folder -> embeddings (n, dim) and their IDs, as of `extract_embeddings`.
    rejected : sequence of (str, str)
        What was set aside before: paths and reasons.
    seconds : dict of str to float, optional
        Durations by ID.
    """
    out = Path(out)
    working, rejected_path = out.with_name(f".{out.name}.partial"), _rejected_path(out)
    with hold_folder(working):
        embeddings, ids = extract(working)
        rejected = [*rejected, *read_rejected(working)]
        whole = working / "table" / out.name  # so that what a killed process leaves half-written goes with the folder
        write_table(whole, ids, embeddings, None if seconds is None else np.array([seconds[name] for name in ids]))
        with disk_errors(out):
            os.replace(whole, out)
        if rejected:
            write_rejected(rejected, rejected_path)
        else:
            rejected_path.unlink(missing_ok=True)  # of a call before
        forget(working)
    remove_made(working, lambda name: True)
    return Embedded(len(ids), embeddings.shape[1], rejected, rejected_path)
