"""The demo's faces: VoxCeleb's layout, one person in all sessions, what the settings do, and one copy for all."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from speechbrain_cadino.demo import faces as demo
from speechbrain_cadino.demo.corpus import make_demo_corpus, speakers_of
from speechbrain_cadino.demo.face_drawing import draw_face
from speechbrain_cadino.demo.face_geometry import ellipse, fill, head_surface, pixel_grid
from speechbrain_cadino.demo.face_person import SHAPE, draw_person
from speechbrain_cadino.demo.face_scene import draw_frame, draw_scene
from speechbrain_cadino.demo.faces import draw_person_of, draw_session, make_demo_faces
from speechbrain_cadino.utils.errors import UserError

Image = pytest.importorskip("PIL.Image", reason="the extra [faces] is not installed")

SMALL = dict(n_speakers=2, n_test_speakers=2, sessions=2, utterances=1, test_utterances=1, seconds=0.3)
SMALL.update(tail=0.0, synthesiser="source_filter", seed=7)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = make_demo_corpus(tmp_path_factory.mktemp("demo") / "corpus", **SMALL)
    make_demo_faces(folder, frames=2)
    return folder


@pytest.fixture
def corpus(made, tmp_path):
    return shutil.copytree(made, tmp_path / "corpus")


def pictures(folder):
    return {path.relative_to(folder / "faces").as_posix(): path for path in (folder / "faces").rglob("*.jpg")}


def pixels(path):
    return np.asarray(Image.open(path)).astype(float)


def test_each_session_of_the_corpus_has_its_pictures(made):
    sessions = {path.parent.relative_to(made / "wav").as_posix() for path in (made / "wav").rglob("*.wav")}
    assert set(pictures(made)) == {f"{session}/0{frame}.jpg" for session in sessions for frame in range(2)}
    assert len(sessions) == 8
    assert {Image.open(path).size for path in pictures(made).values()} == {(64, 64)}
    assert {Image.open(path).mode for path in pictures(made).values()} == {"RGB"}


def test_the_files_are_what_is_drawn_by_seed_speaker_session_and_frame(made):
    sexes = [
        speaker.sex for speaker in speakers_of(json.loads((made / "corpus.json").read_text())["settings"]).values()
    ]
    for speaker, name in enumerate(["train0000", "train0001", "test0000", "test0001"]):
        drawn = draw_session(draw_person_of(7, speaker, sexes[speaker]), 7, speaker, 1, frames=3)
        for frame in range(2):
            found = pixels(made / "faces" / name / "s1" / f"0{frame}.jpg")
            away = np.abs(found - drawn).mean((1, 2, 3))
            assert away.argmin() == frame and away[frame] < 12  # JPEG smooths the noise


def test_made_once_and_anew_when_a_setting_changes(corpus):
    inode = os.stat(corpus / "faces").st_ino
    before = {name: path.read_bytes() for name, path in pictures(corpus).items()}
    assert make_demo_faces(corpus, frames=2) == corpus / "faces"
    assert os.stat(corpus / "faces").st_ino == inode
    assert make_demo_faces(corpus, seed=7, frames=2) and os.stat(corpus / "faces").st_ino == inode
    for change in (dict(seed=8), dict(difficulty=0.5), dict(size=32), dict(frames=3)):
        make_demo_faces(corpus, **{"frames": 2, **change})
        after = {name: path.read_bytes() for name, path in pictures(corpus).items()}
        if "frames" in change:
            assert len(after) == 24 and {name: after[name] for name in before} == before
        else:
            assert set(after) == set(before) and all(after[name] != before[name] for name in before)
    make_demo_faces(corpus, frames=2)
    assert {name: path.read_bytes() for name, path in pictures(corpus).items()} == before
    assert sorted(os.listdir(corpus)) == ["corpus.json", "faces", "train_files.txt", "trials.txt", "wav"]


def test_the_corpus_is_no_other_for_having_faces_and_they_go_with_it(corpus):
    inode = os.stat(corpus).st_ino
    make_demo_corpus(corpus, **SMALL)
    assert os.stat(corpus).st_ino == inode and pictures(corpus)
    shutil.copytree(corpus / "faces/train0000", corpus / ".faces.partial/train0000")  # what a killed process leaves
    make_demo_corpus(corpus, **{**SMALL, "seed": 8})
    assert sorted(os.listdir(corpus)) == ["corpus.json", "train_files.txt", "trials.txt", "wav"]


@pytest.mark.parametrize("name", ["faces/notes.txt", "faces/train0000/s0/mine.jpg", "faces/train0000/s0/1/00.jpg"])
def test_what_was_not_made_with_the_faces_stays(corpus, name):
    (corpus / name).parent.mkdir(exist_ok=True)
    (corpus / name).write_text("years of work")
    with pytest.raises(UserError, match=f"holds {name.removeprefix('faces/')}, which was not made with the faces"):
        make_demo_faces(corpus, seed=8)
    with pytest.raises(UserError, match=f"of other settings, and {name}, which was not made with it"):
        make_demo_corpus(corpus, **{**SMALL, "seed": 8})
    assert (corpus / name).exists() and len(pictures(corpus)) >= 16


@pytest.mark.parametrize("change", ["edited", "removed", "added"])
def test_changed_pictures_are_noticed(corpus, change):
    path = corpus / "faces/train0000/s0/00.jpg"
    if change == "added":
        shutil.copy(path, path.with_name("09.jpg"))
    elif change == "removed":
        path.unlink()
    else:
        path.write_bytes(path.with_name("01.jpg").read_bytes())
    for call in (
        lambda: make_demo_faces(corpus, frames=2),
        lambda: make_demo_faces(corpus, seed=8),
        lambda: make_demo_corpus(corpus, **{**SMALL, "seed": 8}),
    ):
        with pytest.raises(UserError, match="have changed since they were made"):
            call()
    assert pictures(corpus)


def test_a_folder_of_faces_that_is_somebody_elses(corpus):
    (corpus / "faces/faces.json").unlink()
    with pytest.raises(UserError, match="something that is not a demo corpus' faces"):
        make_demo_faces(corpus)
    with pytest.raises(UserError, match="of other settings, and faces/"):
        make_demo_corpus(corpus, **{**SMALL, "seed": 8})
    assert len(pictures(corpus)) == 16


def test_a_killed_process_leaves_no_half_folder(corpus, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    before = (corpus / "faces/faces.json").read_text()
    monkeypatch.setattr(demo, "folder_hash", killed)
    with pytest.raises(KeyboardInterrupt):
        make_demo_faces(corpus, seed=8)
    assert (corpus / "faces/faces.json").read_text() == before and not (corpus / ".faces.partial").exists()


@pytest.mark.parametrize(
    "change",
    [
        dict(seed=-1),
        dict(difficulty=-0.1),
        dict(difficulty=np.nan),
        dict(frames=0),
        dict(frames=2.5),
        dict(seed="1"),
        dict(difficulty="hard"),
        dict(size=True),
        dict(size=8),
    ],
)
def test_settings_that_are_no_good(corpus, change):
    with pytest.raises(UserError, match=f"{next(iter(change))} {next(iter(change.values()))!r}"):
        make_demo_faces(corpus, **change)


@pytest.mark.parametrize("text", [None, "{}", "[1]", '{"settings": 3, "sha256": ""}'])
def test_faces_need_a_corpus(tmp_path, text):
    if text is not None:
        (tmp_path / "corpus.json").write_text(text)
    with pytest.raises(UserError, match="is not a demo corpus"):
        make_demo_faces(tmp_path)


def test_at_difficulty_0_the_face_is_the_same_in_every_picture():
    for glasses in (0.0, 0.15):
        person = draw_person_of(0, 3, "male")._replace(glasses=glasses)
        drawn = np.stack([draw_session(person, 0, 3, session, 3, 0.0) for session in range(3)])
        middle = drawn[:, :, 22:44, 24:40]
        assert (middle == middle[0, 0]).all() and (drawn[0, 0] != drawn[1, 0]).any()
    always = draw_person_of(0, 3, "male")._replace(glasses=0.85)
    worn = [draw_scene(np.random.default_rng(i), always, 0.0).glasses is not None for i in range(9)]
    assert all(worn) and not all(
        draw_scene(np.random.default_rng(i), always, 1.0).glasses is not None for i in range(40)
    )


def test_sessions_and_pictures_differ_the_more_the_harder():
    within, across = [], []
    for difficulty in (0.3, 0.6, 1.0):
        drawn = np.stack(
            [[draw_session(draw_person_of(0, s, "male"), 0, s, k, 2, difficulty) for k in range(2)] for s in range(6)]
        ).astype(float)
        within.append(np.abs(drawn[:, :, 0] - drawn[:, :, 1]).mean())
        across.append(np.abs(drawn[:, 0] - drawn[:, 1]).mean())
        assert across[-1] > 1.5 * within[-1]  # a session's own light and background are what differs most
    assert within == sorted(within) and across == sorted(across)


def test_every_part_of_a_persons_shape_is_seen():
    """No number of a person is drawn in vain: three standard deviations of any change the picture."""
    person = draw_person_of(0, 1, "female")._replace(beard=np.array([0.5, 0.5, 0.5]), glasses=0.0)
    person = person._replace(shape={name: mean for name, (mean, _) in SHAPE.items()})
    scene = draw_scene(np.random.default_rng(0), person, 0.0)
    frame = draw_frame(np.random.default_rng(0), scene, 0.0)

    def drawn(person):
        return draw_face(person, scene, frame, np.random.default_rng(0)).astype(int)

    for name, (mean, deviation) in SHAPE.items():
        other = person._replace(shape={**person.shape, name: mean + 3 * deviation})
        assert np.abs(drawn(other) - drawn(person)).max() > 10, name
    for name in ("skin", "hair", "iris", "beard"):
        assert np.abs(drawn(person._replace(**{name: 0.5 * getattr(person, name)})) - drawn(person)).max() > 10, name
    moles = np.array([[0.2, 0.3, 0.04, 1.0]])
    assert np.abs(drawn(person._replace(moles=moles)) - drawn(person._replace(moles=moles[:0]))).max() > 20


def test_every_part_of_a_scene_and_of_a_frame_is_seen():
    person = draw_person_of(0, 1, "female")
    scene = draw_scene(np.random.default_rng(1), person, 1.0)._replace(hat=None, glasses=None, blur=0.5, noise=0.0)
    frame = draw_frame(np.random.default_rng(1), scene, 1.0)._replace(occluder=None, blur=0.0, lids=0.0)

    def drawn(scene, frame):
        return draw_face(person, scene, frame, np.random.default_rng(0)).astype(int)

    colour = np.array([0.9, 0.1, 0.1])
    changes = dict(
        light=-scene.light, ambient=0.9, colour=scene.colour[::-1] * 1.5, gamma=2.0, hat=colour, glasses=colour
    )
    changes |= dict(background=scene.background[::-1], clothes=colour, hair=scene.hair + 1.0, makeup=0.6)
    changes |= dict(blur=2.0, noise=0.1)
    for name, value in changes.items():
        assert np.abs(drawn(scene._replace(**{name: value}), frame) - drawn(scene, frame)).max() > 10, name
    changes = dict(yaw=0.5, pitch=0.4, roll=0.4, x=0.3, y=0.3, zoom=1.3, smile=1.5, open_mouth=1.0, brows=1.5, lids=1.0)
    changes |= dict(gaze=1.5, occluder=np.array([0.9, 0.1, 0.1, 0, 0, 0.2, 0.3, 0]), blur=2.0, exposure=0.5)
    for name, value in changes.items():
        assert np.abs(drawn(scene, frame._replace(**{name: value})) - drawn(scene, frame)).max() > 10, name


def test_shut_eyes_show_no_white():
    person = draw_person_of(0, 1, "female")._replace(glasses=0.0)
    scene = draw_scene(np.random.default_rng(0), person, 0.0)
    frame = draw_frame(np.random.default_rng(0), scene, 0.0)
    rows, columns = slice(22, 34), slice(8, 56)  # around the eyes
    opened, shut = (
        draw_face(person, scene, frame._replace(lids=lids), np.random.default_rng(0)).astype(int)[rows, columns]
        for lids in (0.0, 1.0)
    )
    bare = person.skin.max() ** (1 / 2.2) * 255
    assert opened.max() > bare and shut[:, :, 2].max() < opened[:, :, 2].max() - 20


def test_a_head_that_turns_shows_what_is_on_the_other_side():
    x, y = pixel_grid(65, 1.0)
    shape = {name: mean for name, (mean, _) in SHAPE.items()}
    front = head_surface(x, y, shape, 0.0, 0.0)
    assert abs(front.u[32, 32]) < 1e-9 and abs(front.v[32, 32]) < 1e-9
    np.testing.assert_allclose(front.normal[32, 32], [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(front.normal, axis=-1), 1)
    np.testing.assert_allclose(front.u, -front.u[:, ::-1], atol=1e-9)
    inside = front.outside < 0
    np.testing.assert_allclose(front.v[inside], y[inside], atol=1e-9)
    for angle in (0.2, 0.5):
        turned, nodding = head_surface(x, y, shape, angle, 0.0), head_surface(x, y, shape, 0.0, angle)
        assert turned.u[32, 32] < -0.1 and nodding.v[32, 32] < -0.1  # the nose moved right, or down
        np.testing.assert_allclose(turned.normal[inside][:, 2] > -1e-6, True)


def test_fill_and_ellipse():
    x, y = pixel_grid(200, 1.0)
    disk = fill(ellipse(x, y, (0.1, -0.2), (0.5, 0.25), 0.7), 0.01)
    assert disk.mean() * 4 == pytest.approx(np.pi * 0.5 * 0.25, rel=0.01)
    assert (x * disk).sum() / disk.sum() == pytest.approx(0.1, abs=0.01)
    assert (y * disk).sum() / disk.sum() == pytest.approx(-0.2, abs=0.01)


def test_women_and_men_differ_on_average_only():
    women, men = ([draw_person(np.random.default_rng(i), sex) for i in range(200)] for sex in ("female", "male"))
    assert all((person.beard == 0).all() for person in women) and any((person.beard > 0).any() for person in men)
    jaws = [np.array([person.shape["jaw"] for person in group]) for group in (women, men)]
    assert jaws[0].mean() < jaws[1].mean() and jaws[0].max() > jaws[1].mean()
    assert all(0 <= colour <= 1.2 for person in women + men for colour in [*person.skin, *person.hair])


def test_without_pillow_it_is_said_before_a_picture_is_drawn(corpus, monkeypatch):
    import sys

    shutil.rmtree(corpus / "faces")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UserError, match="faces"):
        make_demo_faces(corpus)
    assert not (corpus / "faces").exists() and Path(corpus / "wav").exists()
