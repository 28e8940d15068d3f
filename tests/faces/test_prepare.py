"""Faces found by a column and by names, checked, kept, and made anew only where something has changed."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from speechbrain_cadino.corpus.manifest import Manifest, read_manifest, write_manifest
from speechbrain_cadino.faces import checking
from speechbrain_cadino.faces.digests import face_folder_digest
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.matching import _Index, face_keys, held_out_faces
from speechbrain_cadino.faces.prepare import prepare_faces
from speechbrain_cadino.faces.recordings import faces_of_recordings
from speechbrain_cadino.faces.table import read_face_manifest
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save

NAMES = ["id1/va/1.wav", "id1/va/2.wav", "id1/vb/1.wav", "id2/vc/1.wav", "id3/vd/1.wav"]


def make_manifest(faces=None, sessions=True):
    wavs = [f"/data/wav/{name}" for name in NAMES]
    sessions = [name.rsplit("/", 1)[0] for name in NAMES] if sessions else None
    return Manifest(NAMES, wavs, [0] * 5, [16000] * 5, [name[:3] for name in NAMES], sessions, faces=faces)


@pytest.fixture
def root(tmp_path):
    """VoxCeleb's layout: three of the four videos, and two of no utterance."""
    for number, video in enumerate(("id1/va", "id1/vb", "id2/vc", "id4/ve", "id5/vf")):
        for frame in range(2):
            save(tmp_path / "F" / video / f"{frame}.jpg", picture(10 * number + frame))
    return tmp_path / "F"


def prepare(tmp_path, root, manifest=None, **settings):
    settings = {"face_folder": root, "data_folder": "/data/wav", **settings}
    path = prepare_faces(tmp_path / "save", manifest or make_manifest(), **settings)
    return read_face_manifest(path, settings["data_folder"], settings["face_folder"])


def rejected_faces(tmp_path):
    with open(tmp_path / "save" / "rejected_faces.csv", newline="") as file:
        return dict(list(csv.reader(file))[1:])


def test_voxcelebs_layout(tmp_path, root, capsys):
    faces = prepare(tmp_path, root, speaker_pattern="^([^/]+)/")
    assert faces.ids.tolist() == [*NAMES[:4], "face:id4/ve", "face:id5/vf"]
    assert [os.path.relpath(path, root) for path in faces.paths.tolist()] == [
        "id1/va", "id1/va", "id1/vb", "id2/vc", "id4/ve", "id5/vf",
    ]  # fmt: skip
    assert faces.frames(0) == [f"{root}/id1/va/0.jpg", f"{root}/id1/va/1.jpg"]
    assert faces.spk_ids.tolist() == ["id1", "id1", "id1", "id2", "id4", "id5"]
    assert faces.sessions.tolist() == ["id1/va", "id1/va", "id1/vb", "id2/vc", "id4/ve", "id5/vf"]
    said = capsys.readouterr().out
    assert "4 of 5 utterances have a face, 2 faces have no utterance; 10 pictures" in said
    assert "1 utterances have no face, such as id3/vd/1.wav" in said and "0 set aside" in said
    assert rejected_faces(tmp_path) == {}


def test_pictures_in_the_face_folder_itself(tmp_path):
    """What lies there is called by the folder's place nowhere, so that the folder can be moved."""
    manifest, (root, moved) = make_manifest(), (tmp_path / name for name in ("F", "G"))
    for number in range(2):
        save(root / f"{number}.jpg", picture(number))
    (root / "2.jpg").write_bytes(b"")
    before = face_folder_digest(root)
    faces = prepare(tmp_path, root, manifest)
    assert faces.ids.tolist() == ["face:."] and faces.sessions is None and list(rejected_faces(tmp_path)) == ["2.jpg"]
    os.rename(root, moved)
    assert face_folder_digest(moved) == before != "absent"
    again = read_face_manifest(tmp_path / "save" / "faces.csv", "/data/wav", moved)
    assert again.frames(0) == [f"{moved}/0.jpg", f"{moved}/1.jpg"] and again.digest() == faces_digest(moved, ["face:."])


