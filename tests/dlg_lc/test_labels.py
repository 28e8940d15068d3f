"""Label tables for a training: numbered without gaps, kept, found again; a fraction of the true ones."""

import numpy as np
import pytest

from speechbrain_cadino.clusters.table import LabelTable, read_label_table
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.labels import keep_labels, true_labels
from speechbrain_cadino.utils.errors import UserError


def make_manifest(n=40, speakers=8):
    names = [f"u{i:02d}" for i in range(n)]
    return Manifest(names, names, [0] * n, [16000] * n, spk_ids=[f"s{i % speakers}" for i in range(n)])


def test_classes_have_no_gaps_and_the_table_is_kept(tmp_path):
    manifest, calls = make_manifest(4), []
    table = LabelTable(["u01", "u00", "u03", "other"], [70, 5, 5, 6], [0.1, 0.2, 0.3, 0.4])
    for _ in range(2):
        labels = keep_labels(tmp_path / "labels.csv", manifest, lambda: calls.append(1) or table, {})
        assert labels.tolist() == [0, 1, -1, 0]
    kept = read_label_table(tmp_path / "labels.csv")
    assert len(calls) == 1 and kept.ids.tolist() == ["u00", "u01", "u03"]
    np.testing.assert_allclose(kept.distances, [0.2, 0.1, 0.3], rtol=1e-6)


def test_a_table_of_another_corpus(tmp_path):
    with pytest.raises(UserError, match="give the table of this corpus"):
        keep_labels(tmp_path / "labels.csv", make_manifest(), lambda: LabelTable(["x"], [0]), {})
    assert not list(tmp_path.iterdir())


def test_a_table_that_was_made_with_other_settings(tmp_path):
    path, manifest = tmp_path / "labels.csv", make_manifest(3)
    settings = {"init": "a/encoder", "n_clusters": 2}
    first = keep_labels(path, manifest, lambda: LabelTable(["u00", "u01", "u02"], [0, 1, 1]), settings)
    assert keep_labels(path, manifest, pytest.fail, dict(settings)).tolist() == first.tolist()
    for others in settings | {"n_clusters": 3}, {"labels": "c"}, {}:
        with pytest.raises(UserError, match="give another output_folder, or remove"):
            keep_labels(path, manifest, pytest.fail, others)
    with pytest.raises(UserError, match="with init a/encoder, and this run has b/encoder"):
        keep_labels(path, manifest, pytest.fail, settings | {"init": "b/encoder"})
    (tmp_path / "labels.json").unlink()
    with pytest.raises(UserError, match="labels.json is missing"):
        keep_labels(path, manifest, pytest.fail, settings)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_a_record_that_cannot_be_read(tmp_path, text):
    manifest, path = make_manifest(4), tmp_path / "labels.csv"
    table = LabelTable(manifest.ids, [0, 0, 1, 1])
    keep_labels(path, manifest, lambda: table, {"from": "here"})
    path.with_suffix(".json").write_text(text)
    with pytest.raises(UserError, match="labels.json, which says what labels.csv was made from, cannot be read"):
        keep_labels(path, manifest, lambda: table, {"from": "here"})


@pytest.mark.parametrize("fraction, wanted", [(1.0, 40), (0.5, 20), (0.1, 4)])
def test_true_labels_are_those_of_a_share_of_the_utterances(fraction, wanted):
    manifest = make_manifest()
    table = true_labels(manifest, fraction, seed=3)
    assert len(table) == wanted
    speaker = dict(zip(manifest.ids.tolist(), manifest.spk_ids.tolist()))
    pairs = {(speaker[name], label) for name, label in zip(table.ids.tolist(), table.clusters.tolist())}
    assert len(pairs) == len({label for _, label in pairs}) == len({name for name, _ in pairs})
    assert set(table.ids) <= set(true_labels(manifest, 1.0, seed=3).ids)


def test_a_smaller_share_is_part_of_a_larger_one_and_the_seed_matters():
    manifest = make_manifest()
    few, many, others = (set(true_labels(manifest, *how).ids) for how in ((0.2, 1), (0.4, 1), (0.2, 2)))
    assert few < many and few != others


@pytest.mark.parametrize(
    "labels, words",
    [
        ([0, 0, 0, 0], "All 4 labelled utterances are in one class .labels f.txt.: .* two classes"),
        ([7, 7, -1, -1], "All 2 labelled utterances are in one class"),
        ([0, 1, 2, 3], "Each of 4 labelled utterances is a class of its own"),
        ([0, 1, -1, -1], "Each of 2 labelled utterances is a class of its own"),
        ([3, -1, -1, -1], "All 1 labelled utterances are in one class"),
    ],
)
def test_labels_that_teach_nothing_are_refused_before_anything_is_kept(tmp_path, labels, words):
    manifest = make_manifest(4)
    known = np.array(labels) >= 0
    table = LabelTable(manifest.ids[known], np.array(labels)[known])
    with pytest.raises(UserError, match=words):
        keep_labels(tmp_path / "labels.csv", manifest, lambda: table, {"labels": "f.txt"})
    assert not list(tmp_path.iterdir())


def test_labels_of_utterances_that_are_held_out_teach_nothing(tmp_path, caplog):
    """The manifest decides who is trained on; a table that names others is told."""
    table = LabelTable(["u00", "u01", "u02", "test1", "test2"], [0, 0, 1, 1, 1])
    assert keep_labels(tmp_path / "labels.csv", make_manifest(3), lambda: table, {}).tolist() == [0, 0, 1]
    assert "2 of 5 labels are of utterances that are not in this corpus" in caplog.text
    assert read_label_table(tmp_path / "labels.csv").ids.tolist() == ["u00", "u01", "u02"]
