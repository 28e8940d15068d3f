"""Files that hold the same bytes under other names: by size first, so that little is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from speechbrain_cadino.corpus.fingerprints import content_hash, files_status, in_threads


def find_copies(
    wavs: Sequence[str],
    originals: Sequence[str],
    sizes: Sequence[int] | None = None,
    contents: Sequence[str] | None = None,
) -> dict[int, str]:
    """Which files are copies of others, byte for byte.

    Only files of a size that both sides have are read: some pieces first, and the whole of what is alike in those.

    Arguments
    ---------
    wavs : sequence of str, (n,)
        Paths that can be opened.
    originals : sequence of str
        Those that they may be copies of.
    sizes : sequence of int, (n,), optional
        Bytes of ``wavs``; default: they are looked up. 0: not to be looked at.
    contents : sequence of str, (n,), optional
        The whole files' `content_hash`, '' for one that is not to be looked at; default: they are read.

    Returns
    -------
    dict of int to str
        Row of ``wavs`` to the original.

    Example
    -------
    >>> find_copies(["a.wav"], [])
    {}
    """
    if not len(wavs) or not len(originals):
        return {}
    ours, theirs = _sizes(wavs) if sizes is None else np.asarray(sizes, dtype=np.int64), _sizes(originals)
    rows = np.flatnonzero((ours > 0) & np.isin(ours, theirs)).tolist()
    others = np.flatnonzero((theirs > 0) & np.isin(theirs, ours[rows])).tolist()
    if contents is not None:
        return _alike({row: contents[row] for row in rows}, _hashes(originals, others, True), originals)
    alike = {}
    for whole in (False, True):  # of those that are alike in pieces, the whole
        mine, hashes = _hashes(wavs, rows, whole), _hashes(originals, others, whole)
        alike = _alike(mine, hashes, originals)
        wanted = {mine[row] for row in alike}
        rows, others = sorted(alike), [other for other in others if hashes[other] in wanted]
    return alike


def _sizes(paths):
    return np.array([size for size, _ in files_status(paths)], dtype=np.int64)


def _hashes(paths, numbers, whole):
    """Number of a path -> what the file holds."""
    hash_of = partial(content_hash, whole=whole)
    return dict(zip(numbers, in_threads(hash_of, [paths[number] for number in numbers], "comparing audio")))


def _alike(mine, hashes, originals):
    """Row -> the first original that holds the same."""
    first = {}
    for other, content in hashes.items():
        first.setdefault(content, originals[other])
    return {row: first[content] for row, content in mine.items() if content and content in first}
