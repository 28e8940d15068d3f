"""Embeddings of another program from a file: an array, and the IDs of its rows within it or beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.encoder.folder import ABSENT
from speechbrain_cadino.encoder.precomputed import BLOCK, EmbeddingTable
from speechbrain_cadino.utils.arrays import ARRAY_FAULTS
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import read_text

LARGEST = 1e15  # in an embedding: the square of its length is finite as float32
ARRAY, IDS = "embeddings.npy", "ids.txt"  # as `extract_embeddings` keeps its own


def read_embeddings(path: str | Path, ids: str | Path | None = None) -> EmbeddingTable:
    """Read embeddings.

    Arguments
    ---------
    path : str or Path
        A ``.npy`` with (n, dim) floats; a folder with ``embeddings.npy`` and ``ids.txt``, as each iteration keeps; or a
        ``.npz`` of one array (n, dim) of floats and one (n,) of text, the IDs, whatever the two are called.
    ids : str or Path, optional
        A text with one ID a line, n of them; default: those in the ``.npz``, or ``ids.txt`` beside the array.

    Returns
    -------
    EmbeddingTable
        The array of a ``.npy`` stays on the disk, and is read where it is used.

    Raises
    ------
    UserError
        If a file cannot be read, the two do not fit each other, or an embedding is not finite, huge or all zeros.
    """
    array = Path(path) / ARRAY if Path(path).is_dir() else Path(path)
    embeddings, names = _load(array, ids is None)
    listed = f"{array}"
    if names is None:
        listed = array.with_name(IDS) if ids is None else Path(ids)
        names = read_ids(listed)
    return checked_table(names, embeddings, array, listed)


def checked_table(
    names: Sequence[str], embeddings: np.ndarray, array: str | Path, listed: str | Path | None = None
) -> EmbeddingTable:
    """A table of what was read from files, or a `UserError` that says what is wrong with them.

    Arguments
    ---------
    names : sequence of str, (n,)
    embeddings : np.ndarray
        Wanted as (n, dim) floats.
    array, listed : str or Path
        The files that they come from, for messages; default of ``listed``: the same.
    """
    listed = array if listed is None else listed
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f" or not embeddings.size:
        raise UserError(
            f"{array} holds {embeddings.dtype} of the shape {embeddings.shape}: give floats, (n, dim), a row an ID."
        )
    if len(names) != len(embeddings):
        raise UserError(f"{array} has {len(embeddings)} rows and {listed} {len(names)} IDs: give an ID for each row.")
    try:
        names = np.asarray(names, dtype=STRING)
    except UnicodeError as error:
        raise UserError(f"{listed} has an ID that is no UTF-8 text: write its IDs as text.") from error
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < len(names):
        raise UserError(f"{listed} has {unique[np.argmax(counts)]} more than once: keep one embedding for each ID.")
    for first in range(0, len(names), BLOCK):
        with np.errstate(over="ignore"):
            block = np.abs(embeddings[first : first + BLOCK].astype(np.float32))
        for bad, why in (
            (~(block <= LARGEST).all(axis=1), f"is not finite, or over {LARGEST:g}, as float32,"),
            (~block.any(axis=1), "has zeros alone, which have no direction,"),
        ):
            if bad.any():
                raise UserError(f"{array} {why} in the row of {names[first + int(np.argmax(bad))]}: leave it out.")
    return EmbeddingTable(names, embeddings)


def read_ids(path: str | Path) -> list[str]:
    """The IDs of a text, one a line."""
    # By newlines alone, as they are written: an ID may have other characters that end a line in Unicode.
    return read_text(path, "list of IDs", f"give {IDS}, with an ID a line").removesuffix("\n").split("\n")


def embeddings_digest(path: str | Path) -> str:
    """A digest of the bytes of what `read_embeddings` reads by default; `ABSENT` if there is no array."""
    array = Path(path) / ARRAY if Path(path).is_dir() else Path(path)
    digest = hashlib.blake2b(digest_size=16)
    try:
        for file in (array, array.with_name(IDS)):
            if file == array or (array.suffix == ".npy" and file.is_file()):
                with open(file, "rb") as stream:
                    while block := stream.read(1 << 24):
                        digest.update(block)
    except OSError:
        return ABSENT
    return digest.hexdigest()


def _load(array, with_ids):
    """The array, and the IDs if they are within the file and asked for."""
    try:
        found = np.load(array, mmap_mode="r", allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found, None
        with found:
            return _of_several(array, {name: found[name] for name in found.files}, with_ids)
    except ARRAY_FAULTS as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise UserError(
            f"The embeddings {array} cannot be read ({reason}): give a .npy of (n, dim) numbers, and {IDS} with an ID "
            "a line beside it, or a .npz of both."
        ) from error


def _of_several(array, found, with_ids):
    floats = [name for name, value in found.items() if value.ndim == 2 and value.dtype.kind == "f"]
    texts = [name for name, value in found.items() if value.ndim == 1 and value.dtype.kind in "US"]
    if len(floats) != 1 or (with_ids and len(texts) != 1):
        held = ", ".join(f"{name} ({value.dtype}, {value.shape})" for name, value in found.items())
        raise UserError(
            f"{array} holds {held or 'no array'}: give one array of floats, (n, dim), and one of text, (n,), the IDs."
        )
    names = [text_of(one) for one in found[texts[0]].tolist()] if with_ids else None
    return found[floats[0]], names


def text_of(value: str | bytes) -> str:
    """An ID as text; a `ValueError` if its bytes are no UTF-8."""
    return value.decode("utf-8") if isinstance(value, bytes) else value
