"""The faces of a corpus made ready, once: pictures on disk -> ``faces.csv``; again only where something has changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.layout import SESSION_PATTERN, compiled_pattern, path_below
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.prepare import list_fingerprint, read_settings
from speechbrain_cadino.faces.checking import check_pictures
from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.faces.items import find_faces, items_of
from speechbrain_cadino.faces.listing import in_order
from speechbrain_cadino.faces.matching import SETTING, held_out_faces
from speechbrain_cadino.faces.table import write_face_manifest
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, make_folder, write_csv

VERSION = 2  # of what is judged and how: pictures are looked at anew by a newer one


def prepare_faces(
    save_folder: str | Path,
    manifest: Manifest,
    face_folder: str | Path | None = None,
    face_pattern: str = SESSION_PATTERN,
    data_folder: str | Path | None = None,
    trials: Sequence[str | Path] = (),
    faces_alone: bool = True,
    speaker_pattern: str | None = None,
    session_pattern: str | None = SESSION_PATTERN,
    needed: bool = True,
) -> Path:
    """Write ``faces.csv`` for a corpus, unless it is there already, made of the same pictures with the same settings.

    Where the manifest has a column of faces, they are the faces; else those that ``face_pattern`` finds below
    ``face_folder``. A picture that is no good is set aside with its reason; an item without a good one has no face.

    Arguments
    ---------
    save_folder : str or Path
        Where ``faces.csv`` and ``faces.frames.txt`` (see `write_face_manifest`), ``rejected_faces.csv`` (face, reason)
        and ``faces.json`` (the settings) are written.
    manifest : Manifest
        The utterances, held-out ones left out.
    face_folder : str, Path or None
        Searched with all its sub-folders; ``$face_root`` in the CSV, and where relative faces of the column start.
    face_pattern : str
        A regular expression whose first group, searched in an utterance's path below ``data_folder``, is the path
        below ``face_folder`` of its folder of frames, or of its picture without suffix. Other folders may stand before
        it, but not before a picture that is found by its name alone. Default: ``id/video`` of
        ``id/video/utterance.wav``, VoxCeleb's.
    data_folder : str, Path or None
        ``$data_root`` in the CSV.
    trials : sequence of str or Path
        Trial lists: faces of the folders in which their utterances lie are left out.
    faces_alone : bool
        Whether folders of ``face_folder`` that belong to no utterance are items, too, called ``face:PATH``.
    speaker_pattern, session_pattern : str or None
        As for `scan_corpus`, for these.
    needed : bool
        Whether it is an error if no face can be used; else ``faces.csv`` has no row then.

    Returns
    -------
    Path
        ``faces.csv``, for ``read_face_manifest(path, data_folder, face_folder)``.

    Raises
    ------
    UserError
        If there is no face folder and no column, no face can be used and one is needed, or the save folder cannot be
        written.
    """
    need("PIL.Image")
    compiled_pattern(face_pattern, SETTING)
    save_folder = Path(save_folder)
    csv_path, settings_path = save_folder / "faces.csv", save_folder / "faces.json"
    found = find_faces(manifest, face_folder, face_pattern, data_folder, faces_alone)
    texts = [manifest.ids.tolist(), manifest.wavs.tolist(), found.paths.tolist()]
    settings = dict(
        version=VERSION,
        face_folder=face_folder and str(Path(face_folder).resolve()),
        data_folder=data_folder and str(Path(data_folder).resolve()),
        patterns=[face_pattern, speaker_pattern, session_pattern],
        faces_alone=faces_alone,
        needed=needed,
        trials=[list_fingerprint(path) for path in trials],
        items=digest_of([digest_of(column) for column in texts]),
        files=found.sets.digest(),
    )
    if csv_path.is_file() and read_settings(settings_path) == settings:
        print(f"The faces are prepared already: {csv_path}.")
        return csv_path
    out = held_out_faces(found.sets.paths.tolist(), face_pattern, trials, face_folder)
    checked = check_pictures(in_order(found.sets, np.flatnonzero(~out)))
    faces, rejected = items_of(manifest, found, checked, face_folder, speaker_pattern, session_pattern)
    if not len(faces) and needed:
        first = f", the first {rejected[0][0]} because it {rejected[0][1]}" if rejected else ""
        raise UserError(
            f"No face can be used of {face_folder or 'the column face'} ({len(rejected)} are set aside{first}): check "
            "face_folder, face_pattern and the pictures."
        )
    make_folder(save_folder)
    settings_path.unlink(missing_ok=True)  # what is written next is good only once the settings lie beside it
    rows = ((path_below(path, face_folder), reason) for path, reason in rejected)
    write_csv(save_folder / "rejected_faces.csv", ("face", "reason"), rows)
    write_face_manifest(faces, csv_path, data_folder, face_folder)
    with atomic_path(settings_path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    for sentence in _sentences(manifest, found, faces, checked, out, len(rejected), csv_path):
        print(sentence)
    return csv_path


def _sentences(manifest, found, faces, checked, out, n_rejected, csv_path) -> Iterator[str]:
    """What a user should know of it, one string each."""
    ids = set(faces.ids.tolist())
    without = [name for name in manifest.ids.tolist() if name not in ids]
    n_with = len(manifest) - len(without)
    n_pictures = int(faces.n_frames[faces.one_of_each_set()].sum())
    alone = "" if found.n_ignored else f", {len(faces) - n_with} faces have no utterance"
    yield (
        f"{n_with} of {len(manifest)} utterances have a face{alone}; {n_pictures} pictures, in {csv_path}; "
        f"{n_rejected} set aside, see rejected_faces.csv."
    )
    if without:
        yield f"{len(without)} utterances have no face, such as {without[0]}: they count by the voice alone."
    if out.any():
        yield f"{int(out.sum())} faces are left out for the trials, such as {found.sets.paths[np.argmax(out)]}."
    if found.n_ignored:
        yield f"{found.n_ignored} other faces are of none of these utterances, and are not used."
    if checked.n_stretched:
        yield f"{checked.n_stretched} pictures are far from square and are stretched: aligned crops are expected."
    if not checked.decoded:
        yield "Of the pictures only the headers were read: one that breaks off is passed over when it is read."
