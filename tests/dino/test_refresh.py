"""When clusters are made anew, and that nothing of them is lost in a checkpoint."""

import numpy as np
import pytest

from speechbrain_cadino.dino.refresh import Clusters, RefreshSchedule
from speechbrain_cadino.utils.errors import UserError


def epochs_of_clusterings(schedule, epochs, last=None):
    made = []
    for epoch in epochs:
        if schedule.is_due(epoch, last):
            made.append(epoch)
            last = epoch
    return made


@pytest.mark.parametrize(
    "start_epoch, every, expected",
    [(0, 1, [1, 2, 3, 4, 5, 6]), (2, 3, [3, 6]), (5, 1, [6]), (6, 1, []), (90, 5, []), (0, 10, [1])],
)
def test_when_clusters_are_made(start_epoch, every, expected):
    schedule = RefreshSchedule(start_epoch, every, 7)
    assert epochs_of_clusterings(schedule, range(1, 7)) == expected


def test_full_scale():
    made = epochs_of_clusterings(RefreshSchedule(90, 5, 7), range(1, 151))
    assert made == list(range(91, 151, 5))


def test_a_run_that_starts_late_is_clustered_at_once():
    assert epochs_of_clusterings(RefreshSchedule(90, 5, 7), range(138, 151)) == [138, 143, 148]


@pytest.mark.parametrize(
    "n_clusters, expected",
    [
        (7, [7, 7, 7, 7]),
        ([7], [7, 7, 7, 7]),
        ([9, 6, 3], [9, 6, 3, 3]),
        ([3, 6], [3, 6, 6, 6]),
        (np.int64(7), [7, 7, 7, 7]),
        ("auto", ["auto"] * 4),
    ],
)
def test_how_many_clusters(n_clusters, expected):
    schedule = RefreshSchedule(0, 1, n_clusters)
    assert [schedule.clusters_of(number) for number in range(4)] == expected


@pytest.mark.parametrize(
    "start_epoch, every, n_clusters, said",
    [(-1, 1, 7, "cluster_start_epoch is -1"), (0, 0, 7, "cluster_every 0")]
    + [(0, 1, wrong, "n_clusters is") for wrong in (0, [], [7, 0], 2.5, "many", True, [7, False])],
)
def test_wrong_settings(start_epoch, every, n_clusters, said):
    with pytest.raises(UserError, match=said):
        RefreshSchedule(start_epoch, every, n_clusters)


@pytest.mark.parametrize("made", [False, True])
def test_clusters_survive_a_checkpoint(tmp_path, made):
    clusters, other = Clusters(), Clusters()
    if made:
        clusters.take(5, np.array([0, -1, 1]), np.array([0.1, np.nan, 0.2], np.float32), {"AMI": 0.5})
    clusters.save(tmp_path / "clusters.ckpt")
    other.load(tmp_path / "clusters.ckpt")
    for name, value in vars(clusters).items():
        np.testing.assert_array_equal(getattr(other, name), value)
    assert other.number == made and other.epoch == (5 if made else None)


def test_after_loading_each_utterance_has_its_own_cluster(tmp_path, caplog):
    """One utterance exchanged, one removed, one added, and all in another order."""
    rng = np.random.default_rng(0)
    ids = [f"u{i:03d}" for i in range(100)]
    clusters = Clusters()
    clusters.bind(ids)
    clusters.take(5, rng.integers(10, size=100), rng.random(100, dtype=np.float32), {"AMI": 0.5})
    clusters.save(tmp_path / "clusters.ckpt")
    mine = dict(zip(ids, zip(clusters.labels.tolist(), clusters.distances.tolist())))
    others = [ids[i] for i in rng.permutation(100) if i != 7]
    others[3] = "new"
    others.append("newer")
    other = Clusters()
    other.bind(others)
    other.load(tmp_path / "clusters.ckpt")
    for name, label, distance in zip(others, other.labels.tolist(), other.distances.tolist()):
        if name in mine:
            assert (label, distance) == mine[name]
        else:
            assert label == -1 and np.isnan(distance)
    assert other.labels.dtype == np.int64 and other.distances.dtype == np.float32
    assert "2 of 100 are in none until the next clustering" in caplog.text and other.number == 1
    assert (tmp_path / "clusters.ckpt").stat().st_size < 100 * (8 + 4 + 8) + 4000
