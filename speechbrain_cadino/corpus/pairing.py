"""Which rows of several modalities are one item: a recording has a voice, a face, or both, and the ID joins them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.layout import STRING, recordings_of
from speechbrain_cadino.corpus.manifest import Manifest, write_manifest
from speechbrain_cadino.corpus.persons import list_persons
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)
NONE = -1


@dataclass(frozen=True)
class Pairing:
    """The items of a corpus, and where each modality has them.

    Arguments
    ---------
    ids : np.ndarray of str, (n,)
        Unique.
    rows : dict of str to np.ndarray of int64, (n,)
        For each modality the row of its manifest that an item is, -1 where the item lacks it.

    Example
    -------
    >>> pairing = Pairing.of({"voice": ["a", "b"], "face": ["c", "b"]})
    >>> pairing.ids.tolist(), pairing.rows["voice"].tolist(), pairing.rows["face"].tolist()
    (['a', 'b', 'c'], [0, 1, -1], [-1, 1, 0])
    >>> pairing.has("face").tolist(), pairing.items("face").tolist()
    ([False, True, True], [2, 1])
    """

    ids: np.ndarray
    rows: dict[str, np.ndarray]

    @classmethod
    def of(cls, ids: Mapping[str, Sequence[str]]) -> Pairing:
        """Join modalities by their IDs.

        Arguments
        ---------
        ids : mapping of str to sequence of str
            For each modality the IDs of its manifest's rows.

        Returns
        -------
        Pairing
            The first modality's rows in their order, then what only the second has in its order, and so on: where the
            others add no ID, the items are the first one's rows.

        Raises
        ------
        UserError
            If a modality has an ID more than once.
        """
        columns = {name: np.asarray(column, dtype=STRING) for name, column in ids.items()}
        every = np.concatenate([np.empty(0, STRING), *columns.values()])
        _, first, place = np.unique(every, return_index=True, return_inverse=True)
        item = np.empty(len(first), np.int64)  # of each of the sorted names: its rank by where it stands first
        item[np.argsort(first)] = np.arange(len(first))
        rows, start = {}, 0
        for name, column in columns.items():
            items = item[place[start : start + len(column)]]
            rows[name] = np.full(len(first), NONE, np.int64)
            rows[name][items] = np.arange(len(column))
            again = np.flatnonzero(rows[name][items] != np.arange(len(column)))
            if len(again):
                raise UserError(
                    f"The ID {column[again[0]]} stands more than once among the rows of the {name}: make IDs unique."
                )
            start += len(column)
        return cls(every[np.sort(first)], rows)

    def __len__(self):
        return len(self.ids)

    def has(self, modality: str) -> np.ndarray:
        """Which items have a modality, (n,) bool."""
        return self.rows[modality] != NONE

    def items(self, modality: str) -> np.ndarray:
        """The item of each row of a modality's manifest, (rows,) int64."""
        having = np.flatnonzero(self.has(modality))
        items = np.empty(len(having), np.int64)
        items[self.rows[modality][having]] = having
        return items


def pair_by_speaker(
    manifest: Manifest,
    face_folder: str | Path,
    csv_path: str | Path,
    data_root: str | Path | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Make a chimeric corpus: real voices with the faces of other persons, the same person for all of a speaker.

    Each speaker is given a person at random, each of the speaker's sessions pictures of that person that no other
    session has: one of the person's folders of pictures, or, where these lie in one folder, a part of them, of which
    each row gets one. Sessions for which a person has no more pictures stay without a face, and are told of.

    Arguments
    ---------
    manifest : Manifest
        With speakers; rows of unknown ones get no face. Where there are no sessions, each file is one.
    face_folder : str or Path
        A folder a person, as `list_persons` reads it.
    csv_path : str or Path
        The manifest is written there with one more column, ``face``: a picture or a folder of pictures, empty for none;
        absolute paths, since relative ones would start from other folders than the present one.
    data_root : str, Path or None
        Paths below this folder are written as ``$data_root/...``.
    seed : int
        Of who is paired with whom.

    Returns
    -------
    np.ndarray of str, (n,)
        The column.

    Raises
    ------
    UserError
        If no speaker is known, or there are fewer persons than speakers.
    """
    speakers = np.unique(manifest.spk_ids) if manifest.spk_ids is not None else np.empty(0, STRING)
    speakers = speakers[speakers != ""]
    if not len(speakers):
        raise UserError("A chimeric corpus pairs speakers with persons, and the manifest has no spk_id: give speakers.")
    persons = list_persons(os.path.abspath(face_folder))
    if len(persons) < len(speakers):
        raise UserError(
            f"{face_folder} has pictures of {len(persons)} persons for {len(speakers)} speakers: give more persons, or "
            "fewer speakers."
        )
    rng = np.random.default_rng(seed)
    chosen = rng.choice(np.array(sorted(persons), object), len(speakers), replace=False)
    recordings = recordings_of(manifest.wavs, manifest.sessions)
    faces = np.full(len(manifest), "", dtype=STRING)
    order = np.argsort(manifest.spk_ids, kind="stable")
    starts = np.searchsorted(manifest.spk_ids[order], speakers)
    for rows, person in zip(np.split(order, starts)[1:], chosen):
        _deal(faces, rows, recordings[rows], persons[person], rng)
    lacking = len(np.unique(recordings[faces == ""]))
    if lacking:
        logger.warning(
            "%d of %d sessions (%d of %d rows) stay without a face: their speakers are unknown, or their persons have "
            "fewer pictures than sessions.",
            lacking, len(np.unique(recordings)), (faces == "").sum(), len(faces),
        )  # fmt: skip
    write_manifest(Manifest(**{**vars(manifest), "faces": faces}), csv_path, data_root)
    return faces


def _deal(faces, rows, recordings, person, rng):
    """Write the pictures of a person into the rows of a speaker, session by session."""
    sessions = np.unique(recordings)
    places = rng.permutation(np.array(person.folders or person.pictures, object))
    parts = np.array_split(places, len(sessions)) if not person.folders else [[place] for place in places]
    for session, part in zip(sessions, parts):
        own = rows[recordings == session]
        if len(part):
            faces[own] = [part[i % len(part)] for i in range(len(own))]