def faces_digest(folder, ids):
    return FaceManifest(ids, [str(folder)], [0], [0, 2], ["0.jpg", "1.jpg"]).digest()


def test_faces_alone_only_where_wanted(tmp_path, root, capsys):
    assert prepare(tmp_path, root, faces_alone=False).ids.tolist() == NAMES[:4]
    said = capsys.readouterr().out
    assert "4 of 5 utterances have a face; 6 pictures" in said  # not "0 faces have no utterance", which two have
    assert "2 other faces are of none of these utterances, and are not used" in said


def test_folders_before_the_name(tmp_path, root):
    os.renames(root / "id1", root / "dev" / "x" / "id1")
    faces = prepare(tmp_path, root)
    assert faces.paths[2] == f"{root}/dev/x/id1/vb" and faces.ids.tolist()[:4] == NAMES[:4]
    save(root / "test" / "id1" / "va" / "0.jpg", picture(0))
    with pytest.raises(UserError, match="face of id1/va may be dev/x/id1/va or test/id1/va"):
        prepare(tmp_path, root)


def test_pictures_of_utterances_by_another_pattern(tmp_path, root):
    for name in ("id1/va/1.png", "id1/va/2.jpg", "id3/vd/1/a.jpg"):
        save(root / name, picture(50))
    faces = prepare(tmp_path, root, face_pattern=r"([^/]+/[^/]+/[^/]+)\.[^.]+$", faces_alone=False)
    found = {name: os.path.relpath(path, root) for name, path in zip(faces.ids.tolist(), faces.paths.tolist())}
    assert found.pop("id1/va/1.wav") in ("id1/va/1.jpg", "id1/va/1.png")
    # id1/vb/1.jpg is a picture of that name, a frame by its own counting
    assert found == {
        "id1/va/2.wav": "id1/va/2.jpg", "id1/vb/1.wav": "id1/vb/1.jpg", "id2/vc/1.wav": "id2/vc/1.jpg",
        "id3/vd/1.wav": "id3/vd/1",
    }  # fmt: skip
    faces = prepare(tmp_path, root, face_pattern=r"([^/]+/[^/]+/[^/]+)\.[^.]+$")
    assert "face:id1/vb/0.jpg" in faces.ids.tolist() and "face:id4/ve" in faces.ids.tolist()


def test_a_column_of_faces(tmp_path, root):
    column = ["id1/va", f"{root}/id1/vb/1.jpg", "", "gone", "id2/vc"]
    faces = prepare(tmp_path, root, make_manifest(column))
    assert faces.ids.tolist() == [NAMES[0], NAMES[1], NAMES[4]] and faces.n_frames.tolist() == [2, 1, 2]
    assert faces.frames(1) == [f"{root}/id1/vb/1.jpg"]
    assert rejected_faces(tmp_path) == {"gone": "cannot be opened (No such file or directory)"}
    text = (tmp_path / "save" / "faces.csv").read_text()
    assert "$face_root/id1/va" in text and str(root) not in text
    faces = prepare(tmp_path, None, make_manifest(column), data_folder=root)
    assert faces.ids.tolist() == [NAMES[0], NAMES[1], NAMES[4]]
    assert "$data_root/id1/va" in (tmp_path / "save" / "faces.csv").read_text()


def make_bad(root):
    (root / "id1" / "va" / "0.jpg").write_bytes(b"")
    data = (root / "id1" / "vb" / "0.jpg").read_bytes()
    (root / "id1" / "vb" / "0.jpg").write_bytes(data[:-60])
    for frame in range(2):
        (root / "id2" / "vc" / f"{frame}.jpg").write_text("no picture")
    save(root / "id4" / "ve" / "0.jpg", picture(0, 8, 8))


