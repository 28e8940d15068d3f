"""Clusters of items: what each modality gives reaches its items, whatever cannot be embedded."""

from types import SimpleNamespace

import numpy as np
import pytest

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.joint import Join, JointClusters
from speechbrain_cadino.dlg_lc.item_clusters import Source, cluster_items
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.encoder.precomputed import EmbeddingTable


def source(table, without=()):
    """What embeds the rows of a table, in another order, but for some IDs."""
    rows = [row for row in range(len(table))[::-1] if table.ids[row] not in without]
    given = table.embeddings[rows].astype(np.float32), [str(table.ids[row]) for row in rows]
    return Source(SimpleNamespace(is_given=True, embed=lambda *arguments: given), None, None)


@pytest.mark.parametrize("without", [(), ("b",), ("a", "d", "b"), ("a", "b", "c", "d")])
def test_each_item_gets_its_own_embeddings(tmp_path, without):
    tables = {
        "voice": EmbeddingTable(list("abc"), np.arange(6.0).reshape(3, 2)),
        "face": EmbeddingTable(list("dba"), np.arange(9.0).reshape(3, 3)),
    }
    items, seen = Items(tables), {}

    def join(parts, clustering, device, sessions, units):
        seen.update(parts)
        assert units is None  # no two items share what they have
        return JointClusters(np.arange(4), np.array([0, 1, 0, 1]), np.zeros(4, np.float32))

    sources = {name: source(table, without) for name, table in tables.items()}
    table = cluster_items(sources, items, Clustering(2), tmp_path, None, join)
    assert table.ids.tolist() == list("abcd") and table.clusters.tolist() == [0, 1, 0, 1]
    for name, (rows, embeddings) in seen.items():
        own = dict(zip(tables[name].ids.tolist(), tables[name].embeddings.tolist()))
        for item, row in zip(items.ids.tolist(), rows):
            assert (row >= 0) == (item in own and item not in without)
            assert row < 0 or embeddings[row].tolist() == own[item]


def test_without_any_face_they_are_those_of_the_voices(tmp_path):
    """There is an encoder of faces, and no face."""
    voices = EmbeddingTable([str(n) for n in range(30)], np.random.default_rng(0).normal(size=(30, 4)))
    faces, clustering = EmbeddingTable([], np.zeros((0, 3))), Clustering(3)
    alone = cluster_items({"voice": source(voices)}, Items({"voice": voices}), clustering, tmp_path, None)
    sources = {"voice": source(voices), "face": source(faces)}
    both = cluster_items(sources, Items({"voice": voices, "face": faces}), clustering, tmp_path, None, Join())
    assert both.ids.tolist() == alone.ids.tolist() and both.clusters.tolist() == alone.clusters.tolist()
