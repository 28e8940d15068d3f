"""Faces as a modality of stage II: whether trials can be scored by them is told before anything is trained."""

import logging

import pytest

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.faces.modality import Faces
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save, tiny_face_encoder


@pytest.mark.parametrize("n_faces", [0, 1, 2])
def test_trials_are_scored_by_faces_if_two_recordings_have_one(tmp_path, caplog, n_faces):
    for number, name in enumerate(["id1/va", "id7/vx", "id8/vy"][: n_faces + 1]):
        save(tmp_path / "F" / name / "0.png", picture(number))
    (tmp_path / "trials.txt").write_text("1 id7/vx/1.wav id8/vy/1.wav\n0 id7/vx/1.wav id9/vz/1.wav\n")
    encoder = export_face_encoder(tiny_face_encoder(), tmp_path / "encoder")
    places = dict(development_folder="/data", development_face_folder=str(tmp_path / "F"))
    faces = Faces(str(tmp_path / "F"), 16, 0, None, "/data", str(tmp_path / "trials.txt"), **places)
    with caplog.at_level(logging.WARNING):
        found = faces.manifest(Manifest(["a"], ["/data/id1/va/1.wav"], [0], [16000]), tmp_path)
    assert found.ids.tolist() == ["a"], "those of trials are left out"
    told = f"{n_faces} recordings of the trial lists have a face: check development_face_folder" in caplog.text
    assert told is (n_faces < 2)
    embedded = faces.embed_trials(encoder, "cpu")
    if n_faces < 2:
        assert embedded is None
    else:
        assert embedded[0].shape == (2, 12) and embedded[1] == ["id7/vx/1.wav", "id8/vy/1.wav"]


def test_a_face_has_a_frame_at_least():
    for n_frames in (0, 2.5, "5", True):
        with pytest.raises(UserError, match=f"n_frames {n_frames}: set a whole number from 1 on"):
            Faces(None, 16, 0, n_frames=n_frames)