def test_bad_pictures_are_listed_and_an_item_of_bad_ones_has_no_face(tmp_path, root, capsys):
    make_bad(root)
    faces = prepare(tmp_path, root)
    assert faces.ids.tolist() == [*NAMES[:3], "face:id4/ve", "face:id5/vf"]
    assert faces.n_frames.tolist() == [1, 1, 1, 1, 2] and faces.frames(2) == [f"{root}/id1/vb/1.jpg"]
    rejected = rejected_faces(tmp_path)
    assert rejected["id1/va/0.jpg"] == "the file is empty" and "breaks off" in rejected["id1/vb/0.jpg"]
    assert "not readable" in rejected["id2/vc/1.jpg"] and "too small (8 x 8" in rejected["id4/ve/0.jpg"]
    assert rejected["id2/vc"] == "has no picture that can be used" and len(rejected) == 6
    said = capsys.readouterr().out
    assert "3 of 5 utterances have a face, 2 faces have no utterance" in said and "6 set aside" in said


def test_of_many_pictures_headers_are_read(tmp_path, root, capsys, monkeypatch):
    make_bad(root)
    monkeypatch.setattr(checking, "DECODED", 9)
    faces = prepare(tmp_path, root)
    assert faces.frames(2) == [f"{root}/id1/vb/0.jpg", f"{root}/id1/vb/1.jpg"], "it breaks off behind its header"
    assert faces.n_frames.tolist() == [1, 1, 2, 1, 2] and "only the headers were read" in capsys.readouterr().out


def test_far_from_square_is_told(tmp_path, root, capsys):
    save(root / "id1" / "va" / "0.jpg", picture(0, 40, 80))
    assert prepare(tmp_path, root).n_frames[0] == 2
    assert "1 pictures are far from square and are stretched" in capsys.readouterr().out


def test_nothing_is_done_again_unless_something_changes(tmp_path, root, capsys, monkeypatch):
    calls, real = [], checking.image_ratio
    monkeypatch.setattr(checking, "image_ratio", lambda path: calls.append(path) or real(path))

    def looked(**settings):
        calls.clear()
        prepare(tmp_path, root, **settings)
        return len(calls)

    assert [looked(), looked()] == [10, 0] and "prepared already" in capsys.readouterr().out
    save(root / "id5" / "vf" / "9.jpg", picture(7))
    assert [looked(), looked()] == [11, 0]
    os.remove(root / "id5" / "vf" / "9.jpg")
    assert [looked(), looked()] == [10, 0]
    save(root / "id5" / "vf" / "0.jpg", picture(7))
    assert [looked(), looked()] == [10, 0]
    assert [looked(faces_alone=False), looked(faces_alone=False)] == [6, 0]
    assert looked(manifest=make_manifest(sessions=True).subset(np.arange(3))) == 10
    (tmp_path / "save" / "faces.json").unlink()
    assert looked() == 10


def test_faces_of_trials_do_not_train(tmp_path, root, capsys):
    trials = tmp_path / "trials.txt"
    trials.write_text("1 id4/ve/7.wav ID1/vb/3.flac\n0 id4/ve/8.wav elsewhere/id9/x/1.wav\n")
    faces = prepare(tmp_path, root, trials=[trials])
    assert faces.ids.tolist() == [NAMES[0], NAMES[1], NAMES[3], "face:id5/vf"]
    assert "2 faces are left out for the trials, such as" in capsys.readouterr().out


@pytest.mark.parametrize("data_folder", ["wav", "./wav/", Path("wav"), "a//wav"])
def test_faces_of_recordings_by_their_names_below_the_data_folder(tmp_path, root, data_folder):
    save(root / "id1" / "0.jpg", picture(3))
    names, pattern = ["id1/va/1.wav", "id4/ve/1.wav"], "^([^/]+)/"
    faces = faces_of_recordings(names, data_folder, root, tmp_path / "save", pattern)
    assert faces.ids.tolist() == names[:1] and faces.frames(0) == [f"{root}/id1/0.jpg"]


