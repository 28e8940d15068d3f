"""How rows of one matrix find their own among those of another, by cosine; and which of two encoders does it better."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

Z = 1.96  # standard errors to either side of a mean: an interval of 95 %
CLEARLY = 0.01  # of half_rank, our choice: a difference this small is seen between two epochs of one run


def retrieval(first: torch.Tensor, second: torch.Tensor) -> dict[str, float]:
    """How rows of ``first`` (n, dim) find the same row among those of ``second`` (n, dim), by cosine.

    Returns
    -------
    dict of float
        ``half_retrieval``: the fraction of rows whose own is strictly the nearest; chance is 1 / n. ``half_rank``: the
        fraction of the other rows that are farther than one's own, a tie counting half, on average; chance is 0.5.

    Example
    -------
    >>> retrieval(torch.eye(3), torch.eye(3))
    {'half_retrieval': 1.0, 'half_rank': 1.0}
    >>> retrieval(torch.ones(3, 2), torch.ones(3, 2))
    {'half_retrieval': 0.0, 'half_rank': 0.5}
    """
    farther = _farther(first, second)
    return {
        "half_retrieval": (farther == len(farther) - 1).double().mean().item(),
        "half_rank": (farther / max(1, len(farther) - 1)).mean().item(),
    }


def ranks(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The ``half_rank`` of each row, (n,) float32 from 0 to 1; see `retrieval`.

    Example
    -------
    >>> ranks(torch.eye(3), torch.eye(3)[[0, 2, 1]])
    tensor([1.0000, 0.2500, 0.2500])
    """
    farther = _farther(first, second)
    return farther / max(1, len(farther) - 1)


def _farther(first, second):
    """(n,) how many of the other rows of ``second`` are farther than one's own, ties half; NaN is farther than none."""
    cosines = F.normalize(first.double(), dim=-1) @ F.normalize(second.double(), dim=-1).T
    own = cosines.diagonal()[:, None]
    other = ~torch.eye(len(cosines), dtype=torch.bool)
    farther, ties = ((cosines < own) & other).sum(dim=1), ((cosines == own) & other).sum(dim=1)
    return farther + ties / 2


def paired_gain(before: torch.Tensor, after: torch.Tensor) -> tuple[float, float]:
    """The 95 % interval of the gain in `ranks` (n,) of the same items from one encoder to another.

    Example
    -------
    >>> paired_gain(torch.tensor([0.5, 0.7, 0.9]), torch.tensor([0.6, 0.8, 1.0]))
    (0.1..., 0.1...)
    """
    gains = (after - before).double()
    half = Z * gains.std().item() / math.sqrt(len(gains)) if len(gains) > 1 else math.inf
    return gains.mean().item() - half, gains.mean().item() + half


def clearly_under(gain: tuple[float, float]) -> bool:
    """Whether a `paired_gain` is a loss, as far as can be told.

    Example
    -------
    >>> clearly_under((-0.05, -0.02)), clearly_under((-0.05, 0.01)), clearly_under((-0.002, -0.001))
    (True, False, False)
    """
    return gain[1] < -CLEARLY
