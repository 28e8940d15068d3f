"""The label table: which cluster each utterance is in, on disk and in a manifest's order."""

import csv
import logging
from dataclasses import dataclass

import numpy as np

from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path

logger = logging.getLogger(__name__)

COLUMNS = ("ID", "cluster", "distance")


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

    def for_manifest(self, ids, min_fraction=0.5):
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
            (n,) int64, -1 for an utterance that is not in the table; a warning counts them.
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
        return np.where(rows < 0, -1, self.clusters[rows]), np.where(rows < 0, np.float32(np.nan), self.distances[rows])

    def write(self, path):
        """Write the table as a CSV with the columns ID, cluster, distance, all or nothing; unknown distances empty."""
        distances = ["" if distance != distance else f"{distance:.9g}" for distance in self.distances.tolist()]
        with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(zip(self.ids.tolist(), self.clusters.tolist(), distances))


def read_label_table(path):
    """Read what `LabelTable.write` wrote, or the list of another toolkit, ``utterance label`` a line.

    The labels of a list may be any words; they are numbered in their sorted order, and distances are not known.

    Arguments
    ---------
    path : str or Path

    Returns
    -------
    LabelTable

    Raises
    ------
    UserError
        If the file cannot be read or is empty, a line is no good, or an utterance comes twice.
    """
    ours, lines = _read_lines(path)
    ids, clusters, distances = [], [], []
    for number, fields in enumerate(lines, 1 + ours):
        if not fields:
            continue
        try:
            name, cluster, distance = fields if ours else (*fields, "")
            clusters.append(_cluster(cluster) if ours else cluster)
            distances.append(float(distance or "nan"))
        except ValueError as error:
            wanted = "'ID,cluster,distance' with a cluster from 0" if ours else "'utterance label'"
            raise UserError(f"{path}, line {number} is {','.join(fields)!r}: write {wanted}, no more.") from error
        ids.append(name)
    if not ids:
        raise UserError(f"The label table {path} holds no utterances: make it anew.")
    names, counts = np.unique(np.array(ids, dtype=STRING), return_counts=True)
    if len(names) < len(ids):
        raise UserError(f"{path} has {names[np.argmax(counts)]} more than once: keep one label for each utterance.")
    if not ours:
        clusters = np.unique(np.array(clusters, dtype=STRING), return_inverse=True)[1]
    return LabelTable(ids, clusters, distances)


def _read_lines(path):
    """Whether the file is one of ours, and the fields of its lines, the header left out."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            ours = first.strip() == ",".join(COLUMNS)
            return ours, list(csv.reader(file)) if ours else [first.split(), *(line.split() for line in file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"The label table {path} cannot be read ({reason}): check its path or make it anew.") from error


def _cluster(text):
    cluster = int(text)
    if cluster < 0:
        raise ValueError(text)
    return cluster