def test_held_out_faces_by_names_of_any_depth(tmp_path):
    trials = tmp_path / "trials.txt"
    trials.write_text("1 p1/a/1.wav /data/p2/b/1.wav\n0 solo.wav p1/a/1.wav\n")
    paths = [
        "/f/p1/a",
        "/f/dev/p1/a",
        "/f/p1/b",
        "/f/P2/b",
        "/g/solo.jpg",
        "/g/solo2.jpg",
        "/f/p1/a/1.png",
        "/p1/a/2.png",
    ]
    out = held_out_faces(paths, r"(?:^|/)([^/]+/[^/]+)/[^/]+$", [trials])
    assert out.tolist() == [True, True, False, True, True, False, True, True]


@pytest.mark.parametrize("face_folder", ["F", "./F/", None])
def test_a_column_of_faces_in_any_spelling(tmp_path, root, monkeypatch, face_folder):
    """``$data_root`` of a relative data folder is no path below the folder of faces; one place is one set."""
    monkeypatch.chdir(tmp_path)
    os.symlink(root, tmp_path / "link")
    (tmp_path / "wav").symlink_to(root)
    column = ["$data_root/id1/va", "$data_root/id1//va/", f"{tmp_path}/link/id1/./va", f"{tmp_path}/F/id1/../id1/va"]
    column.append("id2/vc/")
    rows = "".join(f"{name},$data_root/{name},0,16000,{face}\n" for name, face in zip(NAMES, column))
    (tmp_path / "train.csv").write_text(f"ID,wav,start,stop,face\n{rows}")
    manifest = read_manifest(tmp_path / "train.csv", "wav")
    assert manifest.wavs[0] == f"wav/{NAMES[0]}", "the audio's are as before"
    write_manifest(manifest, tmp_path / "again.csv", "wav")
    assert "$data_root/id1/va" in (tmp_path / "again.csv").read_text()
    for one in (manifest, read_manifest(tmp_path / "again.csv", "wav")):
        faces = prepare(tmp_path, face_folder, one, data_folder="wav")
        assert faces.ids.tolist() == NAMES and rejected_faces(tmp_path) == {}
        assert faces.sets.tolist() == [0, 0, 0, 0, 1] and faces.n_frames.tolist() == [2] * 5
        assert all(os.path.isfile(frame) for row in range(5) for frame in faces.frames(row))
        assert str(tmp_path) not in (tmp_path / "save" / "faces.csv").read_text()


def test_what_is_no_file_is_not_waited_for(tmp_path, root):
    os.mkfifo(root / "id1" / "va" / "pipe.jpg")
    os.mkfifo(root / "one.png")
    assert prepare(tmp_path, root).n_frames[0] == 2
    assert rejected_faces(tmp_path)["id1/va/pipe.jpg"] == "cannot be opened (it is no file)"
    column = ["one.png", "id1/vb", "", "", ""]
    assert prepare(tmp_path, root, make_manifest(column)).ids.tolist() == NAMES[1:2]
    assert rejected_faces(tmp_path) == {"one.png": "cannot be opened (it is no file)"}


def test_held_out_faces_behind_links_and_in_folders_below(tmp_path, root):
    """The trials name id4/ve: a link to it under another name, and frames in folders of their own, are held out."""
    for name in ("id4/ve/frames", "id4/ve/7/crops", "id4/ve2/frames"):
        save(root / name / "0.jpg", picture(3))
    os.makedirs(tmp_path / "elsewhere" / "id4")
    os.rename(root / "id5" / "vf", tmp_path / "elsewhere" / "id4" / "ve")
    os.symlink(tmp_path / "elsewhere" / "id4" / "ve", root / "id5" / "vf")
    (tmp_path / "trials.txt").write_text("1 id4/ve/7.wav 2.wav\n0 id4/ve/8.wav 2.wav\n")
    save(root / "2" / "id6" / "vg" / "0.jpg", picture(4))  # no utterance is called as a folder above is
    faces = prepare(tmp_path, root, trials=[tmp_path / "trials.txt"])
    assert faces.ids.tolist() == [*NAMES[:4], "face:2/id6/vg", "face:id4/ve2/frames"]


