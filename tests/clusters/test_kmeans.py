"""K-means against plain versions and scikit-learn; edges; what it leaves alone."""

import logging

import numpy as np
import pytest
import sklearn.cluster
import torch

from speechbrain_cadino.clusters import rows as rows_module
from speechbrain_cadino.clusters.kmeans import KMeans
from speechbrain_cadino.clusters.nearest import _assign_torch, assigner
from speechbrain_cadino.clusters.rows import Rows, blocks
from speechbrain_cadino.clusters.seeding import choose_rows
from speechbrain_cadino.utils.errors import UserError


def plain_kmeans(x, centroids, spherical, n_iter):
    """The textbook, in float64, with the same rule for empty clusters."""
    x, centroids = x.astype(np.float64), centroids.astype(np.float64)
    if spherical:
        x, centroids = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, centroids)]
    for step in range(n_iter + 1):
        distances = np.linalg.norm(x[:, None] - centroids[None], axis=2)
        labels = distances.argmin(axis=1)
        own = distances[np.arange(len(x)), labels]
        if step == n_iter:
            return labels, centroids, own
        empty = []
        for cluster in range(len(centroids)):
            members = x[labels == cluster]
            if len(members):
                mean = members.mean(axis=0)
                centroids[cluster] = mean / np.linalg.norm(mean) if spherical else mean
            else:
                empty.append(cluster)
        own = np.linalg.norm(x - centroids[labels], axis=1)
        for cluster, item in zip(empty, np.argsort(-own, kind="stable")):
            centroids[cluster] = x[item]


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("shape", [(50, 3, 4), (200, 8, 17), (333, 24, 60), (64, 2, 1), (700, 192, 30)])
@pytest.mark.parametrize("chunk_size", [None, 7])
def test_equals_the_textbook(shape, spherical, chunk_size, monkeypatch):
    monkeypatch.setattr(rows_module, "SUM_BLOCK", 100)
    monkeypatch.setattr(rows_module, "DISTANCE_BLOCK", 70)
    n_items, dim, n_clusters = shape
    rng = np.random.default_rng(n_items)
    x = rng.normal(size=(n_items, dim)).astype(np.float32) + 0.5
    init = x[rng.permutation(n_items)[:n_clusters]] + 0.1
    for n_iter in (1, 4):
        kmeans = KMeans(n_clusters, spherical, n_iter, chunk_size=chunk_size).fit(x, init=init)
        labels, centroids, distances = plain_kmeans(x, init, spherical, n_iter)
        np.testing.assert_array_equal(kmeans.labels, labels)
        np.testing.assert_allclose(kmeans.centroids, centroids, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(kmeans.distances, distances, rtol=1e-4, atol=1e-5)
        assert kmeans.inertia == pytest.approx(np.sum(distances**2), rel=1e-5)
    assert kmeans.labels.dtype == torch.int64 and kmeans.centroids.dtype == kmeans.distances.dtype == torch.float32


@pytest.mark.parametrize("spherical", [True, False])
def test_the_assignment_of_a_gpu_is_that_of_a_cpu(blobs, spherical):
    rows, shard = Rows(torch.from_numpy(blobs[0]), normalise=False), slice(30, 571)
    centroids = rows.take(slice(100, 140))
    offsets = None if spherical else -centroids.square().sum(dim=1) / 2
    labels, others = torch.zeros(541, dtype=torch.int64), torch.zeros(541, dtype=torch.int64)
    with assigner(rows, shard, 40, chunk_size=50) as assign:
        changed = assign(labels, centroids, offsets)
        assert assign(labels, centroids, offsets) == 0
    assert changed == labels.count_nonzero() > 500
    assert _assign_torch(rows, list(blocks(shard, 64)), others, centroids, offsets) == changed
    assert torch.equal(labels, others)


def test_empty_clusters_take_the_farthest_items():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    init = np.concatenate([x[:10], np.full((5, 6), 100, np.float32)])  # five that nobody is near to
    for n_iter in (1, 2, 6):
        kmeans = KMeans(15, spherical=False, n_iter=n_iter).fit(x, init=init)
        labels, centroids, _ = plain_kmeans(x, init, False, n_iter)
        np.testing.assert_array_equal(kmeans.labels, labels)
        np.testing.assert_allclose(kmeans.centroids, centroids, rtol=1e-4, atol=1e-5)
        assert len(np.unique(labels)) == 15


@pytest.mark.parametrize("n_iter", [1, 3, 10])
def test_inertia_and_labels_of_scikit_learn(n_iter):
    x = np.random.default_rng(n_iter).normal(size=(900, 16)).astype(np.float32)
    ours = KMeans(20, spherical=False, n_iter=n_iter).fit(x, init=x[:20])
    theirs = sklearn.cluster.KMeans(20, init=x[:20], n_init=1, tol=0, max_iter=n_iter, algorithm="lloyd").fit(x)
    assert ours.inertia == pytest.approx(theirs.inertia_, rel=1e-4)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)


