"""What noise is, and what is none: by both who choose clusters by their silhouette."""

import logging

import numpy as np
import pytest

from speechbrain_cadino.clusters.choice import directions_of
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.noise import noise_like
from speechbrain_cadino.clusters.pairs import clusters_by_silhouette
from speechbrain_cadino.utils.errors import UserError


def noise(n, dim, decay=0.0, offset=0.0, seed=0):
    """(n, dim): Gaussian, the k-th of its axes k^-decay wide; ``offset``: how far from 0, in its lengths."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, dim)) * np.arange(1, dim + 1) ** -decay
    rows = rows @ np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    return rows + offset * np.linalg.norm(rows, axis=1).mean() * np.eye(dim)[0]


def speakers(n_speakers, dim=64, spread=0.6, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_speakers), rng.integers(1, 12, n_speakers))
    return rng.standard_normal((n_speakers, dim))[truth] + spread * rng.standard_normal((len(truth), dim))


NOISES = [
    (100, 64, 0.0, 0.0),
    (100, 192, 1.0, 0.0),
    (200, 192, 0.5, 2.0),
    (300, 64, 0.0, 1.0),
    (300, 64, 2.0, 0.0),
    (500, 192, 0.0, 0.0),
]


@pytest.mark.parametrize("n, dim, decay, offset", NOISES)
def test_noise_has_no_clusters(n, dim, decay, offset, caplog):
    rows = noise(n, dim, decay, offset)
    with pytest.raises(UserError, match="No number of clusters of the"):
        clusters_by_silhouette(directions_of(rows - rows.mean(0)))
    labels, _ = Clustering(n_clusters="auto", n_fine=n, size_power="auto")(rows.astype(np.float32))
    assert len(labels) == n  # a refresh amid a training goes on
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told.startswith("No number of clusters stands out") and "rain the encoder for longer" in told


def test_noise_that_kmeans_has_clustered_first_has_none_either(caplog):
    Clustering(n_clusters="auto", n_fine=150)(noise(2000, 32).astype(np.float32))
    assert "stands out from noise: the best" in caplog.text


@pytest.mark.parametrize("n_speakers, offset", [(12, 0.0), (30, 0.0), (30, 2.0)])
def test_speakers_are_no_noise(n_speakers, offset, caplog):
    rows = speakers(n_speakers)
    rows = rows + offset * np.linalg.norm(rows, axis=1).mean() * np.eye(64)[0]
    found = clusters_by_silhouette(directions_of(rows - rows.mean(0))).max() + 1
    assert abs(found - n_speakers) <= 0.2 * n_speakers
    Clustering(n_clusters="auto", n_fine=len(rows), size_power="auto")(rows.astype(np.float32))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("decay, offset", [(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)])
def test_noise_like_has_the_mean_and_the_variances(decay, offset):
    directions = directions_of(noise(2000, 16, decay, offset))
    found = noise_like(directions, np.random.default_rng(1))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(found.mean(0), directions.mean(0), atol=0.05)
    axes = np.linalg.svd(directions - directions.mean(0), full_matrices=False)[2]
    ours, theirs = ((rows @ axes.T).std(0) for rows in (found, directions))
    np.testing.assert_allclose(ours, theirs, rtol=0.1)


def test_rows_that_are_all_alike_are_noise():
    np.testing.assert_array_equal(noise_like(np.tile([0.6, 0.8], (5, 1)), np.random.default_rng(0)), [[0.6, 0.8]] * 5)
