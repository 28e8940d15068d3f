"""The door of the room: tensors or arrays in, NumPy arrays out, and numbers that are none told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.utils.errors import UserError


def to_numpy(values: torch.Tensor | np.ndarray | Sequence[float], dtype: Any | None = None) -> np.ndarray:
    """Turn scores or embeddings from any device into a NumPy array.

    Arguments
    ---------
    values : torch.Tensor, np.ndarray or sequence of numbers
        Of any shape, device and number type; a tensor may hold a gradient.
    dtype : numpy dtype, optional
        Of the result. By default the type is kept (bfloat16, which NumPy lacks, becomes float32).

    Returns
    -------
    np.ndarray

    Example
    -------
    >>> to_numpy(torch.ones(2, dtype=torch.bfloat16))
    array([1., 1.], dtype=float32)
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return np.asarray(values, dtype=dtype)


def numbers(values: Any, what: str) -> np.ndarray:
    """Values as float64, or a `UserError` that names them."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"A {what} is {values!r}: give a number.") from error


def numbers_above(least: float, values: Any, what: str) -> np.ndarray:
    """As `numbers`, each above ``least`` and finite."""
    values = numbers(values, what)
    bad = values[~((values > least) & (values < np.inf))]
    if bad.size:
        wanted = ", not over 0: give both, in seconds." if least == 0 else ": give finite ones."
        raise UserError(f"A {what} is {bad.flat[0]:g}{wanted}")
    return values