def test_a_folder_of_faces_below_what_the_trials_name(tmp_path):
    """Trials of /data/wav/1.wav are of the folder data/wav, and no face below it is held out for that alone."""
    place = tmp_path / "data" / "wav" / "faces" / "id1" / "va"
    save(place / "0.jpg", picture(3))
    name = tmp_path / "data" / "wav" / "1.wav"
    (tmp_path / "trials.txt").write_text(f"1 {name} {name}\n0 {name} {name}\n")
    pattern = r"(?:^|/)([^/]+/[^/]+)/[^/]+$"
    assert not held_out_faces([str(place)], pattern, [tmp_path / "trials.txt"], tmp_path / "data/wav/faces").any()


@pytest.mark.parametrize("name", ["id1-a-b_c-001.wav", "id1--a-b_c--001.wav", "'x/id1/a-b_c/001.wav'"])
def test_held_out_faces_of_names_whose_folders_are_joined(tmp_path, name):
    (tmp_path / "trials.txt").write_text(f"1 {name} {name}\n0 {name} {name}\n")
    out = held_out_faces(["/f/id1/a-b_c", "/f/id1/other"], r"(?:^|/)([^/]+/[^/]+)/[^/]+$", [tmp_path / "trials.txt"])
    assert out.tolist() == [True, False]


def test_a_group_that_finds_nothing(tmp_path):
    (tmp_path / "trials.txt").write_text("1 a/1.wav b.wav\n0 a/1.wav b.wav\n")
    pattern = r"^(?:([^/]+)/)?[^/]+$"
    assert face_keys(["a/1.wav", "b.wav"], pattern) == ["a", None]
    assert face_keys(["a/1.wav", "/1.wav"], "^([^/]*)/") == ["a", None]
    assert held_out_faces(["/f/a", "/f/c"], pattern, [tmp_path / "trials.txt"]).tolist() == [True, False]


def test_keys_without_a_face_are_looked_up_in_a_list_made_once(tmp_path, root, monkeypatch):
    calls, real = [], _Index._by_ending
    monkeypatch.setattr(_Index, "_by_ending", lambda index, depth: calls.append(depth) or real(index, depth))
    prepare(tmp_path, root, face_pattern=r"([^/]+/[^/]+)\.wav$")
    prepare(tmp_path, root, face_pattern=r"([^/]+)\.wav$")
    assert sorted(calls) == [0, 0, 1]


def test_keys():
    assert face_keys(["/d/a/b/c.wav", "/d/c.wav"], r"(?:^|/)([^/]+/[^/]+)/[^/]+$", "/d") == ["a/b", None]


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(face_folder="nowhere"), "face folder nowhere does not exist"),
        (dict(face_folder=None), "There are no faces: give face_folder, or a train_csv with a column face"),
        (dict(face_pattern="("), "face_pattern '.' is not a regular expression"),
        (dict(face_pattern="a"), "face_pattern 'a' has no group"),
        (dict(face_pattern="(x+)", faces_alone=False), "No face can be used of .*check face_folder, face_pattern"),
        (dict(trials=["nowhere.txt"]), "nowhere.txt cannot be read"),
    ],
)
def test_mistakes(tmp_path, root, settings, said):
    with pytest.raises(UserError, match=said):
        prepare(tmp_path, root, **settings)
    assert not (tmp_path / "save").exists()


def test_a_folder_without_pictures(tmp_path, capsys):
    (tmp_path / "F" / "a").mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(UserError, match="No face can be used"):
            prepare(tmp_path, tmp_path / "F")
        assert len(prepare(tmp_path, tmp_path / "F", needed=False)) == 0
    assert len(prepare(tmp_path, tmp_path / "F", needed=False)) == 0 and "already" in capsys.readouterr().out
