"""Embeddings from elsewhere as the first clusters, and which settings go with them."""

from types import SimpleNamespace

import numpy as np
import pytest

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.distillation import Distillation
from speechbrain_cadino.dlg_lc.given import GivenClusters, check_given, first_sources, teacher_embeddings
from speechbrain_cadino.dlg_lc.item_clusters import Source, cluster_items, labels_made_from
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.side import FIRST
from speechbrain_cadino.dlg_lc.voice import Voice
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.utils.errors import UserError

IDS = [f"t{talker}/{number}.wav" for talker in range(3) for number in range(8)]


@pytest.fixture
def manifest():
    n = len(IDS)
    return Manifest(IDS, IDS, [0] * n, [16000] * n)


def given(tmp_path, ids=IDS, drop=()):
    """Far apart by talker, in another order than the manifest, with one of nobody; the path of a file."""
    rng = np.random.default_rng(0)
    ids = [one for one in ids if one not in drop]
    rows = [10 * np.eye(4)[int(one[1])] + 0.1 * rng.standard_normal(4) for one in ids] + [np.ones(4)]
    order = rng.permutation(len(rows))
    names = np.array([*ids, "nobody"])
    np.savez(tmp_path / "other.npz", E=np.array(rows, np.float16)[order], ids=names[order])
    return str(tmp_path / "other.npz")


def test_they_are_clustered_in_place_of_the_encoder(tmp_path, manifest, caplog):
    dropped = ("t0/3.wav", "t2/0.wav")
    own = {FIRST: Source(Voice(), "an/encoder", "a compensation"), "face": Source("faces", "x", None)}
    path = given(tmp_path, drop=dropped)
    sources = first_sources(own, {"embeddings": path, "embedding_ids": None})
    assert list(sources) == [FIRST, "face"] and sources["face"] is own["face"]
    del sources["face"]
    items, clustering = Items({FIRST: manifest}), Clustering(n_clusters=3, seed=0)
    labels = cluster_items(sources, items, clustering, tmp_path, "cpu").for_manifest(IDS)[0]
    assert [one for one, label in zip(IDS, labels) if label < 0] == list(dropped)
    talkers = np.array([int(one[1]) for one in IDS])
    assert len({*zip(labels[labels >= 0], talkers[labels >= 0])}) == 3
    assert "2 of 24 utterances have no embedding" in caplog.text
    assert set(labels_made_from(sources, items, clustering)) == {"embeddings", "clustering"}


def test_without_the_setting_the_sources_are_their_own():
    own = {FIRST: Source(Voice(), "an/encoder", None)}
    assert first_sources(own, {}) == first_sources(own, {"embeddings": None}) == own


def test_the_digest_is_of_what_is_used(tmp_path, manifest):
    table = EmbeddingTable(IDS, np.arange(48.0).reshape(24, 2))
    changed = EmbeddingTable(IDS, np.where(np.arange(48).reshape(24, 2) == 7, -1.0, table.array))
    one, other = (GivenClusters(table, "FILE").digest(manifest) for table in (table, changed))
    part = manifest.subset(np.arange(10, 24))
    assert one != other and len({GivenClusters(one, "FILE").digest(part) for one in (table, changed)}) == 1


def test_wrong_ids(tmp_path, manifest):
    sources = first_sources({}, {"embeddings": given(tmp_path)})
    other = Manifest(["x", "y"], ["x", "y"], [0, 0], [16000, 16000])
    with pytest.raises(UserError, match="No training utterance has an embedding in .*other.npz"):
        sources[FIRST].modality.embed(None, other)


def test_a_teacher(tmp_path, manifest):
    table, path = teacher_embeddings(Distillation(embeddings=given(tmp_path)), None, manifest, tmp_path, "cpu")
    assert len(table) == 25 and path.endswith("other.npz")
    with pytest.raises(UserError, match="distillation has nothing to learn from: give it embeddings, or .* --init"):
        teacher_embeddings(Distillation(), None, manifest, tmp_path, "cpu")
    with pytest.raises(UserError, match="nowhere.npz cannot be read"):
        teacher_embeddings(Distillation(embeddings="nowhere.npz"), None, manifest, tmp_path, "cpu")


def settings(**changes):
    return SimpleNamespace(**{"labels": None, "init": None, **changes})


@pytest.mark.parametrize(
    "changes, frozen, said",
    [
        (dict(embedding_ids="ids.txt"), False, "embedding_ids is ids.txt, and there are no embeddings"),
        (dict(embeddings="e.npy"), True, "embeddings is set, and no encoder of voices is trained"),
        (dict(distillation=Distillation()), True, "distillation is set, and no encoder of voices is trained"),
        (dict(embeddings="e.npy", labels="l.csv"), False, "Both labels .l.csv. and embeddings .e.npy. are given"),
        (dict(embeddings="e", labels="l", distillation=Distillation(None, "e")), False, "Both labels"),
    ],
)
def test_what_does_not_go_together(changes, frozen, said):
    with pytest.raises(UserError, match=said):
        check_given(settings(**changes), frozen)


def test_what_goes_together():
    check_given(settings(), True)
    check_given(settings(embeddings="e.npy"), False)
    check_given(settings(embeddings="e.npy", labels="l.csv", distillation=Distillation(embeddings="e.npy")), False)
    check_given(settings(distillation=Distillation(weight=None)), True)
