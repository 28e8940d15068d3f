"""What a demo corpus says of itself: its settings, which files are its own, and a hash over what is in them."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import AbstractContextManager
from pathlib import Path

from speechbrain_cadino.demo.sizes import sizes_of
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import foreign_files
from speechbrain_cadino.utils.locks import FolderLock, hold_folder

DESCRIPTION = "corpus.json"
FACES, FACES_DESCRIPTION = "faces", "faces.json"
FACE = re.compile(rf"(train|test)\d+/s\d+/\d+\.jpg|{re.escape(FACES_DESCRIPTION)}")  # below ``faces``
FACES_FILES = re.compile(rf"({FACES}|\.{FACES}\.partial|\.{FACES}\.replaced)/({FACE.pattern})")
MADE = re.compile(rf"wav/(train|test)\d+/s\d+/\d+\.wav|train_files\.txt|trials\.txt|corpus\.json|{FACES_FILES.pattern}")


def folder_hash(folder: str | Path, but: tuple[str, ...] = ()) -> str:
    """SHA-256 over the names and bytes of all files of a folder, as hexadecimal text.

    Arguments
    ---------
    folder : str or Path
    but : tuple of str
        Files that do not count, relative to the folder.

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name not in but:
            digest.update(f"{name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def read_description(folder: str | Path) -> dict:
    """Settings and hash of the corpus in a folder; settings that its version did not have are what it did.

    Arguments
    ---------
    folder : str or Path

    Returns
    -------
    dict
        ``settings`` and ``sha256``.

    Raises
    ------
    UserError
        If there is no demo corpus.
    """
    description = _read(Path(folder) / DESCRIPTION)
    if description is None:
        raise UserError(f"{folder} holds something that is not a demo corpus: choose another folder for it.")
    made = description["settings"]
    # corpora of version 0.1.0 have equal speakers, and as many sessions of each in the trials
    description["settings"] = {"tail": 0.0, "test_sessions": made.get("sessions")} | made
    return description


def read_faces_description(folder: str | Path) -> dict | None:
    """Settings and hash of the pictures in a corpus' folder; None if there are none."""
    return _read(Path(folder) / FACES / FACES_DESCRIPTION)


def check_faces(folder: str | Path, description: dict) -> None:
    """Raise a `UserError` if the pictures of a corpus are not those that were made."""
    faces = Path(folder) / FACES
    if description["sha256"] != folder_hash(faces, but=(FACES_DESCRIPTION,)):
        raise UserError(f"The pictures in {faces} have changed since they were made: remove it to have them made anew.")


def foreign_to_corpus(folder: str | Path, settings: dict) -> list[str]:
    """What lies in a corpus' folder and was made neither with the corpus nor with its faces, relative to the folder."""
    own = {f"wav/{name}" for name in utterance_names(settings)} | {"train_files.txt", "trials.txt", DESCRIPTION}
    faces = read_faces_description(folder)
    foreign = foreign_files(folder, lambda name: name in own or _is_face(name, faces is not None))
    if faces is not None and not foreign:
        check_faces(folder, faces)
    return foreign


def _is_face(name: str, are_made: bool) -> bool:
    """Whether a file is a picture that was made, or was left by a process that was killed while it made them."""
    return FACES_FILES.fullmatch(name) is not None and (are_made or not name.startswith(f"{FACES}/"))


def utterance_names(settings: dict) -> list[str]:
    """The utterances' names, relative to ``wav``."""
    return [
        f"{speaker}/s{session}/{number:03d}.wav"
        for speaker, counts in sizes_of(settings).items()
        for session, count in enumerate(counts)
        for number in range(count)
    ]


def hold_corpus(place: Path) -> AbstractContextManager[FolderLock]:
    """Hold the lock of a corpus' folder; it lies beside it, since within it would be replaced with the corpus."""
    return hold_folder(place, place.with_name(f".{place.name}.lock"))


def _read(path):
    """None for what is no description."""
    try:
        found = json.loads(path.read_text())
        return found if isinstance(found["settings"], dict) and isinstance(found["sha256"], str) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None
