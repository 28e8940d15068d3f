"""Embeddings with clusters that one can see."""

import numpy as np
import pytest


@pytest.fixture
def blobs():
    """Embeddings (600, 16) float32 around twelve directions, and the number of each one's direction."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 12, 600)
    means = 4 * np.eye(12, 16) + 0.5
    return (means[truth] + 0.3 * rng.normal(size=(600, 16))).astype(np.float32), truth
