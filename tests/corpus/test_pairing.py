"""Items of several modalities joined by ID, and chimeric corpora."""

import csv
import logging
from pathlib import Path

import numpy as np
import pytest

from speechbrain_cadino.corpus.manifest import Manifest, read_manifest
from speechbrain_cadino.corpus.pairing import Pairing, pair_by_speaker
from speechbrain_cadino.corpus.persons import list_persons
from speechbrain_cadino.utils.errors import UserError


def plain(ids):
    """The same joining, word by word."""
    items = list(dict.fromkeys(one for column in ids.values() for one in column))
    return items, {name: [column.index(i) if i in column else -1 for i in items] for name, column in ids.items()}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("modalities", [["voice"], ["voice", "face"], ["face", "voice", "gait"]])
def test_the_first_modalitys_rows_then_what_only_others_have(seed, modalities):
    rng = np.random.default_rng(seed)
    names = [f"{i}ü/é {i % 7}" for i in range(60)]
    ids = {name: rng.permutation(names)[: rng.integers(0, 60)].tolist() for name in modalities}
    items, rows = plain(ids)
    pairing = Pairing.of(ids)
    assert pairing.ids.tolist() == items and len(pairing) == len(items)
    assert {name: column.tolist() for name, column in pairing.rows.items()} == rows
    for name in modalities:
        assert [pairing.ids[item] for item in pairing.items(name)] == ids[name]
        assert pairing.has(name).tolist() == [one in ids[name] for one in items]


@pytest.mark.parametrize("faces", [[], ["b"], ["c", "b", "a"]])
def test_without_further_ids_the_items_are_the_manifests_rows(faces):
    pairing = Pairing.of({"voice": ["c", "a", "b"], "face": faces})
    assert pairing.ids.tolist() == ["c", "a", "b"] and pairing.rows["voice"].tolist() == [0, 1, 2]
    assert pairing.has("face").sum() == len(faces)


@pytest.mark.parametrize("modality", ["voice", "face"])
def test_an_id_that_stands_twice_is_refused(modality):
    ids = {"voice": ["a", "b"], "face": ["b"]}
    ids[modality] = ["x", *ids[modality], "x"]
    with pytest.raises(UserError, match=f"The ID x stands more than once among the rows of the {modality}"):
        Pairing.of(ids)


def voices(speakers=3, sessions=2, utterances=2, known=True):
    names = [
        (f"id{a}", f"s{b}", f"{c}.wav") for a in range(speakers) for b in range(sessions) for c in range(utterances)
    ]
    wavs = ["/data/" + "/".join(name) for name in names]
    columns = [[name[0] for name in names], ["/".join(name[:2]) for name in names]] if known else [None, None]
    return Manifest([wav[6:-4] for wav in wavs], wavs, [0] * len(wavs), [16000] * len(wavs), *columns)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def videos(tmp_path):
    return touch(tmp_path / "faces", *[f"p{a}/v{b}/{c}.jpg" for a in range(5) for b in range(3) for c in range(2)])


@pytest.fixture
def albums(tmp_path):
    return touch(tmp_path / "albums", *[f"p{a}/{c:02d}.PNG" for a in range(4) for c in range(5)])


def persons_of(faces, folder):
    return np.array([Path(face).relative_to(folder).parts[0] for face in faces])


def test_a_speaker_is_one_person_and_a_session_one_folder(videos, tmp_path):
    manifest = voices()
    faces = pair_by_speaker(manifest, videos, tmp_path / "train.csv", seed=3)
    pairs = set(zip(manifest.spk_ids.tolist(), persons_of(faces, videos).tolist()))
    assert len(pairs) == 3 and len({person for _, person in pairs}) == 3
    of_sessions = set(zip(manifest.sessions.tolist(), faces.tolist()))
    assert len(of_sessions) == 6 and len({face for _, face in of_sessions}) == 6
    assert all(Path(face).is_dir() for face in faces)


def test_pictures_in_one_folder_are_shared_out_among_the_sessions(albums, tmp_path):
    manifest = voices(sessions=2, utterances=4)
    faces = pair_by_speaker(manifest, albums, tmp_path / "train.csv")
    for session in set(manifest.sessions.tolist()):
        own, others = set(faces[manifest.sessions == session]), set(faces[manifest.sessions != session])
        assert 2 <= len(own) <= 3 and not own & others  # 5 pictures for two sessions of 4 rows
        assert len(set(persons_of(own, albums))) == 1 and all(Path(face).is_file() for face in own)


def test_the_seed_decides_who_is_paired_with_whom(videos, tmp_path):
    def pairs(seed):
        return pair_by_speaker(voices(), videos, tmp_path / "train.csv", seed=seed).tolist()

    assert pairs(0) == pairs(0)
    assert len({tuple(persons_of(pairs(seed), videos)) for seed in range(12)}) > 6


