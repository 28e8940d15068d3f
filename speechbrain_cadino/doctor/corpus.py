"""What a run was trained on, as far as its folder says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.corpus.manifest import Manifest, read_manifest
from speechbrain_cadino.training.utterances import Utterances
from speechbrain_cadino.utils.errors import UserError


@dataclass
class CorpusFacts:
    """The training utterances.

    Arguments
    ---------
    utterances, recordings : int
        How many, and of how many files; 0: not known.
    hours : float
        0: not known.
    manifest : Manifest or None
    """

    utterances: int = 0
    recordings: int = 0
    hours: float = 0.0
    manifest: Manifest | None = None


def corpus_facts(csv: Path, utterances: Path, lacking: list[str]) -> CorpusFacts:
    """The facts of a run's corpus; without its CSV, the number of utterances alone.

    Arguments
    ---------
    csv, utterances : Path
        ``corpus/train.csv`` and ``utterances.npz`` of the run.
    lacking : list of str
        What is not there is added.

    Returns
    -------
    CorpusFacts
    """
    try:
        manifest = read_manifest(csv, csv.parent)
        hours = float(manifest.durations.sum()) / 3600
        return CorpusFacts(len(manifest), len(np.unique(manifest.wavs)), hours, manifest)
    except (OSError, ValueError, UserError):
        lacking.append("corpus/train.csv")
    try:
        return CorpusFacts(len(Utterances.load(utterances).ids))
    except (OSError, UserError):
        return CorpusFacts()


def labels_of(path: Path, manifest: Manifest | None, lacking: list[str]) -> np.ndarray | None:
    """(n,) int64, the cluster of each utterance by a label table, -1 for none.

    None, and the table's name in ``lacking``, if it is there and cannot be read, or has none of the utterances.
    """
    if manifest is None or not path.is_file():
        return None
    try:
        table = read_label_table(path)
        return table.for_manifest(manifest.ids, min_fraction=0)[0]
    except (OSError, ValueError, UserError):
        lacking.append(str(path.relative_to(path.parents[1])))
        return None