@pytest.mark.parametrize("init", ["sample", "k-means++"])
def test_same_seed_same_result_and_the_process_is_left_alone(blobs, init):
    x, _ = blobs
    torch.manual_seed(3)
    np.random.seed(3)
    expected, np_expected = torch.rand(2), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    threads = torch.get_num_threads()
    runs = [KMeans(30, seed=seed, init=init, n_iter=3).fit(x) for seed in (5, 5, 6)]
    assert torch.equal(runs[0].labels, runs[1].labels) and torch.equal(runs[0].centroids, runs[1].centroids)
    assert not torch.equal(runs[0].centroids, runs[2].centroids)
    assert torch.equal(torch.rand(2), expected) and np.random.rand() == np_expected
    assert torch.get_num_threads() == threads


def test_any_number_of_threads_gives_the_same_bits(blobs):
    x, _ = blobs
    threads, results = torch.get_num_threads(), []
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            results.append(KMeans(40, n_iter=5, chunk_size=16).fit(x))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0].labels, results[1].labels)
    assert torch.equal(results[0].centroids, results[1].centroids)


def test_kmeans_plus_plus_begins_better(blobs):
    inertias = {
        init: [KMeans(12, init=init, n_iter=1, seed=seed).fit(blobs[0]).inertia for seed in range(10)]
        for init in ("sample", "k-means++")
    }
    assert np.mean(inertias["k-means++"]) < 0.8 * np.mean(inertias["sample"])


def test_kmeans_plus_plus_draws_by_squared_distance():
    x = np.array([[0.0], [1.0], [3.0]], np.float32)
    seconds = np.zeros((3, 3))
    for seed in range(3000):
        first, second = choose_rows(Rows(x, normalise=False), 2, "k-means++", seed).tolist()
        seconds[first, second] += 1
    np.testing.assert_allclose(seconds.sum(axis=1) / 3000, 1 / 3, atol=0.04)
    shares = seconds / seconds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, [[0, 0.1, 0.9], [0.2, 0, 0.8], [9 / 13, 4 / 13, 0]], atol=0.06)


@pytest.mark.parametrize("init", ["sample", "k-means++"])
def test_more_clusters_than_items(blobs, init, caplog):
    x = blobs[0][:9]
    with caplog.at_level(logging.WARNING):
        kmeans = KMeans(50, init=init).fit(x)
    assert "n_clusters is 50 for 9 embeddings" in caplog.text
    assert sorted(kmeans.labels.tolist()) == list(range(9)) and kmeans.centroids.shape == (9, 16)
    assert kmeans.inertia == pytest.approx(0, abs=1e-10)


def test_every_cluster_a_singleton(blobs):
    kmeans = KMeans(600).fit(blobs[0])
    assert sorted(kmeans.labels.tolist()) == list(range(600))
    assert kmeans.distances.max() < 1e-6


@pytest.mark.parametrize("init", ["sample", "k-means++"])
@pytest.mark.parametrize("spherical", [True, False])
def test_all_embeddings_equal(init, spherical):
    kmeans = KMeans(4, spherical, init=init).fit(np.full((30, 5), 0.3))
    assert kmeans.labels.unique().numel() == 1
    assert kmeans.distances.max() < 1e-6


def test_one_cluster_and_one_item(blobs):
    x, _ = blobs
    kmeans = KMeans(1, spherical=False).fit(x)
    assert kmeans.labels.eq(0).all()
    np.testing.assert_allclose(kmeans.centroids[0], x.mean(axis=0), rtol=1e-5)
    assert KMeans(1).fit(x[:1]).labels.tolist() == [0]


def test_rows_of_zeros_and_opposite_rows_are_no_trouble():
    kmeans = KMeans(1).fit(np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]))
    assert kmeans.labels.tolist() == [0, 0, 0]
    assert kmeans.centroids.isfinite().all() and kmeans.distances.isfinite().all()


