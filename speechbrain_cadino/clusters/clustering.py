"""What the YAML names and a refresh calls: embeddings in, pseudo-labels out."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from speechbrain_cadino.clusters.agglomerative import check_n_fine
from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.clusters.clustering_checks import check_fine, check_settings
from speechbrain_cadino.clusters.kmeans import KMeans
from speechbrain_cadino.clusters.leaves import merge_leaves
from speechbrain_cadino.clusters.rounds import cluster_in_rounds
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main


@dataclass(frozen=True)
class Clustering:
    """K-means, and if wanted more clusters than wanted first, which are then merged.

    Arguments
    ---------
    n_clusters : int or "auto", optional
        None: given in each call. "auto": as many as `choose_clusters` finds, for which ``n_fine`` is needed.
    n_fine : int, optional
        Clusters of k-means before they are merged to ``n_clusters``; that takes 8 n_fine^2 bytes on rank 0, and
        minutes at tens of thousands, while the other ranks wait, however long.
    n_iter, seed, spherical, init :
        As of `KMeans`.
    linkage :
        As of `agglomerate`.
    size_power : float or "auto"
        With the linkage "ward": how much large clusters resist a merge, see `merge_tree`, which weighs each cluster of
        k-means by its items. "auto": what `choose_clusters` finds, of `SIZE_POWERS`. 1: Ward's method; then each
        cluster of k-means counts as one with a given ``n_clusters``, as in `agglomerate`, and by its items with "auto".
    plda_rounds : int
        How often clusters are made again of what a PLDA on them says, see `cluster_in_rounds`.

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

    n_clusters: int | str | None = None
    n_fine: int | None = None
    n_iter: int = 20
    seed: int = 0
    spherical: bool = True
    init: str = "sample"
    linkage: str = "ward"
    size_power: float | str = 1.0
    plda_rounds: int = 0

    def __repr__(self):  # without plda_rounds that are 0: runs of before it was there have kept it so
        shown = [field.name for field in fields(self) if field.name != "plda_rounds" or self.plda_rounds]
        return f"Clustering({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __post_init__(self):
        check_settings(self)
        self._kmeans(1 if self.n_clusters in (None, AUTO) else self.n_clusters)

    def __call__(
        self,
        embeddings: np.ndarray | torch.Tensor,
        n_clusters: int | str | None = None,
        device: torch.device | str | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cluster embeddings; on several ranks all must call it with the same ones, and all get the same result.

        Arguments
        ---------
        embeddings : np.ndarray or torch.Tensor
            (n, dim)
        n_clusters : int or "auto", optional
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
        self.check(n_clusters)
        self.check_memory(len(embeddings))  # before k-means, which takes its time
        device = getattr(embeddings, "device", None) if device is None else device
        return cluster_in_rounds(lambda x: self._once(x, n_clusters, device), embeddings, self.plda_rounds, self.seed)

    def _once(self, embeddings, n_clusters, device):
        merge = self.n_fine is not None and (n_clusters == AUTO or len(embeddings) > n_clusters)
        # Of n_fine there may be more than embeddings: then each is merged by itself, which is what was wanted.
        n_first = min(self.n_fine, max(1, len(embeddings))) if merge else n_clusters
        kmeans = self._kmeans(n_first, device).fit(embeddings)
        if merge:
            self._merge(embeddings, kmeans, self._points(kmeans), n_clusters)
        return kmeans.labels.cpu().numpy(), kmeans.distances.cpu().numpy()

    def merge(
        self,
        embeddings: np.ndarray,
        first: np.ndarray,
        points: np.ndarray,
        n_clusters: int | str | None = None,
        device: torch.device | str | None = None,
        weigh: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As a call, but clusters that come from elsewhere are merged, in place of those of k-means.

        Of more than ``n_fine`` k-means first makes so many, each weighed by its items, which takes n copies of points;
        without ``n_fine`` it makes those that are wanted.

        Arguments
        ---------
        embeddings : np.ndarray
            (n, dim): the items, of which the silhouette is, where it chooses, and the distances.
        first : np.ndarray
            (n,) int64, from 0: the cluster of each item; each has one.
        points : np.ndarray
            (clusters, any) float32: what stands for each where they are merged.
        n_clusters, device :
            As of a call.
        weigh : bool
            As of `merge_leaves`.

        Returns
        -------
        labels, distances : np.ndarray
        """
        if self.plda_rounds:
            raise UserError(
                f"plda_rounds is {self.plda_rounds}, and of several modalities it is not done: set it to 0."
            )
        n_clusters = self.n_clusters if n_clusters is None else n_clusters
        self.check(n_clusters)
        most = n_clusters if self.n_fine is None else self.n_fine
        if len(points) > most:
            kmeans = self._kmeans(most, device).fit(points[first])
            used, first = np.unique(kmeans.labels.cpu().numpy(), return_inverse=True)
            points = self._points(kmeans)[used]
        kmeans = self._kmeans(len(points), device)
        kmeans.labels = torch.from_numpy(first).to(device or "cpu")
        self._merge(embeddings, kmeans, points, n_clusters, weigh)
        return kmeans.labels.cpu().numpy(), kmeans.distances.cpu().numpy()

    def check(self, n_clusters: int | str | None) -> None:
        """Raise the `UserError` that a call for so many clusters would; a training that clusters later asks first."""
        if n_clusters is None:
            raise UserError("n_clusters is null: set a number, or auto.")
        check_fine(n_clusters, self.n_fine, self.linkage)

    def check_memory(self, n_items: int) -> None:
        """Say how much memory merging will take for so many items, or raise a `UserError` if it is not there.

        A training that clusters hours later calls it at its start too. On several ranks all must call it: rank 0 looks,
        and where it refuses, all end.
        """
        if self.n_fine is not None:
            on_main(check_n_fine, min(self.n_fine, n_items))

    def _kmeans(self, n_clusters, device=None):
        return KMeans(n_clusters, self.spherical, self.n_iter, self.seed, self.init, device=device)

    def _points(self, kmeans):
        # Ward goes by differences, cosines by the directions from 0.
        return (kmeans.relative_centroids if self.linkage == "ward" else kmeans.centroids).cpu().numpy()

    def _merge(self, embeddings, kmeans, points, n_clusters, weigh=True):
        how = n_clusters, self.linkage, self.size_power, self.seed, weigh
        merged = on_main(merge_leaves, embeddings, points, kmeans.labels.cpu().numpy(), *how)
        kmeans.merge(embeddings, torch.from_numpy(merged).to(kmeans.labels.device))
