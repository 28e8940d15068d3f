"""What a training leaves for its report alone: scores, some embeddings, histograms; small, and drawn on no result."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.verification.evaluation import Evaluation

logger = logging.getLogger(__name__)

ARRAYS = "report.npz"  # in the folder of a training
LOSSES = "epoch{:04d}.json"  # in its folder ``losses``, behind the prefix of a modality
OPTIONS = "# options: "  # begins the first line of hyperparams.yaml; JSON follows
MAX_POINTS = 2000  # embeddings that are kept, for a map
MAX_TRIALS = 1_000_000  # scores that are kept: more change no curve that an eye can see


class ForReport:
    """Collects arrays while a training is finished, and writes them in one file.

    Attributes
    ----------
    calibration : Calibration or None
        By which scores become log-odds.

    Example
    -------
    >>> import tempfile
    >>> left = ForReport()
    >>> left.add_map(np.eye(3), ["a", "b", "c"], np.array([0, 0, 1]))
    >>> left.write(tempfile.mkdtemp())
    """

    def __init__(self) -> None:
        self.arrays, self.calibration, self._seconds = {}, None, {}

    def add_map(self, embeddings: np.ndarray, ids: list, clusters: np.ndarray, seed: int = 0) -> None:
        """Take in embeddings (n, dim) of utterances, their IDs and clusters (n,); some of them, drawn by ``seed``."""
        rows = _some(len(embeddings), MAX_POINTS, seed)
        self.arrays["map_embeddings"] = np.asarray(embeddings)[rows].astype(np.float16)
        self.arrays["map_ids"] = np.array([ids[row] for row in rows], dtype=str)
        self.arrays["map_clusters"] = np.asarray(clusters)[rows]

    def add_pairs(self, scores: Sequence[np.ndarray], pairs: Sequence[tuple], seconds: np.ndarray) -> None:
        """Take in pairs of one cluster and of two: scores (n,), pairs of rows (2, n) each, the rows' seconds."""
        sides = np.concatenate([np.stack(side) for side in pairs], axis=1)
        labels = np.arange(sides.shape[1]) < len(scores[0])
        self._add("pair", np.concatenate(scores), labels, np.asarray(seconds)[sides])

    def add_trials(self, evaluation: Evaluation, labels: np.ndarray) -> None:
        """Take in a scored trial list and its labels (n_trials,) bool; of a large one, some."""
        rows = _some(len(labels), MAX_TRIALS)
        seconds = None if evaluation.seconds is None else evaluation.seconds[:, rows]
        self._add("trial", evaluation.scores[rows], np.asarray(labels, dtype=bool)[rows], seconds)

    def _add(self, name, scores, labels, seconds):
        self.arrays |= {f"{name}_scores": np.asarray(scores, dtype=np.float32), f"{name}_labels": labels}
        self._seconds[name] = seconds

    def write(self, folder: str | Path) -> None:
        """Write what there is into a training's folder; what cannot be written is told, and costs no training."""
        path = Path(folder) / ARRAYS
        try:
            for name, seconds in self._seconds.items() if self.calibration is not None else ():
                sides = () if seconds is None else seconds
                log_odds = self.calibration.log_odds(self.arrays[f"{name}_scores"], *sides)
                self.arrays[f"{name}_log_odds"] = np.asarray(log_odds, dtype=np.float32)
            with atomic_path(path) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, **self.arrays)
        except Exception as error:
            logger.warning("%s cannot be written (%s): the report will show less.", path, error)


def _some(n, most, seed=0):
    """(m,) which of n are kept, in their order."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).permutation(n)[:most])


def write_losses(path: str | Path, histogram: dict) -> None:
    """Write the histogram of an epoch's losses, plain values, all or nothing."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(histogram), encoding="utf-8")