@pytest.mark.parametrize("kind", ["float64", "float16", "memmap", "tensor", "bfloat16", "grad"])
def test_any_kind_of_embeddings(blobs, kind, tmp_path):
    x, _ = blobs
    expected = KMeans(12, seed=1).fit(x).labels
    if kind == "memmap":
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    elif kind in ("float16", "float64"):
        x = x.astype(kind)
    else:
        x = torch.from_numpy(x).requires_grad_(kind == "grad")
        x = x.bfloat16() if kind == "bfloat16" else x
    kmeans = KMeans(12, seed=1).fit(x)
    assert kmeans.labels.eq(expected).sum() >= (594 if "16" in kind else 600)
    assert not kmeans.centroids.requires_grad


def test_embeddings_are_left_as_they_were(blobs):
    x, _ = blobs
    before = x.copy()
    init = x[:7].copy()
    KMeans(7, spherical=False).fit(x, init=init)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(init, before[:7])


def test_it_ends_when_nothing_changes(blobs, caplog):
    with caplog.at_level(logging.INFO):
        KMeans(12, init="k-means++", n_iter=500).fit(blobs[0])
    assert 2 < len(caplog.messages) < 100 and caplog.messages[-1].endswith(" 0 items change cluster")


def test_merged_clusters_have_the_means_of_their_members(blobs):
    x, _ = blobs
    kmeans = KMeans(30, spherical=False).fit(x)
    fine = kmeans.labels.numpy().copy()
    mapping = torch.arange(30) % 4
    kmeans.merge(x, mapping)
    labels = fine % 4
    np.testing.assert_array_equal(kmeans.labels, labels)
    means = np.stack([x[labels == cluster].mean(axis=0) for cluster in range(4)])
    np.testing.assert_allclose(kmeans.centroids, means, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(kmeans.distances, np.linalg.norm(x - means[labels], axis=1), rtol=1e-4)
    assert kmeans.inertia == pytest.approx(float(np.sum((x - means[labels]) ** 2)), rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite(blobs, bad):
    x = blobs[0].copy()
    x[17, 3] = bad
    with pytest.raises(UserError, match="not finite"):
        KMeans(5).fit(x)


def test_mistakes(blobs):
    for settings, word in (({"n_clusters": 0}, "n_clusters"), ({"n_iter": 0}, "n_iter"), ({"init": "best"}, "init")):
        with pytest.raises(UserError, match=f"^{word} is"):
            KMeans(**{"n_clusters": 3, **settings})
    with pytest.raises(UserError, match="no embeddings"):
        KMeans(3).fit(np.zeros((0, 4)))
    with pytest.raises(ValueError, match="init must be"):
        KMeans(3).fit(blobs[0], init=blobs[0][:4])
    with pytest.raises(ValueError, match=r"\(n, dim\)"):
        KMeans(3).fit(blobs[0][0])


@pytest.mark.parametrize("offset", [0, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("init", ["sample", "k-means++"])
def test_far_from_0_the_nearest_centroid_is_found_too(offset, dtype, init):
    rng = np.random.default_rng(0)
    centers = 8 * rng.normal(size=(30, 16))
    x = (centers[rng.integers(30, size=2000)] + rng.normal(size=(2000, 16)) + offset * rng.normal(size=16)).astype(
        dtype
    )
    for given in (x, torch.from_numpy(x)):
        kmeans = KMeans(30, spherical=False, n_iter=200, init=init).fit(given)  # to the end
        exact = x.astype(np.float64)
        members = [exact[kmeans.labels == cluster].mean(axis=0) for cluster in range(30)]
        distances = np.linalg.norm(exact[:, None] - np.stack(members), axis=2)
        own = distances[np.arange(2000), kmeans.labels]
        np.testing.assert_allclose(own, distances.min(axis=1), rtol=1e-4)
        np.testing.assert_allclose(kmeans.distances, own, rtol=1e-3)
        np.testing.assert_allclose(kmeans.centroids, members, atol=1e-6 * max(offset, 10))


def test_an_offset_changes_nothing():
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=(500, 8)) * 64) / 64  # exact at every offset that is a power of two
    labels = [KMeans(20, spherical=False, n_iter=5).fit(x + offset).labels for offset in (0.0, 2.0**10, -(2.0**17))]
    assert torch.equal(labels[0], labels[1]) and torch.equal(labels[0], labels[2])


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("n_clusters", [1, 5])
def test_embeddings_that_are_not_finite_are_named(spherical, bad, n_clusters):
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    x[[17, 30], 2] = bad
    with pytest.raises(UserError, match="2 of 40 embeddings are not finite, the first that of row 17"):
        KMeans(n_clusters, spherical).fit(x)
