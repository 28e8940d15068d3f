"""Clusters of several modalities: each way to join them does what it says, with any of the parts missing."""

import numpy as np
import pytest
from hyperpyyaml import load_hyperpyyaml
from sklearn.metrics import adjusted_mutual_info_score

from speechbrain_cadino.clusters import joint
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.joint import Join
from speechbrain_cadino.clusters.joint_rows import join_embeddings
from speechbrain_cadino.utils.errors import UserError

CLUSTERINGS = {
    "k-means": Clustering(12, init="k-means++"),
    "merged": Clustering(12, n_fine=100),
    "by size": Clustering(12, n_fine=100, size_power=0.5),
    "auto": Clustering("auto", n_fine=100, size_power="auto"),
    "in space": Clustering(12, n_fine=100, spherical=False),
}
JOINS = ["concat", "voice", "face", "split", "ensemble"]


def corpus(seed=0, n=240, n_speakers=12, voice_missing=0.0, face_missing=0.0, chance=False):
    """Voices in which every two speakers are alike, faces in which every two others are; each alone is not enough."""
    rng = np.random.default_rng(seed)
    speaker = rng.permutation(np.arange(n) % n_speakers)
    face_of = rng.permutation(speaker) if chance else speaker
    voice = 4 * np.eye(n_speakers, 16)[speaker // 2 * 2] + 0.9 * np.eye(n_speakers, 16)[speaker]
    face = 4 * np.eye(n_speakers, 20)[(face_of + 1) // 2 * 2 % n_speakers] + 0.9 * np.eye(n_speakers, 20)[face_of]
    parts = {}
    for name, x, missing in (("voice", voice, voice_missing), ("face", face, face_missing)):
        x = (x + 0.3 * rng.normal(size=x.shape)).astype(np.float32)
        has = rng.random(n) >= missing
        parts[name] = np.where(has, np.cumsum(has) - 1, -1), x[has]
    return parts, speaker


def quality(clusters, speaker):
    return adjusted_mutual_info_score(speaker[clusters.items], clusters.labels)


@pytest.mark.parametrize("clustering", CLUSTERINGS)
@pytest.mark.parametrize("absent", ["rows of -1", "not given"])
@pytest.mark.parametrize("there", ["voice", "face"])
@pytest.mark.parametrize("how", ["concat", "its name", "split", "ensemble"])
def test_one_modality_alone_is_clustered_bit_for_bit_as_ever(how, there, absent, clustering):
    parts, _ = corpus()
    _, x = parts[there]
    other = {"voice": "face", "face": "voice"}[there]
    if absent == "not given":
        del parts[other]
    else:
        parts[other] = np.full(240, -1), parts[other][1][:0]
    clusters = Join(there if how == "its name" else how)(parts, CLUSTERINGS[clustering])
    labels, distances = CLUSTERINGS[clustering](x - x.mean(axis=0))
    assert clusters.items.tolist() == list(range(240))
    assert clusters.labels.tobytes() == labels.tobytes() and clusters.distances.tobytes() == distances.tobytes()


@pytest.mark.parametrize("name", ["voice", "face"])
def test_a_modality_that_all_have_is_clustered_alone_bit_for_bit(name):
    parts, _ = corpus()
    x = parts[name][1]
    clusters = Join(name)(parts, CLUSTERINGS["merged"])
    assert clusters.labels.tobytes() == CLUSTERINGS["merged"](x - x.mean(axis=0))[0].tobytes()


@pytest.mark.parametrize("how", ["concat", "split", "ensemble"])
@pytest.mark.parametrize("clustering", ["merged", "by size", "in space"])
def test_both_find_what_neither_does_alone(how, clustering):
    parts, speaker = corpus()
    alone = max(quality(Join(name)(parts, CLUSTERINGS[clustering]), speaker) for name in parts)
    assert quality(Join(how)(parts, CLUSTERINGS[clustering]), speaker) > 0.98 > alone + 0.05


@pytest.mark.parametrize("missing", [(0, 0.3), (0.3, 0), (0.3, 0.3), (0, 0.99)])
@pytest.mark.parametrize("how", JOINS)
@pytest.mark.parametrize("clustering", ["k-means", "in space", "auto"])
def test_items_that_lack_a_part_are_clustered_by_what_they_have(clustering, how, missing):
    parts, speaker = corpus(voice_missing=missing[0], face_missing=missing[1])
    clusters = Join(how)(parts, CLUSTERINGS[clustering])
    there = np.flatnonzero((parts["voice"][0] >= 0) | (parts["face"][0] >= 0))
    assert clusters.items.tolist() == there.tolist() and (len(there) < 240) == (missing == (0.3, 0.3))
    assert clusters.labels.dtype == np.int64 and clusters.labels.min() >= 0
    assert np.isfinite(clusters.distances).all() and len(clusters.distances) == len(there)
    if (how, missing[1]) != ("face", 0.99):  # a handful of faces tells nothing
        assert quality(clusters, speaker) > 0.65


@pytest.mark.parametrize("how", JOINS)
def test_distances_are_those_to_the_means_of_the_clusters(how):
    parts, _ = corpus(face_missing=0.2)
    rows = join_embeddings(parts).rows
    if how in parts:
        columns = {"voice": slice(0, 16), "face": slice(16, 36)}[how]
        rows = rows[:, columns] if how == "face" else parts["voice"][1] - parts["voice"][1].mean(axis=0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    clusters = Join(how)(parts, CLUSTERINGS["merged"])
    for label in np.unique(clusters.labels):
        own = rows[clusters.labels == label]
        center = own.mean(axis=0) / np.linalg.norm(own.mean(axis=0))
        np.testing.assert_allclose(
            clusters.distances[clusters.labels == label], np.linalg.norm(own - center, axis=1), atol=1e-4
        )


@pytest.mark.parametrize("how", JOINS)
def test_one_face_changes_little(how):
    parts, speaker = corpus()
    rows = np.full(240, -1)
    rows[3] = 0
    parts["face"] = rows, parts["face"][1][:1]
    clusters = Join(how)(parts, CLUSTERINGS["by size"])
    assert len(clusters.labels) == 240 and np.isfinite(clusters.distances).all()
    alone = Join("voice")(parts, CLUSTERINGS["by size"])
    assert how == "face" or adjusted_mutual_info_score(alone.labels, clusters.labels) > 0.8


@pytest.mark.parametrize("how", JOINS)
@pytest.mark.parametrize("clustering", ["k-means", "by size", "merged"])
def test_copies_stay_together(how, clustering):
    parts, _ = corpus(n=60)
    parts = {name: (np.repeat(rows, 5), x) for name, (rows, x) in parts.items()}
    labels = Join(how)(parts, CLUSTERINGS[clustering]).labels.reshape(60, 5)
    assert (labels == labels[:, :1]).all()


@pytest.mark.parametrize("how", JOINS)
def test_one_dimension_is_enough(how):
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 2
    x = (np.where(truth, 1.0, -1.0) + 0.1 * rng.normal(size=(2, 60)))[:, :, None].astype(np.float32)
    clusters = Join(how)({"voice": (np.arange(60), x[0]), "face": (np.arange(60), x[1])}, Clustering(2, n_fine=20))
    assert adjusted_mutual_info_score(truth, clusters.labels) == pytest.approx(1)


@pytest.mark.parametrize("how", ["concat", "split", "ensemble"])
def test_a_third_modality_fits(how):
    parts, speaker = corpus(face_missing=0.3)
    rng = np.random.default_rng(1)
    gait = (4 * np.eye(12)[speaker] + rng.normal(size=(240, 12))).astype(np.float32)
    parts["gait"] = np.where(np.arange(240) % 3, np.arange(240), -1), gait
    with_gait = quality(Join(how)(parts, CLUSTERINGS["by size"]), speaker)
    del parts["gait"]
    without = quality(Join(how)(parts, CLUSTERINGS["by size"]), speaker)
    assert with_gait > 0.9 and (with_gait > without or how == "ensemble")


def test_weights_move_the_clusters_from_one_modality_to_the_other():
    parts, _ = corpus()
    six = Clustering(6, n_fine=100)
    alone = {name: Join(name)(parts, six).labels for name in parts}
    for how in ("concat", "split"):
        for name in parts:
            labels = Join(how, {name: 20.0})(parts, six).labels
            assert adjusted_mutual_info_score(labels, alone[name]) > 0.9, (how, name)


@pytest.mark.parametrize("how", ["split", "ensemble"])
@pytest.mark.parametrize(
    "settings", [dict(n_clusters=12), dict(n_clusters=3, n_fine=13), dict(n_clusters=12, n_fine=14)]
)
def test_more_cells_than_n_fine_are_no_hindrance(how, settings):
    parts, speaker = corpus(chance=True)
    clustering = Clustering(**settings)
    clusters = Join(how, least_agreement=None)(parts, clustering)
    assert len(np.unique(clusters.labels)) == clustering.n_clusters


@pytest.mark.parametrize("how", ["concat", "split", "ensemble"])
def test_faces_of_others_are_left_out_and_it_is_told(how, caplog):
    parts, speaker = corpus(chance=True, n=600)
    parts["voice"] = np.where(np.arange(600) < 593, np.arange(600), -1), parts["voice"][1][:593]
    clusters = Join(how)(parts, CLUSTERINGS["by size"])
    assert "Each face seems to be of somebody else than the voice" in caplog.text
    assert "and 7 items that have nothing else get no label" in caplog.text and len(clusters.items) == 593
    x = parts["voice"][1]
    np.testing.assert_array_equal(clusters.labels, CLUSTERINGS["by size"](x - x.mean(axis=0))[0])
    caplog.clear()
    kept = Join(how, {"face": 2}, least_agreement=None)(parts, CLUSTERINGS["by size"])
    assert "somebody else" not in caplog.text
    assert not np.array_equal(kept.labels, clusters.labels)


def test_a_modality_that_all_have_needs_no_other(monkeypatch):
    parts, _ = corpus(face_missing=0.3)
    monkeypatch.setattr(joint, "agreement", None)
    parts["face"][1][:] = np.nan
    clusters = Join("voice", {"face": 2})(parts, CLUSTERINGS["merged"])
    x = parts["voice"][1]
    assert clusters.labels.tobytes() == CLUSTERINGS["merged"](x - x.mean(axis=0))[0].tobytes()


def test_weights_of_what_is_not_there_do_no_harm():
    parts, _ = corpus()
    del parts["face"]
    assert len(Join(weights={"voice": 1, "face": 2})(parts, CLUSTERINGS["merged"]).labels) == 240


def test_faces_of_others_are_clustered_where_the_face_is_asked_for():
    parts, _ = corpus(chance=True, n=600)
    x = parts["face"][1]
    labels = CLUSTERINGS["by size"](x - x.mean(axis=0))[0]
    np.testing.assert_array_equal(Join("face")(parts, CLUSTERINGS["by size"]).labels, labels)


def test_a_random_face_for_each_session_is_left_out_where_sessions_are_known(caplog):
    parts, speaker = corpus(n=600)
    rng = np.random.default_rng(0)
    session = np.arange(600) // 6
    order = np.lexsort((rng.random(600), speaker))  # sessions are of one speaker
    parts = {name: (order.argsort(), x[np.argsort(speaker, kind="stable")]) for name, (_, x) in parts.items()}
    sessions = session[order.argsort()]
    good = Join()(parts, CLUSTERINGS["by size"], sessions=sessions)
    assert "somebody else" not in caplog.text and quality(good, speaker) > 0.95
    shuffled = rng.permutation(100)
    parts["face"] = parts["face"][0], parts["face"][1].reshape(100, 6, -1)[shuffled].reshape(600, -1)
    left_out = Join()(parts, CLUSTERINGS["by size"], sessions=sessions.astype(str))
    assert "somebody else" in caplog.text
    np.testing.assert_array_equal(left_out.labels, Join("voice")(parts, CLUSTERINGS["by size"]).labels)


def test_sessions_that_are_not_known_are_not_one_session(monkeypatch):
    parts, _ = corpus(n=40)
    asked = []
    monkeypatch.setattr(joint, "agreement", lambda one, other, sessions: (asked.append(sessions), (1.0, 0.0))[1])
    for sessions in (np.full(40, ""), np.where(np.arange(40) == 3, "", "a"), None, np.array(["a"] * 20 + ["b"] * 20)):
        Join()(parts, Clustering(2), sessions=sessions)
    assert asked[:3] == [None] * 3 and asked[3].tolist() == ["a"] * 20 + ["b"] * 20


def test_few_items_with_both_are_not_asked(monkeypatch):
    parts, _ = corpus(n=9)
    monkeypatch.setattr(joint, "agreement", None)
    assert len(Join()(parts, Clustering(2)).labels) == 9


@pytest.mark.parametrize("how", JOINS)
@pytest.mark.parametrize("name", ["voice", "face"])
def test_what_is_not_finite_is_refused(name, how):
    parts, _ = corpus(voice_missing=0.1, face_missing=0.1)
    parts[name][1][7, 1] = np.nan
    with pytest.raises(UserError, match=f"embedding of {name} in row 7 is not finite"):
        Join(how)(parts, CLUSTERINGS["merged"])


@pytest.mark.parametrize("how", ["face", "voice"])
def test_the_modality_to_be_clustered_must_be_there(how):
    parts, _ = corpus()
    parts[how] = np.full(240, -1), parts[how][1][:0]
    with pytest.raises(UserError, match=f"join is {how}, and no item has one: set concat"):
        Join(how)(parts, CLUSTERINGS["merged"])


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(how="both"), "join is 'both': set one of concat, voice, face, split, ensemble"),
        (dict(weights={"nose": 1}), "one of nose"),
        (dict(weights={"face": 0}), "weight of face is 0"),
        (dict(weights=[1, 2]), r"weights is \[1, 2\]: set a mapping of modalities to numbers"),
        (dict(n_neighbours=0), "n_neighbours is 0"),
        (dict(least_agreement=1), "least_agreement is 1"),
        (dict(least_agreement="much"), "least_agreement is much"),
        (dict(least_agreement=True), "least_agreement is True"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        Join(**settings).check(["voice", "face"])


def test_the_yaml_names_it():
    yaml = "join: !new:speechbrain_cadino.clusters.joint.Join\n    how: split\n    weights: {face: 2}\n"
    assert load_hyperpyyaml(yaml)["join"] == Join("split", {"face": 2})


@pytest.mark.parametrize("how", ["concat", "face", "split", "ensemble"])
def test_items_that_share_pictures_share_a_label_and_do_not_make_clusters(how):
    """Each of 20 speakers has three sets of pictures, whose items are equal in them."""
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(20), 12)
    units = np.repeat(np.arange(60), 4)
    voices = 2 * rng.standard_normal((20, 16))[speakers] + 0.6 * rng.standard_normal((240, 16))
    of_units = 2 * rng.standard_normal((20, 16))[np.repeat(np.arange(20), 3)] + rng.standard_normal((60, 16))
    parts = {"voice": (np.arange(240), voices), "face": (np.arange(240), of_units[units])}
    parts = {name: (rows, x.astype(np.float32)) for name, (rows, x) in parts.items()}
    clustering = Clustering("auto", n_fine=240, init="k-means++")
    clusters = Join(how)(parts, clustering, units=units)
    assert len(np.unique(clusters.labels)) < 30
    assert all(len(set(clusters.labels[units == unit])) == 1 for unit in range(60))
    assert adjusted_mutual_info_score(speakers, clusters.labels) > 0.9
    alone = Join("voice")(parts, clustering, units=units)
    np.testing.assert_array_equal(alone.labels, clustering(voices - voices.mean(axis=0))[0])
