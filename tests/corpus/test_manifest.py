"""Manifests: what is written is read again, SpeechBrain's CSVs are understood, and bad ones are told."""

import pickle
import tracemalloc

import numpy as np
import pytest
import soundfile
from speechbrain.dataio.dataio import load_data_csv

from speechbrain_cadino.corpus import columns
from speechbrain_cadino.corpus.layout import SESSION_PATTERN, STRING, groups_from_paths
from speechbrain_cadino.corpus.manifest import Manifest, read_manifest, write_manifest
from speechbrain_cadino.utils.errors import UserError


def random_manifest(length, seed=0, labels=True):
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 1000, length)
    speakers = [f"id{i:03d}" for i in rng.integers(0, 9, length)]
    wavs = [f"/data/wav/{speaker}/s{rng.integers(3)}/{i:05d}.wav" for i, speaker in enumerate(speakers)]
    return Manifest(
        [f"utt{i}" for i in range(length)],
        wavs,
        starts,
        starts + rng.integers(1, 80000, length),
        speakers if labels else None,
    )


def assert_same(one, other):
    for name, column in vars(one).items():
        if column is None:
            assert getattr(other, name) is None, name
        else:
            np.testing.assert_array_equal(column, getattr(other, name), err_msg=name)


def write_csv(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("length", [1, 7, 300])
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("rows_at_once", [1, 64, 65536])
def test_written_and_read_again(tmp_path, monkeypatch, length, labels, rows_at_once):
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", rows_at_once)
    manifest = random_manifest(length, seed=length, labels=labels)
    write_manifest(manifest, tmp_path / "a.csv")
    assert_same(manifest, read_manifest(tmp_path / "a.csv", session_pattern=None))


def test_sessions_are_written_and_preferred_to_the_path(tmp_path):
    manifest = random_manifest(5)
    manifest.sessions = np.array(["x", "x", "y", "y", "z"], dtype=STRING)
    write_manifest(manifest, tmp_path / "a.csv")
    assert_same(manifest, read_manifest(tmp_path / "a.csv"))


def test_text_that_csv_must_quote(tmp_path):
    manifest = Manifest(['a,"b', "ü"], ["/x/a, b.wav", "/x/ü.wav"], [0, 0], [5, 6], ["s,1", "s\n2"])
    write_manifest(manifest, tmp_path / "a.csv")
    assert_same(manifest, read_manifest(tmp_path / "a.csv"))


def test_rows_are_speechbrains_rows(tmp_path):
    manifest = random_manifest(20)
    write_manifest(manifest, tmp_path / "a.csv", data_root="/data")
    assert "$data_root/wav/id" in (tmp_path / "a.csv").read_text()
    theirs = load_data_csv(tmp_path / "a.csv", {"data_root": "/data"})
    for row in map(manifest.__getitem__, range(20)):
        their_row = theirs[row["ID"]]
        assert row["wav"] == their_row["wav"] and row["spk_id"] == their_row["spk_id"]
        assert row["duration"] == pytest.approx(their_row["duration"], abs=1e-9)
        assert [row["start"], row["stop"]] == [int(their_row["start"]), int(their_row["stop"])]


def test_a_row_holds_plain_types():
    row = random_manifest(3)[np.int64(1)]
    assert {key: type(value) for key, value in row.items()} == dict(
        ID=str, duration=float, wav=str, start=int, stop=int, spk_id=str
    )
    assert random_manifest(3, labels=False)[-1]["spk_id"] == ""
    with pytest.raises(IndexError):
        random_manifest(3)[3]


def test_data_root_goes_out_and_comes_back_at_another_place(tmp_path):
    write_manifest(random_manifest(6), tmp_path / "a.csv", data_root="/data/")
    moved = read_manifest(tmp_path / "a.csv", data_root="/elsewhere")
    assert all(wav.startswith("/elsewhere/wav/id") for wav in moved.wavs)
    with pytest.raises(UserError, match="data_root"):
        read_manifest(tmp_path / "a.csv")


def test_data_root_is_a_folder_not_a_prefix_of_letters(tmp_path):
    manifest = Manifest(["a"], ["/data2/x.wav"], [0], [5])
    write_manifest(manifest, tmp_path / "a.csv", data_root="/data")
    assert "/data2/x.wav" in (tmp_path / "a.csv").read_text()


def test_voxceleb_prepare_pieces_become_files(tmp_path):
    def piece(audio_id, start, seconds):
        wav = f"/vox/wav/{audio_id.replace('--', '/')}.wav"
        stop = start + 3
        return f"{audio_id}_{start}.0_{stop}.0,{seconds},{wav},{start * 16000},{stop * 16000},{audio_id[:3]}"

    path = write_csv(
        tmp_path / "train.csv",
        "ID,duration,wav,start,stop,spk_id",
        piece("id1--v--1", 3, 8.12),  # pieces come in any order, and quiet ones are left out
        piece("id2--v--1", 0, 5.0),
        piece("id1--v--1", 0, 8.12),
        piece("id2--w--1", 3, 13.5),
        piece("id2--w--1", 9, 13.5),
        piece("id3--v--1", 0, 3.0),
    )
    manifest = read_manifest(path)
    assert manifest.ids.tolist() == ["id1--v--1", "id2--v--1", "id2--w--1", "id3--v--1_0.0_3.0"]
    assert manifest.durations.tolist() == [6, 3, 9, 3]
    assert manifest.starts.tolist() == [0, 0, 48000, 0]
    assert manifest.spk_ids.tolist() == ["id1", "id2", "id2", "id3"]
    assert manifest.sessions.tolist() == ["id1/v", "id2/v", "id2/w", "id3/v"]


def test_pieces_that_carry_their_own_duration_or_other_speakers_stay_apart(tmp_path):
    path = write_csv(
        tmp_path / "a.csv",
        "ID,duration,wav,start,stop,spk_id",
        "a,3.0,/x/1.wav,0,48000,s1",
        "b,3.01,/x/1.wav,48000,96000,s1",
        "c,9.0,/x/2.wav,0,48000,s1",
        "d,9.0,/x/2.wav,48000,96000,s2",
    )
    assert read_manifest(path).ids.tolist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("seed", range(5))
def test_merging_agrees_with_a_plain_loop(tmp_path, seed):
    rng = np.random.default_rng(seed)
    lines, expected = ["ID,duration,wav,start,stop,spk_id"], {}
    for i in rng.permutation(60):
        wav, start, whole = f"/x/{i % 13}.wav", int(rng.integers(0, 50000)), bool(i % 13 % 2)
        lines.append(f"u{i},{99 if whole else 1},{wav},{start},{start + 16000},")
        low, high = expected.get(wav if whole else i, (start, start + 16000))
        expected[wav if whole else i] = (min(low, start), max(high, start + 16000))
    manifest = read_manifest(write_csv(tmp_path / "a.csv", *lines))
    assert list(zip(manifest.starts.tolist(), manifest.stops.tolist())) == list(expected.values())


def test_lengths_come_from_the_file_where_start_and_stop_are_absent(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 8000)
    lines = ["ID,duration,wav,spk_id", "a,99,$data_root/a.wav,s"]
    manifest = read_manifest(write_csv(tmp_path / "a.csv", *lines), data_root=tmp_path)
    assert manifest.durations.tolist() == [0.5]
    manifest = read_manifest(write_csv(tmp_path / "b.csv", "ID,wav,start,stop", f"a,{tmp_path}/a.wav,6000,"))
    assert manifest[0]["start"] == 6000 and manifest[0]["stop"] == 8000
    with pytest.raises(UserError, match="none.wav"):
        read_manifest(write_csv(tmp_path / "c.csv", "ID,wav", "a,/none.wav"))


@pytest.mark.parametrize("header", ["ID,duration,wav,start,stop", "ID,duration,wav,start,stop,spk_id"])
def test_speaker_labels_are_optional(tmp_path, header):
    row = "a,1.0,/x/a.wav,0,16000" + ("," if header.endswith("spk_id") else "")
    assert read_manifest(write_csv(tmp_path / "a.csv", header, row)).spk_ids is None


@pytest.mark.parametrize(
    "lines, words",
    [
        ([], "lacks the column ID and wav"),
        (["ID,duration,path,start,stop", "a,1,/a.wav,0,9"], "lacks the column wav"),
        (["ID,duration,wav,start,stop,spk_id"], "no rows"),
        (["ID,wav,start,stop", "a,/a.wav,0,9", "b,/b.wav,0"], "the row b has 3 fields"),
        (["ID,wav,start,stop", "a,/a.wav,0,9", "b,/b.wav,zero,9"], "the row b has 'zero' as start"),
        (["ID,wav,start,stop", "a,/a.wav,0,9", "b,/b.wav,9,9"], "the row b has no samples"),
        (["ID,wav,start,stop", "a,/a.wav,-1,9"], "the row a has no samples"),
        (["ID,wav,start,stop", "a,/a.wav,0,9000", "b,/b.wav,0,9000", "a,/c.wav,0,9000"], "the ID a more than once"),
    ],
)
def test_bad_csvs_are_told_in_one_sentence(tmp_path, lines, words):
    path = write_csv(tmp_path / "bad.csv", *lines) if lines else tmp_path / "bad.csv"
    path.touch()
    with pytest.raises(UserError, match=words) as error:
        read_manifest(path)
    assert "bad.csv" in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_no_csv(tmp_path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    for name in ("none.csv", "binary.csv"):
        with pytest.raises(UserError, match=f"{name} cannot be read"):
            read_manifest(tmp_path / name)


def test_subsets_keep_rows_together():
    manifest = random_manifest(30)
    manifest.sessions = groups_from_paths(manifest.wavs, SESSION_PATTERN)
    indices = np.random.default_rng(1).permutation(30)[:11]
    part = manifest.subset(indices)
    assert len(part) == 11
    assert [part[i] for i in range(11)] == [manifest[i] for i in indices]
    assert part.sessions.tolist() == [manifest.sessions[i] for i in indices]
    assert len(manifest.subset(manifest.durations > 2)) == int((manifest.durations > 2).sum())


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        Manifest(["a", "b"], ["a.wav"], [0], [1])


def test_manifests_travel_to_workers():
    manifest = random_manifest(10)
    assert_same(manifest, pickle.loads(pickle.dumps(manifest)))


def test_a_row_takes_little_memory(tmp_path, monkeypatch):
    """The product's lists have a million rows: under 200 bytes each, and no peak on the way."""
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 500)
    write_manifest(random_manifest(8_000), tmp_path / "a.csv")
    tracemalloc.start()
    try:
        manifest = read_manifest(tmp_path / "a.csv")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(manifest) == 8_000
    assert kept / len(manifest) < 200 and peak / len(manifest) < 400


def test_contents_and_blanks_go_out_and_come_back(tmp_path):
    manifest = random_manifest(4)
    manifest.contents = np.array(["0123456789abcdef", "", "1" * 16, "2" * 16], dtype=STRING)
    manifest.ids[2] = " blank"
    write_manifest(manifest, tmp_path / "a.csv")
    assert_same(manifest, read_manifest(tmp_path / "a.csv", session_pattern=None))
    assert manifest.subset([1]).contents.tolist() == [""]


def test_faces_are_read_kept_and_written(tmp_path):
    (tmp_path / "a.csv").write_text("ID,wav,start,stop,face\na,$data_root/a.wav,0,16000,$data_root/f/1\nb,b.wav,0,9,\n")
    manifest = read_manifest(tmp_path / "a.csv", "/data")
    assert manifest.faces.tolist() == ["/data/f/1", ""] and manifest.subset([1]).faces.tolist() == [""]
    write_manifest(manifest, tmp_path / "b.csv", "/data")
    assert "$data_root/f/1" in (tmp_path / "b.csv").read_text()
    assert read_manifest(tmp_path / "b.csv", "/moved").faces.tolist() == ["/moved/f/1", ""]
    (tmp_path / "c.csv").write_text("ID,wav,start,stop,face\na,a.wav,0,16000,$data_root/f/1\n")
    with pytest.raises(UserError, match="give the setting data_root"):
        read_manifest(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("ID,wav,start,stop,face\na,a.wav,0,16000,\n")
    assert read_manifest(tmp_path / "d.csv").faces is None
