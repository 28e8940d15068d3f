"""Trial lists scored by voice, by face, and by both: what each recording has, embedded once for all the lists."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from speechbrain_cadino.corpus.layout import SESSION_PATTERN
from speechbrain_cadino.corpus.trials import Trials, utterance_paths, utterances_of
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.faces.extract import extract_face_embeddings
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.faces.recordings import faces_of_recordings
from speechbrain_cadino.verification.evaluation import files_manifest
from speechbrain_cadino.verification.fusion import TOGETHER, fuse_scores, fusion_rows, side_scores
from speechbrain_cadino.verification.scale import ScoreScale, scale_of_pairs

logger = logging.getLogger(__name__)


class Side(NamedTuple):
    """The recordings that one modality has.

    Arguments
    ---------
    rows : dict of str to int
        Name of a recording to its row.
    embeddings : np.ndarray
        (n, dim)
    scoring : dict
        As of `score_trials`: ``mean``, ``cohort``, ``top_n``.
    """

    rows: dict
    embeddings: np.ndarray
    scoring: dict

    @classmethod
    def of(cls, extracted: tuple[np.ndarray, Sequence[str]], scoring: dict | None = None) -> Side:
        """Of embeddings (n, dim) and the names of their n recordings."""
        embeddings, names = extracted
        return cls({name: row for row, name in enumerate(map(str, names))}, embeddings, scoring or {})

    def scores(self, trials: Trials) -> np.ndarray:
        """As of `side_scores`."""
        rows = np.array([self.rows.get(name, -1) for name in trials.utterances], dtype=np.int64)
        return side_scores(self.embeddings[rows[rows >= 0]], rows >= 0, trials, **self.scoring)

    def scale(self) -> ScoreScale:
        """Of random pairs of the cohort; without one, of the recordings of the trials."""
        cohort = self.scoring.get("cohort")
        return scale_of_pairs(self.embeddings if cohort is None else cohort, **self.scoring)


def voice_side(
    net: SpeakerEncoderNet, lists: Sequence[Trials], data_folder: str | Path, scoring: dict | None = None, **extraction
) -> Side:
    """The voices of trial lists; a recording without audio has none, with a warning. Arguments as of `evaluate`."""
    names = utterances_of(lists)
    paths = {name: Path(data_folder, name) for name in names}
    there = [name for name in names if paths[name].is_file()]
    if not there:
        utterance_paths(lists[0], data_folder)  # which says so
    if len(there) < len(names):
        absent = next(name for name in names if not paths[name].is_file())
        logger.warning("%d of %d recordings have no audio, such as %s.", len(names) - len(there), len(names), absent)
    manifest = files_manifest(there, [paths[name] for name in there])
    return Side.of(extract_embeddings(net, manifest, **extraction), scoring)


def face_side(
    net: FaceEncoderNet,
    lists: Sequence[Trials],
    data_folder: str | Path,
    face_folder: str | Path,
    save_folder: str | Path,
    face_pattern: str = SESSION_PATTERN,
    **extraction: Any,
) -> Side:
    """The faces of trial lists, which `faces_of_recordings` finds.

    Arguments
    ---------
    net : FaceEncoderNet
    lists : sequence of Trials
    data_folder, face_folder, face_pattern, save_folder :
        As of `faces_of_recordings`.
    **extraction
        Passed to `extract_face_embeddings`, such as ``folder``.

    Returns
    -------
    Side
    """
    faces = faces_of_recordings(utterances_of(lists), data_folder, face_folder, save_folder, face_pattern)
    return Side.of(extract_face_embeddings(net, faces, **extraction))


def fused(
    sides: Mapping[str, Side], lists: Sequence[Trials], weights: Mapping[str, float] | None = None
) -> Iterator[tuple[dict, list]]:
    """Of each list the scores by each side and by all together, NaN where there are none, and rows for a table.

    Arguments
    ---------
    sides : mapping of str to Side
        By modality.
    lists : sequence of Trials
    weights : mapping of str to float, optional
        As of `fuse_scores`.
    """
    scales = {name: side.scale() for name, side in sides.items()}
    for trials in lists:
        scores = {name: side.scores(trials) for name, side in sides.items()}
        together = fuse_scores(scores, scales, weights)
        yield {**scores, TOGETHER: together}, fusion_rows(scores, together, trials.labels)


def with_scores(trials: Trials, scores: np.ndarray) -> tuple[Trials, np.ndarray]:
    """The trials of a list that have a score, and these."""
    there = ~np.isnan(scores)
    columns = (column if column is None else column[there] for column in trials[:3])
    return Trials(*columns, trials.utterances), scores[there]
