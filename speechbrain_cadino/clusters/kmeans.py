"""K-means on the sphere or in space, for millions of embeddings and thousands of clusters, on any number of ranks."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch.nn import functional as F

from speechbrain_cadino.clusters.nearest import assigner
from speechbrain_cadino.clusters.rows import Rows, column_sums
from speechbrain_cadino.clusters.seeding import SEEDINGS, choose_rows
from speechbrain_cadino.utils import distributed as ranks
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)


class KMeans:
    """Lloyd's algorithm; the matrix of distances never exists whole. scikit-learn's knows no cosine, no GPU, no ranks.

    Spherical k-means (Dhillon and Modha, 2001) puts rows on the unit sphere, assigns by cosine and makes each centroid
    the direction of its members' mean. A cluster that loses its members takes the item farthest from its centroid.
    In space the mean of all is the origin meanwhile: the nearest centroid is found by -|x - c|^2 / 2 + |x|^2 / 2, whose
    float32 digits would go into the offset of embeddings that lie far from 0.

    With `torch.distributed` up, every rank must call `fit` with the same embeddings; each works on its shard of the
    rows, and all get the same result.

    Arguments
    ---------
    n_clusters : int
    spherical : bool
    n_iter : int
        Updates of the centroids at most; it ends when no item changes its cluster.
    seed : int
        Of the first centroids; nothing else is random. Same seed, same number of ranks: same result, bit for bit.
    init : "sample" or "k-means++"
        How the first centroids are drawn; see `clusters.seeding`.
    chunk_size : int, optional
        Rows scored at a time, with 4 x chunk_size x n_clusters bytes for each thread. Default: by the cache.
    device : torch.device or str, optional
        Where to compute. Default: where the embeddings are.

    Attributes
    ----------
    labels : torch.Tensor
        (n,) int64: the nearest centroid of each item.
    centroids : torch.Tensor
        (n_clusters, dim) float32; (n, dim) if there are fewer items than clusters.
    relative_centroids : torch.Tensor
        The same from the mean of the embeddings, with digits that an offset leaves no room for. If spherical, equal.
    distances : torch.Tensor
        (n,) float32: Euclidean distance of each item to its centroid; if spherical, after the item is put on the
        sphere, so that it is sqrt(2 - 2 cos).
    inertia : float
        Sum of the squared distances; if spherical, that is 2 (1 - cos) summed over the items.

    Raises
    ------
    UserError
        If a setting makes no sense.

    Example
    -------
    >>> x = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> kmeans = KMeans(2).fit(x)
    >>> (kmeans.labels[0] == kmeans.labels[1], kmeans.labels[0] == kmeans.labels[2])
    (tensor(True), tensor(False))
    """

    def __init__(
        self,
        n_clusters: int,
        spherical: bool = True,
        n_iter: int = 20,
        seed: int = 0,
        init: str = "sample",
        chunk_size: int | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        for name, value in (("n_clusters", n_clusters), ("n_iter", n_iter), ("chunk_size", chunk_size or 1)):
            if value < 1:
                raise UserError(f"{name} is {value}: set at least 1.")
        if init not in SEEDINGS:
            raise UserError(f"init is {init!r}: set one of {', '.join(SEEDINGS)}.")
        self.n_clusters, self.spherical, self.n_iter, self.seed = n_clusters, spherical, n_iter, seed
        self.init, self.chunk_size, self.device = init, chunk_size, device

    @torch.no_grad()
    def fit(self, x: torch.Tensor | np.ndarray, init: torch.Tensor | np.ndarray | None = None) -> KMeans:
        """Cluster embeddings.

        Arguments
        ---------
        x : torch.Tensor or np.ndarray
            (n, dim), of any floating-point type; a `np.memmap` is read block by block. If n < n_clusters there are
            only n clusters, with a warning: a refresh of pseudo-labels need not stop a long training for that.
        init : torch.Tensor or np.ndarray, optional
            (n_clusters, dim): the first centroids, in place of drawn ones.

        Returns
        -------
        KMeans
            Itself.

        Raises
        ------
        UserError
            If there are no embeddings or some are not finite.
        """
        rows = self._rows(x)
        centroids = self._first_centroids(rows, init)
        shard = ranks.shard(len(rows))
        labels = torch.full((shard.stop - shard.start,), -1, device=rows.device)
        with assigner(rows, shard, len(centroids), self.chunk_size) as assign:
            for step in range(self.n_iter + 1):
                # Of -|x - c|^2 / 2 the part that depends on c: on the sphere only the product does.
                offsets = None if self.spherical else -centroids.square().sum(dim=1) / 2
                changed = assign(labels, centroids, offsets)
                changed = int(ranks.all_reduce(torch.tensor([changed], device=rows.device)))
                if ranks.rank() == 0:
                    logger.info("k-means, %d of %d updates: %d items change cluster", step, self.n_iter, changed)
                if not changed or step == self.n_iter:
                    break
                centroids, counts = self._means(rows, shard, labels, len(centroids))
                self._reseed(rows, shard, labels, centroids, counts)
        return self._finish(rows, shard, labels, centroids)

    @torch.no_grad()
    def merge(self, x: torch.Tensor | np.ndarray, mapping: torch.Tensor) -> KMeans:
        """Put clusters together: labels, centroids, distances and inertia become those of the larger ones.

        Arguments
        ---------
        x : torch.Tensor or np.ndarray
            (n, dim), as given to `fit`.
        mapping : torch.Tensor
            (n_clusters,) int64: the new number of each cluster, from 0.

        Returns
        -------
        KMeans
            Itself.
        """
        rows = self._rows(x)
        shard = ranks.shard(len(rows))
        labels = mapping[self.labels[shard]]
        centroids, _ = self._means(rows, shard, labels, int(mapping.max()) + 1)
        return self._finish(rows, shard, labels, centroids)

    def _rows(self, x):
        self._origin = None
        if not self.spherical and x.ndim == 2 and len(x):  # what is wrong with others, `Rows` says
            mean = ranks.all_reduce(column_sums(x, ranks.shard(len(x)))) / len(x)
            self._origin = mean.numpy() if mean.isfinite().all() else None
        return Rows(x, self.device, self.spherical, self._origin)

    def _first_centroids(self, rows, init):
        n_clusters = min(self.n_clusters, len(rows))
        if n_clusters < self.n_clusters:
            logger.warning("n_clusters is %d for %d embeddings: %d is used.", self.n_clusters, len(rows), n_clusters)
        if init is None:
            chosen = choose_rows(rows, n_clusters, self.init, self.seed)
            return rows.take(ranks.broadcast(chosen.to(rows.device)).tolist())
        if tuple(init.shape) != (self.n_clusters, rows.dim):
            raise ValueError(f"init must be {(self.n_clusters, rows.dim)}, not {tuple(init.shape)}.")
        return Rows(init, rows.device, self.spherical, self._origin).take(slice(0, n_clusters))

    def _means(self, rows, shard, labels, n_clusters):
        """The centroids of all ranks' items by their labels, zeros where there are none, and the counts."""
        sums, counts = map(ranks.all_reduce, rows.sums(labels, n_clusters, shard))
        if not sums.isfinite().all():
            bad = rows.not_finite()
            raise UserError(
                f"{len(bad)} of {len(rows)} embeddings are not finite, the first that of row {int(bad[0])}: find the "
                "utterances that give them, or, if it is all, train the encoder anew with a lower lr."
            )
        means = F.normalize(sums, dim=1) if self.spherical else sums / counts.clamp(min=1)[:, None]
        return means.float(), counts

    @staticmethod
    def _reseed(rows, shard, labels, centroids, counts):
        """Move the centroids of empty clusters to the items farthest from theirs, of equals the first; in place."""
        (empty,) = torch.where(counts == 0)
        if len(empty):
            distances = ranks.all_gather(rows.distances(labels, centroids, shard), len(rows))
            farthest = torch.sort(distances, descending=True, stable=True).indices[: len(empty)]
            centroids[empty] = rows.take(farthest.tolist())

    def _finish(self, rows, shard, labels, centroids):
        self.relative_centroids = self.centroids = centroids
        if self._origin is not None:
            self.centroids = (centroids.double() + torch.from_numpy(self._origin).to(rows.device)).float()
        self.labels = ranks.all_gather(labels, len(rows))
        self.distances = ranks.all_gather(rows.distances(labels, centroids, shard), len(rows))
        self.inertia = float(self.distances.double().square().sum())
        return self
