"""Digests and keys of texts: one for a whole list, or a number for each utterance, by which state is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from speechbrain_cadino.corpus.layout import STRING


def digest_of(texts: list[str]) -> str:
    """A digest, 32 hexadecimal digits, of a list of texts."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{len(texts)}\0".encode())
    digest.update("\0".join(texts).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def id_keys(ids: Sequence[str]) -> np.ndarray:
    """A number for each utterance's ID, (n,) int64, to keep state by utterance in 8 bytes each.

    Of a million IDs, two have the same number with a probability of 3e-8.

    Example
    -------
    >>> keys = id_keys(["a", "b"])
    >>> keys.dtype, bool(keys[0] != keys[1]), bool(keys[1] == id_keys(["b"])[0])
    (dtype('int64'), True, True)
    """
    texts = np.asarray(ids, dtype=STRING).tolist()
    digests = [hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)


def places_of(keys: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Where each of ``keys`` stands in ``among``, (n,) int64, -1 where it does not; both from `id_keys`.

    Example
    -------
    >>> places_of(np.array([5, 7, 9]), np.array([9, 5])).tolist()
    [1, -1, 0]
    """
    order = np.argsort(among, kind="stable")
    found = np.searchsorted(among[order], keys)
    found = np.minimum(found, max(len(among) - 1, 0))
    if not len(among):
        return np.full(len(keys), -1, dtype=np.int64)
    places = order[found]
    return np.where(among[places] == keys, places, -1)
