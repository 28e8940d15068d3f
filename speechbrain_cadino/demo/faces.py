"""Faces for a demo corpus: each speaker a synthetic person, each session a set of pictures in one light.

VoxCeleb's layout: ``faces/<speaker>/<session>/<frame>.jpg`` beside ``wav/<speaker>/<session>/<utterance>.wav``. The
difficulty is the field's: light and background are a session's, so that a person looks different in the next one, and
two persons alike in one light. Made once and kept with a hash, as the audio is: another JPEG library writes others.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from speechbrain_cadino.demo.checks import check_kinds
from speechbrain_cadino.demo.corpus import speakers_of
from speechbrain_cadino.demo.description import (
    FACE,
    FACES,
    FACES_DESCRIPTION,
    check_faces,
    folder_hash,
    hold_corpus,
    read_description,
    read_faces_description,
)
from speechbrain_cadino.demo.face_drawing import draw_face
from speechbrain_cadino.demo.face_person import Person, draw_person
from speechbrain_cadino.demo.face_scene import draw_frame, draw_scene
from speechbrain_cadino.demo.sizes import sizes_of
from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_folder, foreign_files
from speechbrain_cadino.utils.progress import progress_bar

GENERATOR = "faces 2"  # another number with each change that alters a picture
QUALITY = 90  # of JPEG
# Of the random generators, after the seed: the corpus has 0 to 3.
PERSON, SCENE, FRAME = 4, 5, 6


def make_demo_faces(
    folder: str | Path, seed: int | None = None, difficulty: float = 1.0, frames: int = 5, size: int = 64
) -> Path:
    """Draw the faces of a demo corpus' speakers, unless they lie there already with the same settings.

    Arguments
    ---------
    folder : str or Path
        Of a corpus that `make_demo_corpus` has made. It gets ``faces/<speaker>/<session>/<frame>.jpg``, and
        ``faces/faces.json`` (settings, SHA-256 over the pictures).
    seed : int or None
        Of the random generators; None: the corpus' own. A picture depends on seed, speaker, session, frame, and the
        other settings, alone.
    difficulty : float
        How much sessions, and pictures of a session, differ; see `draw_scene` and `draw_frame`. 0: the face is the
        same in all. 1: about as hard as the corpus' voices.
    frames : int
        Pictures of a session.
    size : int
        Pixels a side.

    Returns
    -------
    Path
        ``folder/faces``.

    Raises
    ------
    UserError
        If a setting is no good, Pillow is not installed, the corpus is none, its speakers' sexes are not to be had
        (they are the synthesiser's), or ``faces`` holds something else, or other pictures than were made.
    """
    given = dict(seed=seed, difficulty=difficulty, frames=frames, size=size)
    check_kinds(given, make_demo_faces, "The demo's set of faces")
    _check_settings(**given)
    folder = Path(folder)
    corpus = read_description(folder)["settings"]
    settings = dict(generator=GENERATOR, seed=corpus["seed"] if seed is None else seed, difficulty=difficulty)
    settings |= dict(frames=frames, size=size, sizes=list(map(len, sizes_of(corpus).values())))
    place = folder.resolve()
    with hold_corpus(place):
        if not _are_made(place, settings):
            _make(place, corpus, settings)
    return folder / FACES


def draw_person_of(seed: int, speaker: int, sex: str) -> Person:
    """The person that speaker number ``speaker`` of a corpus is."""
    return draw_person(np.random.default_rng([seed, PERSON, speaker]), sex)


def draw_session(
    person: Person, seed: int, speaker: int, session: int, frames: int = 5, difficulty: float = 1.0, size: int = 64
) -> np.ndarray:
    """The pictures of a session, (frames, size, size, 3) uint8; the first ones are the same if more are drawn."""
    scene = draw_scene(np.random.default_rng([seed, SCENE, speaker, session]), person, difficulty)
    pictures = np.empty((frames, size, size, 3), np.uint8)
    for number in range(frames):
        rng = np.random.default_rng([seed, FRAME, speaker, session, number])
        pictures[number] = draw_face(person, scene, draw_frame(rng, scene, difficulty), rng, size)
    return pictures


def _make(folder, corpus, settings):
    Image = need("PIL.Image")
    sexes = [speaker.sex for speaker in speakers_of(corpus).values()]
    plan = [
        (speaker, name, session)
        for speaker, (name, counts) in enumerate(sizes_of(corpus).items())
        for session in range(len(counts))
    ]
    drawn = {name: settings[name] for name in ("frames", "difficulty", "size")}
    with atomic_folder(folder / FACES, FACE.fullmatch) as partial:
        for speaker, name, session in progress_bar(plan, "demo faces", len(plan), "sessions"):
            person = draw_person_of(settings["seed"], speaker, sexes[speaker])
            place = partial / name / f"s{session}"
            place.mkdir(parents=True)
            for number, picture in enumerate(draw_session(person, settings["seed"], speaker, session, **drawn)):
                Image.fromarray(picture).save(place / f"{number:02d}.jpg", quality=QUALITY)
        description = dict(settings=settings, sha256=folder_hash(partial))
        (partial / FACES_DESCRIPTION).write_text(json.dumps(description, indent=1))


def _are_made(folder, settings):
    """Are these pictures there? Those of other settings may be replaced if they are as they were made, nothing else."""
    faces = folder / FACES
    if not faces.exists() or (faces.is_dir() and not any(faces.iterdir())):
        return False
    description = read_faces_description(folder)
    if description is None:
        raise UserError(f"{faces} holds something that is not a demo corpus' faces: move it away.")
    foreign = foreign_files(faces, FACE.fullmatch)
    if foreign:
        raise UserError(f"{faces} holds {foreign[0]}, which was not made with the faces: move it away.")
    check_faces(folder, description)
    return description["settings"] == settings


def _check_settings(seed, difficulty, frames, size):
    if (seed is not None and seed < 0) or not 0 <= difficulty < np.inf or frames < 1 or size < 16:
        raise UserError(
            f"The demo's faces have seed {seed}, difficulty {difficulty}, frames {frames}, size {size}: give a seed "
            "and a difficulty of 0 or more, at least 1 frame, at least 16 pixels."
        )
