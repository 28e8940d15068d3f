"""Test speech under another name: copies, byte for byte, in every way that data comes in."""

import shutil

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus import copies
from speechbrain_cadino.corpus.copies import find_copies
from speechbrain_cadino.corpus.held_out import drop_held_out
from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.utils.errors import UserError


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return str(path)


def test_against_the_plain_version(tmp_path):
    """Any two files: alike if their bytes are; empty ones, folders and absent ones are no copies."""
    rng = np.random.default_rng(0)
    texts = [bytes(rng.integers(0, 2, size=size, dtype=np.uint8)) for size in (0, 1, 2, 3, 3, 2, 1) for _ in range(5)]
    texts += [b"a" * 9000, b"a" * 4500 + b"b" + b"a" * 4499]  # alike in the four pieces that are read first
    wavs = [write(tmp_path / f"mine/{i}", text) for i, text in enumerate(texts)]
    originals = [write(tmp_path / f"theirs/{i}", text) for i, text in enumerate(texts[3::2])]
    found = find_copies([*wavs, str(tmp_path), f"{tmp_path}/absent"], [f"{tmp_path}/gone", *originals, str(tmp_path)])
    assert sorted(found) == [row for row, text in enumerate(texts) if text and text in texts[3::2]]
    assert all(open(original, "rb").read() == texts[row] for row, original in found.items())
    sizes, hashes = [len(text) for text in texts], [copies.content_hash(wav) for wav in wavs]
    assert find_copies(wavs, originals, sizes, hashes) == found
    assert find_copies(wavs, originals, sizes, [""] * len(wavs)) == {}


def test_only_what_may_be_a_copy_is_read(tmp_path, monkeypatch):
    wavs = [write(tmp_path / f"mine/{i}", bytes([i]) * (10000 + i)) for i in range(20)]
    originals = [write(tmp_path / "a", b"x" * 10003), write(tmp_path / "b", bytes([5]) * 10005)]
    read, hash_of = [], copies.content_hash
    monkeypatch.setattr(copies, "content_hash", lambda path, whole: read.append((path, whole)) or hash_of(path, whole))
    assert find_copies(wavs, originals) == {5: originals[1]}
    assert sorted(read) == sorted(
        [
            (wavs[3], False),
            (wavs[5], False),
            *((path, False) for path in originals),
            (wavs[5], True),
            (originals[1], True),
        ]
    )


@pytest.fixture
def test_speech(voxceleb, tmp_path):
    """A folder ``test`` with four utterances, of which copies lie in the corpus, and its trial list."""
    rng = np.random.default_rng(1)
    for number in range(4):
        path = tmp_path / f"test/s{number}/1.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, rng.uniform(-0.3, 0.3, 24000), 16000)
    (tmp_path / "trials.txt").write_text("1 s0/1.wav s1/1.wav\n0 s2/1.wav s3/1.wav\n")
    for number, name in enumerate(["wav/id0/v0/7.wav", "wav/x.wav", "other/deep/9.wav"]):
        (voxceleb / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / f"test/s{number}/1.wav", voxceleb / name)
    return tmp_path


@pytest.mark.parametrize("way", ["folder", "file_list", "train_csv"])
def test_copies_are_left_out_and_said(prepare, voxceleb, test_speech, tmp_path, capsys, way):
    every = prepare.prepare_corpus(voxceleb, tmp_path / "every")
    assert len(read_manifest(every, voxceleb)) == 15
    (tmp_path / "list.txt").write_text("wav/id1/v0/0.wav\nwav/x.wav\nother/deep/9.wav")
    source = {"folder": {}, "file_list": {"file_list": tmp_path / "list.txt"}, "train_csv": {"train_csv": every}}[way]
    held_out = dict(trials=[tmp_path / "trials.txt"], trial_folders=[tmp_path / "test"])
    capsys.readouterr()
    path = prepare.prepare_corpus(voxceleb, tmp_path / "out", **source, **held_out)
    names = [wav.removeprefix(f"{voxceleb}/") for wav in read_manifest(path, voxceleb).wavs]
    assert len(names) == (1 if way == "file_list" else 12) and "wav/id1/v0/0.wav" in names
    assert not {"wav/id0/v0/7.wav", "wav/x.wav", "other/deep/9.wav"} & set(names)
    said, n_copies = capsys.readouterr().out, 2 if way == "file_list" else 3
    assert f"{n_copies} files left out for the trials" in said
    assert f"{n_copies} files are copies of held-out ones under other names and left out too, such as " in said
    prepare.prepare_corpus(voxceleb, tmp_path / "out", **source, **held_out)
    assert "prepared already" in capsys.readouterr().out


def test_copies_of_what_is_named_in_the_corpus_itself(prepare, voxceleb, tmp_path):
    shutil.copy(voxceleb / "wav/id0/v0/0.wav", voxceleb / "wav/id2/v1/again.wav")
    (tmp_path / "trials.txt").write_text("1 id0/v0/0.wav id0/v0/1.wav\n")
    path = prepare.prepare_corpus(voxceleb, tmp_path / "out", trials=[tmp_path / "trials.txt"])
    assert len(read_manifest(path, voxceleb)) == 10


def test_a_corpus_of_copies_alone(prepare, test_speech, tmp_path):
    shutil.copytree(tmp_path / "test", tmp_path / "renamed")
    for number in range(4):
        (tmp_path / f"renamed/s{number}").rename(tmp_path / f"renamed/talker{number}")
    held_out = dict(trials=[tmp_path / "trials.txt"], trial_folders=[tmp_path / "test"])
    with pytest.raises(UserError, match="The trial lists name every file"):
        prepare.prepare_corpus(tmp_path / "renamed", tmp_path / "out", **held_out)
    assert not (tmp_path / "out").exists()


def test_a_cohort(prepare, voxceleb, test_speech, tmp_path):
    cohort = read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out"), voxceleb)
    kept, out = drop_held_out(cohort, "cohort.csv", [tmp_path / "trials.txt"], voxceleb, [tmp_path / "test"])
    assert len(kept) == 12 and len(out.copies) == 3 and int(out.mask.sum()) == 3
    assert f"3 files are copies of held-out ones under other names and left out too, such as {voxceleb}" in " ".join(
        out.sentences()
    )


def test_later_copies_are_noticed(prepare, voxceleb, test_speech, tmp_path):
    """A file that becomes a copy between two starts, at an equal length."""
    held_out = dict(trials=[tmp_path / "trials.txt"], trial_folders=[tmp_path / "test"])
    assert len(read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out", **held_out), voxceleb)) == 12
    shutil.copy(tmp_path / "test/s3/1.wav", voxceleb / "wav/id1/v1/1.wav")
    assert len(read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out", **held_out), voxceleb)) == 11
