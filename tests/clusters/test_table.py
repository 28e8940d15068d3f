"""Label tables: written and read, in a manifest's order, of another corpus, of another toolkit."""

import logging

import numpy as np
import pytest

from speechbrain_cadino.clusters.table import LabelTable, read_label_table
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    ids = [f"spk,{i}" if i % 3 else f'a "b" {i}' for i in range(50)]
    distances = rng.random(50).astype(np.float32)
    distances[7] = np.nan
    return LabelTable(ids, rng.integers(0, 9, 50), distances)


def test_what_is_written_is_read(table, tmp_path):
    table.write(tmp_path / "deep" / "labels.csv")
    found = read_label_table(tmp_path / "deep" / "labels.csv")
    for name, column in vars(table).items():
        np.testing.assert_array_equal(getattr(found, name), column)
        assert getattr(found, name).dtype == column.dtype
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["labels.csv"]
    assert (tmp_path / "deep" / "labels.csv").read_text().startswith("ID,cluster,distance\n")


def test_a_write_that_fails_leaves_the_old_table(table, tmp_path, monkeypatch):
    table.write(tmp_path / "labels.csv")
    before = (tmp_path / "labels.csv").read_text()

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("speechbrain_cadino.utils.files.os.fsync", full_disk)
    with pytest.raises(UserError, match="labels.csv cannot be written, the disk is full .* are free"):
        LabelTable(["a"], [0]).write(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == before and len(list(tmp_path.iterdir())) == 1


def test_in_a_manifests_order(table, caplog):
    order = np.random.default_rng(1).permutation(50)
    clusters, distances = table.for_manifest(table.ids[order])
    np.testing.assert_array_equal(clusters, table.clusters[order])
    np.testing.assert_array_equal(distances, table.distances[order])
    assert not caplog.messages


def test_an_utterance_missing_from_the_table(table, caplog):
    with caplog.at_level(logging.WARNING):
        clusters, distances = table.for_manifest(["new", *table.ids[[4, 2]], "other"])
    assert clusters.tolist() == [-1, table.clusters[4], table.clusters[2], -1]
    assert np.isnan(distances).tolist() == [True, False, False, True]
    assert distances.dtype == np.float32 and clusters.dtype == np.int64
    assert caplog.messages == [
        "2 of 4 utterances are not in the label table.",
        "48 of 50 labels are of utterances that are not in this corpus.",
    ]


def test_a_table_of_another_corpus(table):
    with pytest.raises(UserError, match='3 of the manifest\'s 4 utterances .* x2 for one, .* like a "b" 0'):
        table.for_manifest([table.ids[0], "x2", "x3", "x4"])
    assert table.for_manifest([table.ids[0], "x2", "x3", "x4"], min_fraction=0.25)[0].tolist()[1:] == [-1, -1, -1]
    with pytest.raises(UserError, match="2 of the manifest's 2"):
        table.for_manifest(["x1", "x2"], min_fraction=0)


def test_the_list_of_another_toolkit(tmp_path):
    path = tmp_path / "utt2label"
    path.write_text("id1/a/1.wav  spk_b\nid1/a/2.wav\tspk_a\n\nid2/c/1.wav spk_b\n")
    table = read_label_table(path)
    assert table.ids.tolist() == ["id1/a/1.wav", "id1/a/2.wav", "id2/c/1.wav"]
    assert table.clusters.tolist() == [1, 0, 1] and np.isnan(table.distances).all()
    table.write(tmp_path / "ours.csv")
    assert read_label_table(tmp_path / "ours.csv").clusters.tolist() == [1, 0, 1]


HEADER = "ID,cluster,distance\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no utterances"),
        (HEADER, "holds no utterances"),
        (HEADER + "a,0,0.5\na,1,0.5\n", "has a more than once"),
        ("a 0\nb 1\nb 0\n", "has b more than once"),
        (HEADER + "a,0,0.5\nb,x,0.5\n", "line 3 is 'b,x,0.5'"),
        (HEADER + "a,-2,0.5\n", "line 2 is 'a,-2,0.5'"),
        (HEADER + "a,1.5,0.5\n", "line 2 is 'a,1.5,0.5'"),
        (HEADER + "a,1,-0.5\n", "line 2 is 'a,1,-0.5'"),
        (HEADER + "a,-1,0.5\n", "no utterances with a label, all 1 of"),
        (HEADER + "a,1,far\n", "line 2 is 'a,1,far'"),
        (HEADER + "a,1\n", "line 2 is 'a,1'"),
        ("a 0\n\nb,1\n", "line 3 is 'b,1'"),
        ("a\nb -1\nc nan\n", "all 3 of its utterances being without"),
        ("a 0\na\n", "has a more than once"),
        ("a 0 0.5\n", "line 1 is 'a,0,0.5': write 'utterance label'"),
        ("ID,cluster\na,1\n", "line 1 is"),
    ],
)
def test_bad_files(text, message, tmp_path):
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        read_label_table(path)
    assert "labels" in str(error.value) and str(error.value).endswith((".", "more."))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="absent.csv cannot be read .No such file"):
        read_label_table(tmp_path / "absent.csv")
    (tmp_path / "audio.wav").write_bytes(b"\xff\xfe\x00RIFF")
    with pytest.raises(UserError, match="audio.wav cannot be read"):
        read_label_table(tmp_path / "audio.wav")


def test_columns_of_different_lengths():
    with pytest.raises(ValueError, match="one cluster"):
        LabelTable(["a", "b"], [0])


NONES = ["", "-1", "-1.0", "nan", "NaN", "None", "null", "N/A", "<unk>", "?"]


@pytest.mark.parametrize("none", NONES)
@pytest.mark.parametrize("form", ["ours", "blanks", "tabs"])
def test_no_label_is_none(tmp_path, caplog, none, form):
    rows = [("a", "3"), ("b", none), ("c", "4"), ("d", "3")]
    text = {
        "ours": HEADER + "".join(f"{name},{label},\n" for name, label in rows),
        "blanks": "".join(f"{name} {label}\n" for name, label in rows),
        "tabs": "".join(f"{name}\t{label}\n" for name, label in rows),
    }[form]
    (tmp_path / "labels").write_text(text)
    table = read_label_table(tmp_path / "labels")
    assert table.ids.tolist() == ["a", "c", "d"] and table.clusters.tolist() == (
        [3, 4, 3] if form == "ours" else [0, 1, 0]
    )
    assert [message.split(" in ")[0] for message in caplog.messages] == ["1 of 4 utterances"]
    assert table.for_manifest(["a", "b", "c"], min_fraction=0)[0].tolist()[1] == -1


def test_whole_numbers_with_a_point_and_names_with_blanks(tmp_path):
    (tmp_path / "a").write_text(HEADER + "a,3.0,\nb,4.0,0.5\n")
    assert read_label_table(tmp_path / "a").clusters.tolist() == [3, 4]
    (tmp_path / "a").write_text("my file.wav\tspeaker one\nother file.wav\tspeaker two\n")
    assert read_label_table(tmp_path / "a").ids.tolist() == ["my file.wav", "other file.wav"]
