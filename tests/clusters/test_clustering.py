"""The object that a YAML names: k-means alone or merged, schedules, memory, mistakes."""

import numpy as np
import pytest
import sklearn.metrics
import torch
from hyperpyyaml import load_hyperpyyaml

from speechbrain_cadino.clusters.agglomerative import agglomerate
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.kmeans import KMeans
from speechbrain_cadino.utils import memory
from speechbrain_cadino.utils.errors import UserError


def test_kmeans_alone(blobs):
    x, _ = blobs
    labels, distances = Clustering(9, n_iter=5, seed=3, spherical=False, init="k-means++")(x)
    kmeans = KMeans(9, n_iter=5, seed=3, spherical=False, init="k-means++").fit(x)
    np.testing.assert_array_equal(labels, kmeans.labels)
    np.testing.assert_array_equal(distances, kmeans.distances)
    assert labels.dtype == np.int64 and distances.dtype == np.float32


@pytest.mark.parametrize("setting", [{"n_iter": 1}, {"seed": 4}, {"spherical": False}, {"init": "k-means++"}])
def test_every_setting_of_kmeans_changes_the_result(blobs, setting):
    x, _ = blobs
    assert not np.array_equal(Clustering(20)(x)[1], Clustering(20, **setting)(x)[1])


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_merged_clusters_find_the_blobs(blobs, linkage, as_tensor):
    x, truth = blobs
    clustering = Clustering(12, n_fine=80, linkage=linkage)
    labels, distances = clustering(torch.from_numpy(x) if as_tensor else x)
    assert sklearn.metrics.adjusted_rand_score(truth, labels) == 1
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    for cluster in range(12):
        mean = directions[labels == cluster].sum(axis=0)
        expected = np.linalg.norm(directions[labels == cluster] - mean / np.linalg.norm(mean), axis=1)
        np.testing.assert_allclose(distances[labels == cluster], expected, rtol=1e-4, atol=1e-6)


def test_linkage_changes_the_merging():
    points = np.random.default_rng(0).normal(size=(200, 8))
    results = [agglomerate(points, 20, linkage) for linkage in ("ward", "average", "complete")]
    assert all(len(np.unique(labels)) == 20 for labels in results)
    scores = [sklearn.metrics.adjusted_rand_score(results[i], results[i - 1]) for i in range(3)]
    assert max(scores) < 0.9


def test_a_schedule_gives_the_number_of_clusters(blobs):
    clustering = Clustering(12)
    assert [len(np.unique(clustering(blobs[0], n)[0])) for n in (None, 3, 30)] == [12, 3, 30]
    assert len(np.unique(Clustering(12, n_fine=50)(blobs[0], 7)[0])) == 7


@pytest.mark.parametrize("n_items", [1, 5, 8, 40])
def test_small_corpora(blobs, n_items):
    labels, distances = Clustering(8, n_fine=100)(blobs[0][:n_items])
    assert len(np.unique(labels)) == min(8, n_items) and labels.max() < 8
    assert np.isfinite(distances).all()


def test_all_equal_with_merging():
    labels, distances = Clustering(3, n_fine=10)(np.ones((20, 4), np.float32))
    assert len(np.unique(labels)) == 1 and distances.max() < 1e-6


def test_too_little_memory_is_told_before_kmeans_begins(blobs, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 8 * 100**2 - 1)
    monkeypatch.setattr(KMeans, "fit", None)
    with pytest.raises(UserError, match="n_fine = 100 centroids takes .* available: lower n_fine"):
        Clustering(12, n_fine=100)(blobs[0])


def test_mistakes(blobs):
    with pytest.raises(UserError, match="^n_fine is 12 for 12 clusters"):
        Clustering(12, n_fine=12)
    with pytest.raises(UserError, match="^n_fine is 20 for 25 clusters"):
        Clustering(12, n_fine=20)(blobs[0], 25)
    with pytest.raises(UserError, match="^linkage is 'single'"):
        Clustering(12, linkage="single")
    with pytest.raises(UserError, match="^init is"):
        Clustering(12, init="random")


def test_a_yaml_builds_it():
    yaml = "clustering: !new:speechbrain_cadino.clusters.clustering.Clustering\n    n_clusters: 150\n    n_fine: null\n"
    assert load_hyperpyyaml(yaml)["clustering"] == Clustering(150)


def test_merging_far_from_0(blobs):
    x = blobs[0][:400].astype(np.float64)
    near, far = (Clustering(12, n_fine=100, spherical=False)(x + offset)[0] for offset in (0, 1e6))
    assert sklearn.metrics.adjusted_rand_score(near, far) == 1


def test_centroids_that_are_not_finite():
    with pytest.raises(UserError, match="centroids are not finite"):
        agglomerate(np.array([[1.0, 0.0], [np.nan, 1.0], [0.0, 1.0]]), 2)
