"""Items and their frames, on disk and back."""

import os

import numpy as np
import pytest

from speechbrain_cadino.faces.listing import list_sets, list_tree
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.table import read_face_manifest, write_face_manifest
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save


def test_frames_are_what_the_folder_holds(faces):
    assert faces.n_frames.tolist() == [1, 1, 1, 3, 7, 7]
    for row in range(6):
        path = faces.paths[row]
        wanted = [path] if os.path.isfile(path) else [f"{path}/{name}" for name in sorted(os.listdir(path))]
        assert faces.frames(row) == wanted
        assert [faces.frame(row, number) for number in range(len(wanted))] == wanted
    assert faces.one_of_each_set().tolist() == [0, 1, 2, 3, 4]
    assert faces.subset([5, 1]).frames(0) == faces.frames(5)


def test_what_is_no_picture_is_no_frame(tmp_path):
    for name in ("b.jpg", "a.JPG", ".hidden.jpg", "notes.txt"):
        save(tmp_path / name, picture(0)) if name[-1] != "t" else (tmp_path / name).write_text("")
    (tmp_path / "sub.jpg").mkdir()
    (tmp_path / "dead.jpg").symlink_to("nowhere")
    (tmp_path / "line\nbreak.jpg").write_text("")
    found = list_sets([str(tmp_path), str(tmp_path / "gone"), str(tmp_path / "sub.jpg")])
    assert found.names.tolist() == ["a.JPG", "b.jpg"] and found.offsets.tolist() == [0, 2, 2, 2]
    reasons = {os.path.basename(path): reason for path, reason in found.rejected}
    assert "No such file" in reasons["dead.jpg"] and "line break" in reasons["line\\nbreak.jpg"]
    assert "No such file" in reasons["gone"] and "holds no picture" in reasons["sub.jpg"] and len(reasons) == 4


def test_a_tree_is_its_folders_with_pictures_each_once(tmp_path):
    for name in ("b/2/x.jpg", "b/1/x.jpg", "b/1/w.png", "a.jpg", "c/notes.txt"):
        save(tmp_path / name, picture(0)) if name[-1] != "t" else (tmp_path / "c").mkdir()
    (tmp_path / "b" / "1" / "back").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "b" / "2")
    found = list_tree(tmp_path)
    below = [os.path.relpath(path, tmp_path) for path in found.paths.tolist()]
    assert below == [".", "b/1", "b/2"], "a folder by its own place, not by that of a link"
    assert found.pictures(1) == [f"{tmp_path}/b/1/w.png", f"{tmp_path}/b/1/x.jpg"]
    before = found.digest()
    assert list_tree(tmp_path).digest() == before
    save(tmp_path / "b" / "1" / "x.jpg", picture(1))
    assert list_tree(tmp_path).digest() != before


@pytest.mark.parametrize("known", [False, True])
def test_written_and_read_again(faces, tmp_path, known):
    if known:
        faces.spk_ids, faces.sessions = (np.array([f"{c}{row}" for row in range(6)]) for c in "ps")
    write_face_manifest(faces, tmp_path / "faces.csv", tmp_path / "nowhere", tmp_path / "faces")
    text = (tmp_path / "faces.csv").read_text()
    assert "$face_root/f2,7" in text and str(tmp_path) not in text
    os.rename(tmp_path / "faces", tmp_path / "moved")
    again = read_face_manifest(tmp_path / "faces.csv", face_root=tmp_path / "moved")
    assert again.ids.tolist() == faces.ids.tolist()
    assert again.frames(5) == [path.replace("/faces/", "/moved/") for path in faces.frames(5)]
    assert [again.frames(row) for row in range(5)] == [
        [path.replace("/faces/", "/moved/") for path in faces.frames(row)] for row in range(5)
    ]
    assert (again.spk_ids is None) is not known and (again.sessions is None) is not known
    with pytest.raises(UserError, match="names its faces by .face_root: give the setting face_root"):
        read_face_manifest(tmp_path / "faces.csv")
    (tmp_path / "faces.frames.txt").write_text("a.jpg\n")
    with pytest.raises(UserError, match="do not belong together"):
        read_face_manifest(tmp_path / "faces.csv", face_root=tmp_path)


def test_a_subset_is_written_with_its_own_frames(faces, tmp_path):
    part = faces.subset([4, 0, 5])
    write_face_manifest(part, tmp_path / "faces.csv")
    again = read_face_manifest(tmp_path / "faces.csv")
    assert [again.frames(row) for row in range(3)] == [part.frames(row) for row in range(3)]
    assert len(again.names) == 8


def test_the_digest_changes_with_pictures_and_items_alone(faces, tmp_path, monkeypatch):
    first = faces.digest()
    assert faces.subset(np.arange(6)).digest() == first != faces.subset([0, 1]).digest()
    os.rename(tmp_path / "faces", tmp_path / "moved")
    moved = FaceManifest.of(faces.ids, [path.replace("/faces/", "/moved/") for path in faces.paths.tolist()])
    assert moved.digest() == first
    save(tmp_path / "moved" / "f2" / "003.jpg", picture(99))
    assert moved.digest() != first
    monkeypatch.setattr("speechbrain_cadino.faces.manifest.WHOLE_FRAMES", 3)
    first = moved.digest()
    save(tmp_path / "moved" / "f2" / "000.jpg", picture(98))
    assert moved.digest() != first


def test_columns_of_one_length():
    with pytest.raises(ValueError, match="must be of one length"):
        FaceManifest(["a"], ["a.png", "b.png"], [0], [0, 1], [""])
