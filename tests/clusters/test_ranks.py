"""Two gloo ranks find what one process does."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from . import two_ranks


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the two ranks found."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, two_ranks.__file__, folder], env=environment, check=True, timeout=120)
    return [torch.load(folder / f"rank-{number}.pt", weights_only=False) for number in range(two_ranks.WORLD)]


@pytest.fixture(scope="module")
def alone():
    return two_ranks.run_all()


@pytest.mark.parametrize("name", [*two_ranks.SETTINGS, "more clusters than items", "one item"])
def test_kmeans_is_the_same_on_both_ranks_and_on_one(ranks, alone, name):
    first, second = [rank[name] for rank in ranks]
    for attribute in ("labels", "centroids", "distances"):
        assert torch.equal(first[attribute], second[attribute]), attribute
    assert torch.equal(first["labels"], alone[name]["labels"])
    assert first["labels"].unique().numel() > 1 or name.startswith("one")
    torch.testing.assert_close(first["centroids"], alone[name]["centroids"])
    torch.testing.assert_close(first["distances"], alone[name]["distances"], rtol=1e-4, atol=1e-6)
    assert first["inertia"] == second["inertia"] == pytest.approx(alone[name]["inertia"], rel=1e-4, abs=1e-6)


def test_merged_clusters_are_the_same_on_both_ranks_and_on_one(ranks, alone):
    for labels, distances in (ranks[0]["merged"], ranks[1]["merged"]):
        np.testing.assert_array_equal(labels, alone["merged"][0])
        np.testing.assert_allclose(distances, alone["merged"][1], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ranks[0]["merged"][1], ranks[1]["merged"][1])


@pytest.mark.parametrize("how", two_ranks.JOINS)
def test_joint_clusters_are_the_same_on_both_ranks_and_on_one(how, ranks, alone):
    for items, labels, distances in (ranks[0][how], ranks[1][how]):
        np.testing.assert_array_equal(items, alone[how].items)
        np.testing.assert_array_equal(labels, alone[how].labels)
        np.testing.assert_allclose(distances, alone[how].distances, rtol=1e-4, atol=1e-5)
    assert len(alone[how].items) < 201 and len(np.unique(alone[how].labels)) > 5


def test_where_memory_lacks_all_ranks_end_and_one_says_why(ranks, alone):
    assert [rank["refused"] for rank in ranks] == [("UserError", False), ("MainRankError", True)]
    assert alone["refused"] == ("UserError", False)
