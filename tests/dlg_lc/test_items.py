"""Items of several modalities, against plain loops over their IDs."""

import numpy as np
import pytest

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.encoder.precomputed import EmbeddingTable


def voices(ids, speakers=None, sessions=None):
    n = len(ids)
    return Manifest(ids, [f"{name}.wav" for name in ids], [0] * n, [16000] * n, speakers, sessions)


def faces(ids, **columns):
    return EmbeddingTable(ids, np.arange(2.0 * len(ids)).reshape(-1, 2), **columns)


def test_voices_alone_are_their_rows():
    manifest = voices(["b", "a"], ["x", ""], ["1", ""])
    items = Items({"voice": manifest})
    assert items.ids.tolist() == ["b", "a"] and not items.are_more_than_voices and items.first is manifest
    for name in ("ids", "spk_ids", "sessions"):
        assert np.array_equal(getattr(items, name), getattr(manifest, name))
    assert Items({"voice": voices(["b"])}).spk_ids is None and Items({"voice": voices(["b"])}).sessions is None
    assert Items({"voice": faces(["b"])}).are_more_than_voices


@pytest.mark.parametrize("seed", range(8))
def test_a_subset_has_the_same_of_each_item(seed):
    rng = np.random.default_rng(seed)
    names = [f"item{number}" for number in rng.permutation(12)]
    own = {name: [one for one in rng.permutation(names) if rng.random() < 0.6] for name in ("voice", "face", "gait")}
    items = Items({"voice": voices(own["voice"]), "face": faces(own["face"]), "gait": faces(own["gait"])})
    chosen = rng.random(len(items)) < 0.5
    part = items.subset(chosen)
    assert part.ids.tolist() == items.ids[chosen].tolist()
    for name, manifest in part.parts.items():
        for item, row in zip(part.ids, part.pairing.rows[name]):
            assert (row >= 0) == (item in own[name])
            assert row < 0 or manifest.ids[row] == item
        if name != "voice":
            before = dict(zip(items.parts[name].ids, items.parts[name].embeddings.tolist()))
            assert all(before[one] == vector for one, vector in zip(manifest.ids, manifest.embeddings.tolist()))


def test_speakers_and_sessions_are_those_of_whoever_knows():
    parts = {"voice": voices(["a", "b"], ["x", ""], ["1", ""])}
    lone = faces(["b", "c"], spk_ids=["y", "z"], sessions=["2", "3"])
    items = Items(parts | {"face": lone})
    assert items.spk_ids.tolist() == ["x", "y", "z"] and items.sessions.tolist() == ["1", "2", "3"]
    items = Items(parts | {"face": faces(["c"])})
    assert items.spk_ids.tolist() == ["x", "", ""] and items.sessions.tolist() == ["1", "", ""]
    assert Items(parts | {"face": faces(["c"], spk_ids=["z"])}).sessions is None


def test_items_that_share_a_set_of_pictures_are_one_unit():
    voices = EmbeddingTable(list("abcd"), np.zeros((4, 1)))
    faces = EmbeddingTable(list("xdbc"), np.zeros((4, 1)))
    assert Items({"voice": voices, "face": faces}).units is None
    faces.sets = np.array([2, 0, 1, 0])  # d and c share
    units = Items({"voice": voices, "face": faces}).units
    assert units[2] == units[3] and len(set(units.tolist())) == 4