def test_the_column_is_written_and_can_be_moved(videos, tmp_path):
    faces = pair_by_speaker(voices(), videos, tmp_path / "train.csv", data_root=tmp_path)
    with open(tmp_path / "train.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["face"] for row in rows] == [f"$data_root/{Path(face).relative_to(tmp_path)}" for face in faces]
    assert [row["wav"] for row in rows] == voices().wavs.tolist()
    assert read_manifest(tmp_path / "train.csv", tmp_path).sessions.tolist() == voices().sessions.tolist()


@pytest.mark.parametrize("kind", ["videos", "albums"])
def test_sessions_beyond_a_persons_pictures_have_no_face_and_that_is_told(kind, tmp_path, request, caplog):
    folder = request.getfixturevalue(kind)
    manifest = voices(speakers=2, sessions=8, utterances=1)
    with caplog.at_level(logging.WARNING):
        faces = pair_by_speaker(manifest, folder, tmp_path / "train.csv")
    having = 2 * dict(videos=3, albums=5)[kind]
    assert (faces != "").sum() == having == len(set(faces[faces != ""]))
    assert f"{16 - having} of 16 sessions ({16 - having} of 16 rows) stay without a face" in caplog.text


def test_unknown_speakers_and_unknown_sessions(videos, tmp_path):
    manifest = voices(speakers=2, sessions=1, utterances=3)
    manifest.spk_ids[[1, 4]] = ""
    manifest.sessions = None  # each file is one
    faces = pair_by_speaker(manifest, videos, tmp_path / "train.csv")
    assert (faces == "").tolist() == [False, True, False, False, True, False]
    assert len(set(faces.tolist())) == 5
    for unknown in (None, np.array([""] * 6, np.dtypes.StringDType())):
        manifest.spk_ids = unknown
        with pytest.raises(UserError, match="has no spk_id"):
            pair_by_speaker(manifest, videos, tmp_path / "other.csv")
    assert not (tmp_path / "other.csv").exists()


def test_two_speakers_of_one_recording_are_two_persons(videos, tmp_path):
    manifest = voices(speakers=2, sessions=1, utterances=2)
    manifest.sessions[:] = "call"
    faces = pair_by_speaker(manifest, videos, tmp_path / "train.csv")
    assert len(set(zip(manifest.spk_ids.tolist(), faces.tolist()))) == 2 == len(set(persons_of(faces, videos)))


def test_fewer_persons_than_speakers(videos, tmp_path):
    with pytest.raises(UserError, match="pictures of 5 persons for 6 speakers"):
        pair_by_speaker(voices(speakers=6), videos, tmp_path / "train.csv")
    assert not (tmp_path / "train.csv").exists()


def test_persons_are_listed_whatever_lies_beside_their_pictures(tmp_path, caplog):
    folder = touch(
        tmp_path / "faces", "a/1.6/x/01.jpg", "a/1.6/y/01.JPEG", "a/1.6/notes.txt", "a/.cache/1.jpg", "b/1.webp",
        "b/2.bmp", "b/Thumbs.db", "c/own.png", "c/v/1.png", "readme.txt", "loose.jpg", "d/list.txt", ".trash/1/1.jpg",
    )  # fmt: skip
    (folder / "e").symlink_to(folder / "b")
    (folder / "a/1.6/back").symlink_to(folder / "a")
    with caplog.at_level(logging.WARNING):
        persons = list_persons(folder)
    assert list(persons) == ["a", "b", "c", "e"] and "1 folders without pictures, such as d" in caplog.text
    assert persons["a"].folders == [f"{folder}/a/1.6/x", f"{folder}/a/1.6/y"] and persons["a"].pictures == []
    assert persons["b"].pictures == [f"{folder}/b/1.webp", f"{folder}/b/2.bmp"] and persons["b"].folders == []
    assert persons["c"].folders == [f"{folder}/c", f"{folder}/c/v"]
    assert persons["e"].pictures == [f"{folder}/e/1.webp", f"{folder}/e/2.bmp"]


@pytest.mark.parametrize(
    "made, says", [([], "no folder"), (["1.jpg"], "no folder with pictures"), (["a/1.txt"], "no folder with")]
)
def test_a_folder_without_persons(tmp_path, made, says):
    with pytest.raises(UserError, match=says):
        list_persons(touch(tmp_path / "faces", *made))


def test_many_items_are_joined_in_seconds():
    import time

    ids = np.array([f"id{i % 5994:05d}/{i}" for i in range(300_000)], np.dtypes.StringDType())
    start = time.process_time()
    pairing = Pairing.of({"voice": ids, "face": ids[::-2]})
    assert len(pairing) == 300_000 and time.process_time() - start < 10


def test_relative_folders_mean_the_same_when_the_column_is_read(tmp_path, videos, monkeypatch):
    """A relative path in a column starts from the folder of faces, or the data folder, not from the present one."""
    monkeypatch.chdir(tmp_path)
    faces = pair_by_speaker(voices(), "faces", "paired.csv", "data")
    column = read_manifest("paired.csv", "data").faces.tolist()
    assert column == faces.tolist() and all(Path("nowhere", face).is_dir() for face in column)
    below = pair_by_speaker(voices(), "faces", "below.csv", ".")
    assert "$data_root/faces/p" in Path("below.csv").read_text()
    assert read_manifest("below.csv", ".").faces.tolist() == below.tolist() == column
