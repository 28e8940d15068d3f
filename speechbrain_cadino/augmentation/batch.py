"""Augmentation parameters of many crops, stacked for one call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch


class Rows(NamedTuple):
    """Values for some crops of a stack: ``values[i]`` (n, ...) belongs to the crop ``rows[i]`` (n,)."""

    rows: torch.Tensor
    values: torch.Tensor


def stack_parameters(parameters: list[dict[str, np.ndarray]]) -> dict[str, Rows]:
    """Draws of many crops by operation; only the crops that have it take memory.

    Arguments
    ---------
    parameters : list of dict of str to np.ndarray
        One a crop, as `AugmentationSampler` gives them.

    Returns
    -------
    dict of str to Rows
        Values of different lengths (room responses) are padded with zeros.

    Example
    -------
    >>> import numpy as np
    >>> stack_parameters([{}, {"rir": np.ones(2)}, {"rir": np.ones(1)}])["rir"].values.tolist()
    [[1.0, 1.0], [1.0, 0.0]]
    """
    stacked = {}
    for name in dict.fromkeys(name for draw in parameters for name in draw):
        rows = [row for row, draw in enumerate(parameters) if name in draw]
        values = [torch.from_numpy(parameters[row][name]) for row in rows]
        same = len({value.shape for value in values}) == 1
        values = torch.stack(values) if same else torch.nn.utils.rnn.pad_sequence(values, batch_first=True)
        stacked[name] = Rows(torch.tensor(rows), values)
    return stacked
