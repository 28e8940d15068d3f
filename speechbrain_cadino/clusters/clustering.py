"""What the YAML names and a refresh calls: embeddings in, pseudo-labels out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from speechbrain_cadino.clusters.agglomerative import agglomerate, check_linkage, check_n_fine
from speechbrain_cadino.clusters.kmeans import KMeans
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main


@dataclass(frozen=True)
class Clustering:
    """K-means, and if wanted more clusters than wanted first, which are then merged.

    Arguments
    ---------
    n_clusters : int, optional
        None: given in each call.
    n_fine : int, optional
        Clusters of k-means before they are merged to ``n_clusters``; that takes 8 n_fine^2 bytes on rank 0, and
        minutes at tens of thousands, while the other ranks wait, however long.
    n_iter, seed, spherical, init :
        As of `KMeans`.
    linkage :
        As of `agglomerate`.

    Raises
    ------
    UserError
        If a setting makes no sense.

    Example
    -------
    >>> embeddings = torch.eye(3).repeat(4, 1).numpy()
    >>> labels, distances = Clustering(n_clusters=3, init="k-means++")(embeddings)
    >>> labels.shape, sorted(set(labels.tolist())), float(distances.max())
    ((12,), [0, 1, 2], 0.0)
    """

    n_clusters: int | None = None
    n_fine: int | None = None
    n_iter: int = 20
    seed: int = 0
    spherical: bool = True
    init: str = "sample"
    linkage: str = "ward"

    def __post_init__(self):
        least = 1 if self.n_clusters is None else self.n_clusters
        self._kmeans(least)
        self._check_fine(least)
        check_linkage(self.linkage)

    def __call__(
        self,
        embeddings: np.ndarray | torch.Tensor,
        n_clusters: int | None = None,
        device: torch.device | str | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cluster embeddings; on several ranks all must call it with the same ones, and all get the same result.

        Arguments
        ---------
        embeddings : np.ndarray or torch.Tensor
            (n, dim)
        n_clusters : int, optional
            In place of the setting, where a schedule gives it.
        device : torch.device or str, optional
            Where k-means computes. Default: where the embeddings are.

        Returns
        -------
        labels : np.ndarray
            (n,) int64, from 0; some clusters may have no items.
        distances : np.ndarray
            (n,) float32: as `KMeans.distances`, to the mean of the item's cluster.

        Raises
        ------
        UserError
            If the embeddings are no good, ``n_fine`` is not over ``n_clusters``, or memory lacks for merging.
        """
        n_clusters = self.n_clusters if n_clusters is None else n_clusters
        self._check_fine(n_clusters)
        self.check_memory(len(embeddings))  # before k-means, which takes its time
        merge = self.n_fine is not None and len(embeddings) > n_clusters
        kmeans = self._kmeans(self.n_fine if merge else n_clusters, device).fit(embeddings)
        if merge:
            self._merge(embeddings, kmeans, n_clusters)
        return kmeans.labels.cpu().numpy(), kmeans.distances.cpu().numpy()

    def check_memory(self, n_items: int) -> None:
        """Say how much memory merging will take for so many items, or raise a `UserError` if it is not there.

        A training that clusters hours later calls it at its start too. On several ranks all must call it: rank 0 looks,
        and where it refuses, all end.
        """
        if self.n_fine is not None:
            on_main(check_n_fine, min(self.n_fine, n_items))

    def _kmeans(self, n_clusters, device=None):
        return KMeans(n_clusters, self.spherical, self.n_iter, self.seed, self.init, device=device)

    def _check_fine(self, n_clusters):
        if self.n_fine is not None and self.n_fine <= n_clusters:
            raise UserError(f"n_fine is {self.n_fine} for {n_clusters} clusters: set it higher, or null for none.")

    def _merge(self, embeddings, kmeans, n_clusters):
        # Ward goes by differences, cosines by the directions from 0.
        centroids = kmeans.relative_centroids if self.linkage == "ward" else kmeans.centroids
        merged = on_main(agglomerate, centroids.cpu().numpy(), n_clusters, self.linkage)
        kmeans.merge(embeddings, torch.from_numpy(merged).to(kmeans.labels.device))
