"""The embeddings of several modalities, such as a voice and a face, side by side in one array of joint rows.

A modality is a name, whatever it is of. Nothing of size n x n is made: the joint rows are one array of (items, the sum
of the dimensions) float32, 3.1 GB for 1.09 million of 192 + 512, on each rank beside the embeddings.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from speechbrain_cadino.clusters.fill import fill_missing
from speechbrain_cadino.clusters.rows import EPS, SUM_BLOCK, blocks
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_whole

logger = logging.getLogger(__name__)

N_NEIGHBOURS = 3


class Joined(NamedTuple):
    """What `join_embeddings` gives.

    Arguments
    ---------
    items : np.ndarray
        (m,) int64: the items that have something, rising.
    rows : np.ndarray
        (m, dim) float32: their parts side by side.
    columns : dict of str to slice
        By modality: its columns.
    has : dict of str to np.ndarray
        By modality: (m,) bool, whether the item has it, or it was filled.
    """

    items: np.ndarray
    rows: np.ndarray
    columns: dict[str, slice]
    has: dict[str, np.ndarray]


def join_embeddings(
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
    weights: Mapping[str, float] | None = None,
    n_neighbours: int = N_NEIGHBOURS,
    device: torch.device | str | None = None,
) -> Joined:
    """Put the embeddings of all modalities side by side: each centered, of length 1, weighted; missing ones filled.

    A part gets the length sqrt(weight / sum of the weights), so that the cosine of two items that have everything is
    the weighted mean of the modalities' cosines, and a row has the length 1. Missing parts are filled by
    `fill_missing`, whose cost it has. Where one modality alone has embeddings, the rows are its centered ones, not
    scaled.

    Arguments
    ---------
    parts : mapping of str to tuple
        By modality, at least one: ``rows`` (n,) int64, for each item the row of its embedding, -1 for none; and
        ``embeddings`` (any, dim).
    weights : mapping of str to float, optional
        By modality, over 0; of one that is not there 1.
    n_neighbours : int
        How many neighbours fill a missing part.
    device : torch.device or str, optional
        Where to look for neighbours. Default: the CPU.

    Returns
    -------
    Joined

    Raises
    ------
    UserError
        If a setting makes no sense, an embedding is not finite, or there are none.

    Example
    -------
    >>> voices, faces = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[0.0], [3.0]])
    >>> joined = join_embeddings({"voice": (np.array([0, 1]), voices), "face": (np.array([1, 0]), faces)})
    >>> joined.rows.round(2)
    array([[-0.71,  0.  ,  0.71],
           [ 0.71,  0.  , -0.71]], dtype=float32)
    """
    weights = {name: 1.0 for name in parts} | dict(weights or {})
    check_join(weights, n_neighbours, list(parts))
    there = {name: np.asarray(rows) >= 0 for name, (rows, _) in parts.items()}
    names = [name for name in parts if there[name].any()]
    if not names:
        raise UserError(
            f"There are no embeddings to cluster, of {' or '.join(parts)}: check the list of rejected items."
        )
    items = np.flatnonzero(np.any([there[name] for name in names], axis=0))
    has = {name: there[name][items] for name in names}
    own = {name: own_embeddings(*parts[name], name) for name in names}
    if len(names) == 1:
        x = own[names[0]]
        return Joined(items, x - x.mean(axis=0), {names[0]: slice(0, x.shape[1])}, has)
    edges = np.cumsum([0, *(own[name].shape[1] for name in names)]).tolist()
    columns = {name: slice(*edges[place : place + 2]) for place, name in enumerate(names)}
    rows = np.zeros((len(items), edges[-1]), dtype=np.float32)
    for name in names:
        _put_directions(own[name], rows, np.flatnonzero(has[name]), columns[name])
    left = fill_missing(rows, columns, has, weights, n_neighbours, device)
    total = sum(weights[name] for name in names)
    for name in names:
        rows[:, columns[name]] *= np.float32(np.sqrt(weights[name] / total))
        if is_main() and not has[name].all():
            logger.info(
                "Of %d items %d have no %s: %d are filled by their neighbours, %d have none that could.",
                len(items), (~has[name]).sum(), name, (~has[name]).sum() - left[name], left[name],
            )  # fmt: skip
    return Joined(items, rows, columns, has)


def check_join(weights: Mapping[str, float], n_neighbours: int, names: Sequence[str] | None = None) -> None:
    """Raise a `UserError` if a weight or ``n_neighbours`` makes no sense, or a weight is of no modality."""
    if not (is_whole(n_neighbours) and n_neighbours >= 1):
        raise UserError(f"n_neighbours is {n_neighbours}: set a whole number, at least 1.")
    if not isinstance(weights, Mapping):
        raise UserError(f"weights is {weights}: set a mapping of modalities to numbers, such as {{voice: 1, face: 2}}.")
    for name, weight in weights.items():
        if names is not None and name not in names:
            raise UserError(f"weights has one of {name}, which is no modality: set those of {', '.join(names)}.")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < np.inf:
            raise UserError(
                f"The weight of {name} is {weight}: set a number over 0; to leave it out, set join to the other's name."
            )


def own_embeddings(rows: np.ndarray, embeddings: np.ndarray, name: str) -> np.ndarray:
    """The embeddings of the items that have one, in the items' order: the very array, where that is how they stand.

    Arguments
    ---------
    rows : np.ndarray
        (n,) int64, for each item the row of its embedding, -1 for none.
    embeddings : np.ndarray
        (any, dim)
    name : str
        The modality.

    Returns
    -------
    np.ndarray
        (items that have one, dim)

    Raises
    ------
    UserError
        If one is not finite.

    Example
    -------
    >>> own_embeddings(np.array([1, -1, 0]), np.array([[1.0], [2.0]]), "voice").tolist()
    [[2.0], [1.0]]
    """
    rows = np.asarray(rows)
    if embeddings.ndim != 2 or (len(rows) and rows.max() >= len(embeddings)):
        raise ValueError(f"Embeddings of {name} must be (any, dim), any over {rows.max()}, not {embeddings.shape}.")
    rows = rows[rows >= 0]
    own = embeddings if np.array_equal(rows, np.arange(len(embeddings))) else embeddings[rows]
    for _, block in blocks(slice(0, len(own)), SUM_BLOCK):
        bad = np.flatnonzero(~np.isfinite(own[block]).all(axis=1))
        if len(bad):
            raise UserError(
                f"The embedding of {name} in row {rows[block.start + bad[0]]} is not finite, and perhaps others: find "
                "what it is of, or train the encoder anew with a lower lr."
            )
    return own


def _put_directions(embeddings, rows, items, columns):
    """Write each embedding, centered and of length 1, into its item's row; one of zeros stays."""
    mean = embeddings.mean(axis=0)
    for part, _ in blocks(slice(0, len(items)), SUM_BLOCK):
        x = (embeddings[part] - mean).astype(np.float32)
        rows[items[part], columns] = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), EPS)
