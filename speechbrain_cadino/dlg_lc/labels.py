"""The labels of a training, made once and kept: clusters, a table from elsewhere, or some true labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from speechbrain_cadino.clusters.table import LabelTable, read_label_table
from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.utils.settings.faults import fault_line

CONTENT = "content"


def true_labels(manifest: Manifest | Items, fraction: float, seed: int) -> LabelTable:
    """The true speakers of a fraction of the utterances, drawn at random.

    Arguments
    ---------
    manifest : Manifest or Items
    fraction : float
        Over 0, 1 for all.
    seed : int
        A smaller fraction is part of a larger one with the same seed.

    Returns
    -------
    LabelTable
        At least one utterance.

    Raises
    ------
    UserError
        If the fraction is no fraction, an utterance has no speaker, or fewer than two speakers have a label.

    Example
    -------
    >>> from speechbrain_cadino.corpus.manifest import Manifest
    >>> manifest = Manifest(["a", "b"], ["a.wav", "b.wav"], [0, 0], [16000, 16000], spk_ids=["x", "y"])
    >>> true_labels(manifest, fraction=1.0, seed=0).clusters.tolist()
    [0, 1]
    """
    if not 0 < fraction <= 1:
        raise UserError(f"label_fraction is {fraction}: set a fraction over 0, and 1 at most.")
    if manifest.spk_ids is None or (manifest.spk_ids == "").any():
        raise UserError(
            "The true speakers of some utterances are not known: give a train_csv with the column spk_id, or set "
            "speaker_pattern in prepare_options."
        )
    drawn = np.sort(np.random.default_rng(seed).permutation(len(manifest))[: max(1, round(fraction * len(manifest)))])
    speakers, labels = np.unique(manifest.spk_ids[drawn], return_inverse=True)
    if len(speakers) < 2:
        raise UserError(f"label_fraction {fraction} is {len(drawn)} utterances of one speaker: set a larger one.")
    return LabelTable(manifest.ids[drawn], labels)


def keep_labels(
    path: Path, manifest: Manifest | Items, make: Callable, made_from: dict, source: str | Path | None = None
) -> np.ndarray:
    """The label table of a training, made once and kept; every rank must call it.

    Arguments
    ---------
    path : Path
        Where it is kept: for the manifest's utterances alone, its classes numbered without gaps.
    manifest : Manifest or Items
    make : callable
        Gives the `LabelTable`, if there is none at ``path`` yet.
    made_from : dict
        Name to value of the settings that decide the labels. They are kept beside the table, as JSON.
    source : str or Path, optional
        The file that the labels are from, for messages.

    Returns
    -------
    labels : np.ndarray
        (n,) int64, the class of each utterance of the manifest, -1 for none.

    Raises
    ------
    UserError
        If the table at ``path`` was made from other settings, or is not of this manifest, or nothing can be learnt from
        the labels, see `check_labels`.
    """
    path = Path(path)
    made_from = {name: str(value) for name, value in made_from.items()}
    origin = made_from if source is None else {"labels": source}
    if on_main(path.exists):  # as the main rank sees it: it may write the table while another one looks
        table = read_label_table(path)
        _check_origin(path, table, made_from)
        labels = table.for_manifest(manifest.ids, min_fraction=0)[0]
        check_labels(labels, origin)
        return labels
    labels, distances = make().for_manifest(manifest.ids, min_fraction=0)
    check_labels(labels, origin)
    known = labels >= 0
    labels[known] = np.unique(labels[known], return_inverse=True)[1]
    table = LabelTable(manifest.ids[known], labels[known], distances[known])
    on_main(_write, path, table, made_from)
    return labels


def check_labels(labels: np.ndarray, made_from: dict) -> None:
    """Raise a `UserError` if nothing can be learnt from labels: one class only, or each utterance a class of its own.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, -1 for none.
    made_from : dict
        Where they come from, for the message.
    """
    classes, counts = np.unique(labels[labels >= 0], return_counts=True)
    origin = ", ".join(f"{name} {value}" for name, value in made_from.items())
    if len(classes) < 2:
        raise UserError(
            f"All {counts.sum()} labelled utterances are in one class ({origin}): there is nothing to tell apart; give "
            "labels of two classes at least."
        )
    if counts.max() == 1:
        raise UserError(
            f"Each of {len(classes)} labelled utterances is a class of its own ({origin}): no class has two to learn "
            "from; give labels that bring utterances together."
        )


def _write(path, table, made_from):
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({**made_from, CONTENT: _digest(table)}, indent=2))
    table.write(path)


def _digest(table):
    return digest_of([*table.ids.tolist(), table.clusters.tobytes().hex()])


def _check_origin(path, table, made_from):
    record = path.with_suffix(".json")
    if not record.is_file():
        raise UserError(
            f"{record} is missing, and with it what {path.name} was made from: remove {path.parent} to begin anew."
        )
    try:
        origin = json.loads(record.read_text())
        content = origin.pop(CONTENT, None)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{record}, which says what {path.name} was made from, cannot be read ({fault_line(error)}): remove "
            f"{path.parent} to begin anew."
        ) from error
    for name in origin | made_from:
        was, is_now = origin.get(name), made_from.get(name)
        if was != is_now:
            raise UserError(
                f"The labels {path} were made with {name} {was}, and this run has {is_now}: give another "
                f"output_folder, or remove {path.parent} to begin anew."
            )
    if content != _digest(table):
        raise UserError(
            f"The labels {path} are no longer those that the run has made: put them back, give them as --labels to a "
            f"run with another output_folder, or remove {path.parent} to begin anew."
        )
