"""Clusters in rounds: what PLDA on the first ones adds, and where it cannot be fitted."""

import logging

import numpy as np
import pytest

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.mutual_information import adjusted_mutual_information
from speechbrain_cadino.clusters.rounds import cluster_in_rounds
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.plda_fit import fit_plda


def speakers_under_a_channel(n_speakers=30, each=12, dim=16):
    """Speakers that lie apart in half of the dimensions; the recording moves the others as far."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(n_speakers), each)
    x = 0.25 * rng.normal(size=(len(labels), dim))
    x[:, : dim // 2] += rng.normal(size=(n_speakers, dim // 2))[labels]
    x[:, dim // 2 :] += 1.1 * rng.normal(size=(len(labels), dim - dim // 2))
    return x.astype(np.float32), labels


def test_a_round_finds_speakers_under_a_channel():
    x, speakers = speakers_under_a_channel()
    found = [Clustering(30, n_fine=120, plda_rounds=n)(x)[0] for n in range(4)]
    agreement = [adjusted_mutual_information(labels, speakers) for labels in found]
    assert agreement[0] + 0.05 < agreement[1] < agreement[3], agreement


@pytest.mark.parametrize(
    "settings", [dict(n_clusters=20), dict(n_clusters=20, n_fine=90), dict(n_clusters="auto", n_fine=90)]
)
def test_rounds_are_what_they_say(settings):
    x, _ = speakers_under_a_channel()
    plain = Clustering(**settings, seed=3)
    labels = plain(x)[0]
    for _ in range(2):
        labels, distances = plain(fit_plda(x, labels, shrinkage=0.1, seed=3).latent(x).astype(np.float32))
    found = Clustering(**settings, seed=3, plda_rounds=2)(x)
    np.testing.assert_array_equal(found[0], labels)
    np.testing.assert_array_equal(found[1], distances)
    np.testing.assert_array_equal(Clustering(**settings, seed=3, plda_rounds=0)(x)[0], plain(x)[0])


def test_no_rounds_where_there_is_one_cluster_of_two(caplog):
    x, _ = speakers_under_a_channel()
    caplog.set_level(logging.WARNING)
    first = np.arange(len(x))
    calls = []

    def cluster(rows):
        calls.append(rows)
        return first, np.zeros(len(x), np.float32)

    labels, _ = cluster_in_rounds(cluster, x, 3)
    assert len(calls) == 1 and labels is first
    assert caplog.text.count("Round 1 of plda_rounds is not made, nor any after it: PLDA has 360 labels") == 1


@pytest.mark.parametrize("n_rounds", [-1, 1.5, True, "auto", None])
def test_rounds_are_a_number(n_rounds):
    with pytest.raises(UserError, match="plda_rounds is"):
        Clustering(3, plda_rounds=n_rounds)


def test_several_modalities_have_none():
    with pytest.raises(UserError, match="plda_rounds is 1, and of several modalities"):
        Clustering(3, plda_rounds=1).merge(np.eye(4), np.arange(4), np.eye(4))


def test_what_runs_have_kept_of_their_clustering_stays():
    """labels.json and the record of a run hold this text; without rounds it is as it was before there were any."""
    assert str(Clustering(5, n_fine=9)) == (
        "Clustering(n_clusters=5, n_fine=9, n_iter=20, seed=0, spherical=True, init='sample', linkage='ward', "
        "size_power=1.0)"
    )
    assert str(Clustering(5, plda_rounds=2)).endswith("size_power=1.0, plda_rounds=2)")
