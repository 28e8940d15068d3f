"""Embeddings in blocks of rows, so that neither a normalised nor a float32 copy of them all is ever made."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from speechbrain_cadino.utils.errors import UserError

EPS = 1e-12  # as in F.normalize
SUM_BLOCK = 65536  # large: the sums of a block, however small, are n_clusters rows
DISTANCE_BLOCK = 4096  # small: the differences stay in a CPU's cache


class Rows:
    """Embeddings, read a block at a time as float32 on one device, L2-normalised if wanted.

    Arguments
    ---------
    x : torch.Tensor or np.ndarray
        (n, dim), of any floating-point type. For a CPU it stays where it is, be it mapped from a file; for a GPU it
        is copied there once, whole.
    device : torch.device or str, optional
        Default: that of ``x``, the CPU for an array.
    normalise : bool
        Whether rows are divided by their L2 norm. A row of zeros stays.
    origin : np.ndarray, optional
        (dim,) float64, subtracted from every row as it is read, before anything is rounded to float32.

    Raises
    ------
    UserError
        If there are no rows.

    Example
    -------
    >>> Rows(np.array([[3.0, 4.0], [0.0, 2.0]])).take([0, 1])
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """

    def __init__(
        self,
        x: torch.Tensor | np.ndarray,
        device: torch.device | str | None = None,
        normalise: bool = True,
        origin: np.ndarray | None = None,
    ) -> None:
        if x.ndim != 2:
            raise ValueError(f"Embeddings must be (n, dim), not {tuple(x.shape)}.")
        if not len(x):
            raise UserError("There are no embeddings to cluster: check the manifest and its rejected.csv.")
        self.device = torch.device(device or (x.device if isinstance(x, torch.Tensor) else "cpu"))
        if self.device.type != "cpu":
            x, origin = _on_device(x, self.device, origin), None
        elif isinstance(x, torch.Tensor):
            x = x.detach().to("cpu", torch.float32 if x.dtype == torch.bfloat16 else x.dtype).numpy()
        self.x, self.normalise = x, normalise
        self.origin = None if origin is None else origin.astype(np.result_type(x.dtype, np.float32))

    def __len__(self):
        return len(self.x)

    @property
    def dim(self):
        """Columns."""
        return self.x.shape[1]

    def raw(self, indices: Any):
        """The rows at ``indices`` (a slice or a list), not normalised; perhaps a view: not to be written to."""
        rows = self.x[indices]
        if self.origin is not None:
            rows = rows - self.origin
        # torch has no read-only tensors, which a mapped file would need
        return rows if isinstance(rows, torch.Tensor) else torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))

    def take(self, indices: Any):
        """As `raw`, but normalised if wanted."""
        rows = self.raw(indices)
        return F.normalize(rows, dim=1) if self.normalise else rows

    def not_finite(self) -> torch.Tensor:
        """The numbers of the rows with a NaN or an infinity, (m,) int64 on the CPU."""
        everything = slice(0, len(self))
        good = [self.raw(block).isfinite().all(dim=1) for _, block in blocks(everything, SUM_BLOCK)]
        return torch.where(~torch.cat(good))[0].cpu()

    def distances(self, labels: torch.Tensor, centroids: torch.Tensor, shard: slice) -> torch.Tensor:
        """Euclidean distance of each row of ``shard`` to its centroid, by the difference: exact for near ones.

        Arguments
        ---------
        labels : torch.Tensor
            (rows of the shard,) int64
        centroids : torch.Tensor
            (n_clusters, dim)
        shard : slice
            Of the rows.

        Returns
        -------
        torch.Tensor
            (rows of the shard,) float32
        """
        distances = torch.empty(len(labels), device=self.device)
        for part, block in blocks(shard, DISTANCE_BLOCK):
            distances[part] = torch.linalg.vector_norm(self.take(block) - centroids[labels[part]], dim=1)
        return distances

    def sums(self, labels: torch.Tensor, n_clusters: int, shard: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """The sum of each cluster's rows, and their number.

        The rows of a cluster are added up in float32 in their order, whatever the device and the number of threads, and
        the blocks in float64. To sort them first is several times faster than `Tensor.index_add_` on a CPU, and on a
        GPU there are no atomics, whose order varies.

        Arguments
        ---------
        labels : torch.Tensor
            (rows of the shard,) int64
        n_clusters : int
        shard : slice
            Of the rows.

        Returns
        -------
        sums : torch.Tensor
            (n_clusters, dim) float64
        counts : torch.Tensor
            (n_clusters,) int64
        """
        sums = torch.zeros(n_clusters, self.dim, dtype=torch.float64, device=self.device)
        counts = torch.zeros(n_clusters, dtype=torch.int64, device=self.device)
        for part, block in blocks(shard, SUM_BLOCK):
            rows, sizes = self.raw(block), torch.bincount(labels[part], minlength=n_clusters)
            order = _sorting(labels[part], n_clusters)
            weights = 1 / torch.linalg.vector_norm(rows, dim=1).clamp(min=EPS)[order] if self.normalise else None
            sums += F.embedding_bag(order, rows, sizes.cumsum(0) - sizes, mode="sum", per_sample_weights=weights)
            counts += sizes
        return sums, counts


def blocks(shard: slice, size: int):
    """Go through a slice of rows: pairs of a slice counted from the start of ``shard``, and that slice of the rows."""
    for start in range(shard.start, shard.stop, size):
        stop = min(start + size, shard.stop)
        yield slice(start - shard.start, stop - shard.start), slice(start, stop)


def column_sums(x: torch.Tensor | np.ndarray, shard: slice) -> torch.Tensor:
    """The sum of the rows of a slice, (dim,) float64 on the CPU, from a tensor or an array."""
    sums = torch.zeros(x.shape[1], dtype=torch.float64)
    for _, block in blocks(shard, SUM_BLOCK):
        rows = x[block] if isinstance(x, torch.Tensor) else torch.from_numpy(np.array(x[block], np.float64))
        sums += rows.detach().double().sum(dim=0).cpu()
    return sums


def _on_device(x, device, origin):
    """All rows there, as float32."""
    if origin is None:
        return torch.as_tensor(x).to(device, torch.float32)
    moved, origin = torch.empty(x.shape, device=device), torch.from_numpy(origin)
    for _, block in blocks(slice(0, len(x)), SUM_BLOCK):
        rows = torch.as_tensor(x[block])
        moved[block] = (rows.double() - origin.to(rows.device)).to(device, torch.float32)
    return moved


def _sorting(labels, n_clusters):
    """The order, (batch,) int64, that sorts labels; equal ones stay in theirs."""
    if labels.is_cuda:
        return torch.argsort(labels, stable=True)
    # NumPy sorts 16-bit numbers by radix, in a time that no barrier of threads adds to.
    return torch.from_numpy(np.argsort(labels.numpy().astype(np.min_scalar_type(n_clusters)), kind="stable"))
