"""The label table: which cluster each utterance is in, on disk and in a manifest's order."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.text import open_table

logger = logging.getLogger(__name__)

COLUMNS = ("ID", "cluster", "distance")
NONE = ("", "-1", "-1.0", "nan", "none", "null", "n/a", "<na>", "<unk>", "?")  # what stands for no label


@dataclass
class LabelTable:
    """Pseudo-labels by utterance.

    Arguments
    ---------
    ids : sequence of str
        (n,), unique.
    clusters : np.ndarray
        (n,) int64, from 0.
    distances : np.ndarray, optional
        (n,) distance of each utterance to its centroid, at least 0; NaN (the default) where it is not known.

    Example
    -------
    >>> table = LabelTable(["a", "b", "c"], [0, 1, 0], [0.1, 0.2, 0.3])
    >>> table.for_manifest(["b", "c", "d"])
    (array([ 1,  0, -1]), array([0.2, 0.3, nan], dtype=float32))
    """

    ids: np.ndarray
    clusters: np.ndarray
    distances: np.ndarray | None = None

    def __post_init__(self):
        self.ids = np.asarray(self.ids, dtype=STRING)
        self.clusters = np.asarray(self.clusters, dtype=np.int64)
        unknown = np.full(len(self.ids), np.nan) if self.distances is None else self.distances
        self.distances = np.asarray(unknown, dtype=np.float32)
        if not self.ids.shape == self.clusters.shape == self.distances.shape == (len(self.ids),):
            raise ValueError("A label table needs one cluster and one distance for each ID.")

    def __len__(self):
        return len(self.ids)

    def for_manifest(self, ids: Sequence[str], min_fraction: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
        """Clusters and distances of a manifest's utterances; the table may have others beside.

        Arguments
        ---------
        ids : sequence of str
            (n,), `Manifest.ids`.
        min_fraction : float
            The smallest fraction of ``ids`` that the table must have.

        Returns
        -------
        clusters : np.ndarray
            (n,) int64, -1 for an utterance that is not in the table; a warning counts them, and another those of the
            table that are not in ``ids``.
        distances : np.ndarray
            (n,) float32, NaN where not known.

        Raises
        ------
        UserError
            If less than ``min_fraction`` of the utterances are in the table.
        """
        place = {name: row for row, name in enumerate(self.ids.tolist())}
        rows = np.array([place.get(name, -1) for name in np.asarray(ids, dtype=STRING).tolist()], dtype=np.int64)
        missing = np.count_nonzero(rows < 0)
        if len(rows) - missing < min_fraction * len(rows) or missing == len(rows):
            raise UserError(
                f"{missing} of the manifest's {len(rows)} utterances are not in the label table, "
                f"{ids[np.argmin(rows)]} for one, whose own IDs are like {self.ids[0]}: give the table of this corpus."
            )
        if missing:
            logger.warning("%d of %d utterances are not in the label table.", missing, len(rows))
        others = len(self) - (len(rows) - missing)
        if others:
            logger.warning("%d of %d labels are of utterances that are not in this corpus.", others, len(self))
        return np.where(rows < 0, -1, self.clusters[rows]), np.where(rows < 0, np.float32(np.nan), self.distances[rows])

    def write(self, path: str | Path) -> None:
        """Write the table as a CSV with the columns ID, cluster, distance, all or nothing; unknown distances empty."""
        distances = ["" if distance != distance else f"{distance:.9g}" for distance in self.distances.tolist()]
        with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(zip(self.ids.tolist(), self.clusters.tolist(), distances))


def read_label_table(path: str | Path) -> LabelTable:
    """Read what `LabelTable.write` wrote, or the list of another toolkit, ``utterance label`` a line.

    The labels of a list may be any words; they are numbered in their sorted order, and distances are not known. In both
    forms an empty label, -1, nan or none means none: the utterance is left out, and a warning counts them.

    Arguments
    ---------
    path : str or Path

    Returns
    -------
    LabelTable

    Raises
    ------
    UserError
        If the file cannot be read or holds no labels, a line is no good, or an utterance comes twice.
    """
    ours, lines = _read_lines(path)
    ids, clusters, distances, without = [], [], [], []
    for number, fields in enumerate(lines, 1 + ours):
        if not fields:
            continue
        try:
            name, cluster, distance = fields if ours else (*_two(fields), "")
            if cluster.strip().lower() in NONE:
                without.append(name)
                continue
            clusters.append(_cluster(cluster) if ours else cluster)
            distances.append(_distance(distance))
        except ValueError as error:
            wanted = "'ID,cluster,distance' with a cluster from 0 or none" if ours else "'utterance label'"
            raise UserError(f"{path}, line {number} is {','.join(fields)!r}: write {wanted}, no more.") from error
        ids.append(name)
    if not ids:
        reason = f", all {len(without)} of its utterances being without" if without else ""
        raise UserError(f"The label table {path} holds no utterances with a label{reason}: make it anew.")
    names, counts = np.unique(np.array(ids + without, dtype=STRING), return_counts=True)
    if len(names) < len(ids) + len(without):
        raise UserError(f"{path} has {names[np.argmax(counts)]} more than once: keep one label for each utterance.")
    if without:
        logger.warning("%d of %d utterances in %s have no label.", len(without), len(names), path)
    if not ours:
        clusters = np.unique(np.array(clusters, dtype=STRING), return_inverse=True)[1]
    return LabelTable(ids, clusters, distances)


def _read_lines(path):
    """Whether the file is one of ours, and the fields of its lines, the header left out."""
    with open_table(path, "label table", "check its path or make it anew") as file:
        first = file.readline()
        ours = first.strip() == ",".join(COLUMNS)
        try:
            return ours, list(csv.reader(file)) if ours else [_split(line) for line in (first, *file)]
        except csv.Error as error:
            raise UserError(f"The label table {path} cannot be read ({error}): make it anew.") from error


def _split(line):
    """Fields between tabs, if there are any, so that names may have blanks; else between blanks."""
    line = line.strip("\r\n")
    return [field.strip() for field in line.split("\t")] if "\t" in line else line.split()


def _two(fields):
    """An utterance and its label; an utterance alone has none."""
    if len(fields) == 1 and "," in fields[0]:
        raise ValueError(fields[0])  # a CSV with another header
    return fields if len(fields) > 1 else (*fields, "")


def _cluster(text):
    cluster = float(text)
    if cluster < 0 or cluster % 1:
        raise ValueError(text)
    return int(cluster)


def _distance(text):
    distance = float(text or "nan")
    if distance < 0 or distance == float("inf"):
        raise ValueError(text)
    return distance
