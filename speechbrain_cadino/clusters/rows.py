"""Embeddings in blocks of rows, so that neither a normalised nor a float32 copy of them all is ever made."""

import numpy as np
import torch
from torch.nn import functional as F

from speechbrain_cadino.utils.errors import UserError

BLOCK = 65536


class Rows:
    """Embeddings, read as blocks of float32 rows on one device, L2-normalised if wanted.

    Arguments
    ---------
    x : torch.Tensor or np.ndarray
        (n, dim), of any floating-point type. For a CPU it stays where it is, be it mapped from a file; for a GPU it
        is copied there once, whole.
    device : torch.device or str, optional
        Default: that of ``x``, the CPU for an array.
    normalise : bool
        Whether rows are divided by their L2 norm. A row of zeros stays.

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

    def __init__(self, x, device=None, normalise=True):
        if x.ndim != 2:
            raise ValueError(f"Embeddings must be (n, dim), not {tuple(x.shape)}.")
        if not len(x):
            raise UserError("There are no embeddings to cluster: check the manifest and its rejected.csv.")
        self.device = torch.device(device or (x.device if isinstance(x, torch.Tensor) else "cpu"))
        if self.device.type != "cpu":
            x = torch.as_tensor(x).to(self.device, torch.float32)
        self.x, self.normalise = x, normalise

    def __len__(self):
        return len(self.x)

    @property
    def dim(self):
        """Columns."""
        return self.x.shape[1]

    def take(self, indices):
        """The rows at ``indices`` (a slice or integers), as a new or the same memory: not to be written to."""
        rows = self.x[indices]
        if not isinstance(rows, torch.Tensor):
            rows = torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))  # torch has no read-only tensors
        rows = rows.to(self.device, torch.float32).contiguous()
        return F.normalize(rows, dim=1) if self.normalise else rows

    def blocks(self, share):
        """Go through a slice of the rows: pairs of a slice, counted from the start of ``share``, and its rows."""
        for start in range(share.start, share.stop, BLOCK):
            stop = min(start + BLOCK, share.stop)
            yield slice(start - share.start, stop - share.start), self.take(slice(start, stop))

    def distances(self, labels, centroids, share):
        """Euclidean distance of each row of ``share`` to its centroid, without the cancellation of |x|^2 - 2 x.c + |c|^2.

        Arguments
        ---------
        labels : torch.Tensor
            (rows of the share,) int64
        centroids : torch.Tensor
            (n_clusters, dim)
        share : slice

        Returns
        -------
        torch.Tensor
            (rows of the share,) float32
        """
        distances = torch.empty(len(labels), device=self.device)
        for part, rows in self.blocks(share):
            distances[part] = torch.linalg.vector_norm(rows - centroids[labels[part]], dim=1)
        return distances


def add_to_sums(sums, counts, rows, labels):
    """Add to each cluster's sum and count the rows that are in it.

    The rows of a cluster are added up in float32 in their order, whatever the device and the number of threads; the
    blocks' sums in float64. Sorting them first is several times faster than `Tensor.index_add_` on a CPU, and a GPU's
    atomics, whose order varies, are avoided.

    Arguments
    ---------
    sums : torch.Tensor
        (n_clusters, dim) float64, changed in place.
    counts : torch.Tensor
        (n_clusters,) int64, changed in place.
    rows : torch.Tensor
        (batch, dim) float32
    labels : torch.Tensor
        (batch,) int64
    """
    order = torch.argsort(labels, stable=True)
    clusters = torch.arange(len(sums) + 1, device=labels.device)
    bounds = torch.searchsorted(labels[order], clusters)
    sums += F.embedding_bag(order, rows, bounds[:-1], mode="sum")
    counts += bounds.diff()
