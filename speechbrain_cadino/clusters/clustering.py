"""What the YAML names and a refresh calls: embeddings in, pseudo-labels out."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch

from speechbrain_cadino.clusters.agglomerative import agglomerate, check_finite, check_linkage, check_n_fine
from speechbrain_cadino.clusters.choice import AUTO, SIZE_POWERS, candidates, choose_clusters
from speechbrain_cadino.clusters.kmeans import KMeans
from speechbrain_cadino.clusters.merging import cut_tree, merge_tree
from speechbrain_cadino.clusters.noise import are_noise, clusters_and_noise
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.settings.kinds import is_whole

logger = logging.getLogger(__name__)
LEAST_FINE = 4  # of which auto has two numbers to choose from


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

    def __post_init__(self):
        for name, auto in (("n_clusters", True), ("n_fine", False)):
            value = getattr(self, name)
            if not (value is None or auto and value == AUTO or is_whole(value)):
                raise UserError(f"{name} is {value}: set a whole number{', or auto' if auto else ', or null'}.")
        self._kmeans(1 if self.n_clusters in (None, AUTO) else self.n_clusters)
        self._check_fine(self.n_clusters or 1)
        check_linkage(self.linkage)
        if self.size_power != AUTO and not (isinstance(self.size_power, (int, float)) and 0 <= self.size_power <= 1):
            raise UserError(f"size_power is {self.size_power}: set 1 for Ward's method, less for uneven clusters.")
        if self.size_power != 1 and (self.linkage != "ward" or self.n_fine is None):
            raise UserError(
                f"size_power is {self.size_power}, and linkage {self.linkage} with n_fine {self.n_fine} knows none: "
                "set ward and an n_fine, or size_power to 1 (--clustering '{size_power: 1}')."
            )

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
        merge = self.n_fine is not None and (n_clusters == AUTO or len(embeddings) > n_clusters)
        # Of n_fine there may be more than embeddings: then each is merged by itself, which is what was wanted.
        n_first = min(self.n_fine, max(1, len(embeddings))) if merge else n_clusters
        kmeans = self._kmeans(n_first, device).fit(embeddings)
        if merge:
            self._merge(embeddings, kmeans, n_clusters)
        return kmeans.labels.cpu().numpy(), kmeans.distances.cpu().numpy()

    def check(self, n_clusters: int | str | None) -> None:
        """Raise the `UserError` that a call for so many clusters would; a training that clusters later asks first."""
        if n_clusters is None:
            raise UserError("n_clusters is null: set a number, or auto.")
        self._check_fine(n_clusters)

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
        if n_clusters == AUTO:
            if self.n_fine is None or self.linkage != "ward":
                raise UserError(
                    f"n_clusters is auto, n_fine {self.n_fine} and linkage {self.linkage}: auto chooses among merges, "
                    "so set n_fine, some times the clusters you expect, and ward."
                )
            if self.n_fine < LEAST_FINE:
                raise UserError(
                    f"n_clusters is auto and n_fine {self.n_fine}, which leaves no choice: set n_fine higher, some "
                    "times the clusters you expect."
                )
        elif self.n_fine is not None and self.n_fine <= n_clusters:
            raise UserError(f"n_fine is {self.n_fine} for {n_clusters} clusters: set it higher, or null for none.")

    def _merge(self, embeddings, kmeans, n_clusters):
        # Ward goes by differences, cosines by the directions from 0.
        centroids = kmeans.relative_centroids if self.linkage == "ward" else kmeans.centroids
        merged = on_main(self._merged, embeddings, centroids.cpu().numpy(), kmeans.labels.cpu().numpy(), n_clusters)
        kmeans.merge(embeddings, torch.from_numpy(merged).to(kmeans.labels.device))

    def _merged(self, embeddings, centroids, labels, n_clusters):
        """The new cluster of each centroid (n_fine,)."""
        if self.size_power == 1 and n_clusters != AUTO:
            return agglomerate(centroids, n_clusters, self.linkage)
        check_finite(centroids)
        sizes = np.bincount(labels, minlength=len(centroids)).clip(1)
        powers = SIZE_POWERS if self.size_power == AUTO else [self.size_power]
        trees = {power: merge_tree(centroids, sizes, power) for power in powers}
        if n_clusters != AUTO and self.size_power != AUTO:
            return cut_tree(trees[self.size_power], n_clusters)
        numbers = candidates(len(centroids)) if n_clusters == AUTO else [n_clusters]
        merged, tried = choose_clusters(embeddings, labels, trees, numbers, seed=self.seed, normalise=True)
        if n_clusters == AUTO:
            power = next(row["size_power"] for row in tried if row["taken"])
            self._tell_doubts(merged, numbers[0], len(labels), centroids, power, sizes)
        return merged

    def _tell_doubts(self, merged, fewest, n_items, centroids, power, sizes):
        found = merged.max() + 1
        if found <= fewest:
            logger.warning(
                "No number of clusters stands out by its silhouette, so n_clusters auto takes the fewest, %d, for %d "
                "utterances: give n_clusters, or train the encoder for longer.", found, n_items,
            )  # fmt: skip
            return
        own, of_noise = clusters_and_noise(centroids, merged, power, sizes, self.seed)
        if are_noise(own, of_noise):
            logger.warning(
                "No number of clusters stands out from noise: the best, %d, which n_clusters auto takes for %d "
                "utterances, has the silhouette %.3f, as many clusters of noise have %.3f. Train the encoder for "
                "longer, or give n_clusters.", found, n_items, own, of_noise,
            )  # fmt: skip
