"""Items that share a recording of one modality, as one row."""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.clusters.joint_rows import Joined
from speechbrain_cadino.clusters.rows import EPS


def collapsed(joined: Joined, units: np.ndarray) -> tuple[Joined, np.ndarray]:
    """One row for all items of a unit, such as the utterances that share a set of pictures.

    What they share is equal in them, so that clusters of items would be units: no two are ever so near.

    Arguments
    ---------
    joined : Joined
        Of m items.
    units : np.ndarray
        (m,) the unit of each item.

    Returns
    -------
    joined : Joined
        Of the units; ``items`` has the first of each. A part is the mean of those that have it, at their length; where
        none has, of what was filled in.
    place : np.ndarray
        (m,) int64, the row of each item.

    Example
    -------
    >>> rows, has = np.array([[0.6, 0.8], [0.8, 0.6], [0.0, 1.0]]), {"voice": np.array([True, True, True])}
    >>> one, place = collapsed(Joined(np.arange(3), rows, {"voice": slice(0, 2)}, has), np.array([5, 5, 6]))
    >>> one.rows.round(2).tolist(), place.tolist()
    ([[0.71, 0.71], [0.0, 1.0]], [0, 0, 1])
    """
    _, first, place = np.unique(units, return_index=True, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(first)))
    rows = np.empty((len(first), joined.rows.shape[1]), dtype=joined.rows.dtype)
    sizes = np.diff(starts, append=len(place))
    has = {name: np.logical_or.reduceat(own[order], starts) for name, own in joined.has.items()}
    for name, columns in joined.columns.items():
        part = joined.rows[:, columns]
        length = np.linalg.norm(part, axis=1).max()  # that of all which are not 0
        counts = joined.has[name] | ~has[name][place]
        sums = np.add.reduceat(np.where(counts[:, None], part, 0)[order], starts)
        of_had = length / np.maximum(np.linalg.norm(sums, axis=1), EPS)
        rows[:, columns] = sums * np.where(has[name], of_had, 1 / sizes)[:, None]
    return Joined(joined.items[first], rows, joined.columns, has), place
