"""Where k-means begins: which rows are the first centroids. Random states of the process are left alone."""

from __future__ import annotations

import torch

from speechbrain_cadino.augmentation.batch import Rows

SEEDINGS = ("sample", "k-means++")


def choose_rows(rows: Rows, n_clusters: int, init: str, seed: int) -> torch.Tensor:
    """Draw distinct rows to begin with.

    "sample": uniformly. "k-means++": one after the other, each with probability proportional to its squared distance to
    the nearest drawn so far (Arthur and Vassilvitskii, 2007), with one candidate a step; it reads the embeddings
    ``n_clusters`` times, so it suits small corpora. Every rank computes it, since each step needs the one before.

    Arguments
    ---------
    rows : speechbrain_cadino.clusters.rows.Rows
    n_clusters : int
        At most the number of rows.
    init : "sample" or "k-means++"
    seed : int

    Returns
    -------
    torch.Tensor
        (n_clusters,) int64, on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    if init == "sample":
        return torch.randperm(len(rows), generator=generator)[:n_clusters]
    everything = slice(0, len(rows))
    to_the_last = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    free = torch.ones(len(rows), dtype=torch.float64)
    nearest = torch.full((len(rows),), torch.inf, dtype=torch.float64)
    chosen = [int(torch.randint(len(rows), (1,), generator=generator))]
    while len(chosen) < n_clusters:
        free[chosen[-1]] = 0
        distances = rows.distances(to_the_last, rows.take(chosen[-1:]), everything)
        nearest = torch.minimum(nearest, distances.double().cpu())
        weights = nearest.square() * free
        # If all that is left are copies of those drawn, any of them will do.
        chosen.append(_draw(weights if weights.any() else free, generator))
    return torch.tensor(chosen)


def _draw(weights, generator):
    """An index, with probability proportional to its weight."""
    heights = weights.cumsum(0)  # on the CPU: the order of a GPU's sums may vary
    level = torch.rand(1, generator=generator, dtype=torch.float64) * heights[-1]
    return min(int(torch.searchsorted(heights, level, right=True)), len(weights) - 1)
