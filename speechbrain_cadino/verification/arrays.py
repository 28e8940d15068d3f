"""The door of the room: tensors or arrays in, NumPy arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


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
