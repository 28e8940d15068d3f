"""How good pseudo-labels are: sizes of clusters, agreement with those before, and with speakers where they are known.

Everything is counted over groups of items, never over pairs of items: seconds for a million of them.
"""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.clusters.mutual_information import adjusted_mutual_information

UNKNOWN = -1


def cluster_metrics(
    labels: np.ndarray,
    previous: np.ndarray | None = None,
    spk_ids: np.ndarray | None = None,
    sessions: np.ndarray | None = None,
) -> dict[str, int | float]:
    """All metrics of a refresh, with keys fit for a CSV's header.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, -1 for an item without a cluster, which counts nowhere.
    previous : np.ndarray, optional
        (n,) int64, of the refresh before: adds ``ami_previous``, over the items that are in both.
    spk_ids : np.ndarray of str, optional
        (n,), '' for an unknown one, as `Manifest.spk_ids`: adds ``ami_speakers``, what `same_speaker_fractions` gives,
        and ``wrong_labels``, the fraction of the items whose speaker is not the one that most of their cluster have.
        They are for the log alone; nothing is trained on them.
    sessions : np.ndarray of str, optional
        (n,), as `Manifest.sessions`.

    Returns
    -------
    dict of int or float

    Example
    -------
    >>> cluster_metrics(np.array([0, 0, 1, 2, 2, 2]), previous=np.array([5, 5, 5, 3, 3, 3]))["clusters"]
    3
    """
    labels = np.asarray(labels)
    metrics = cluster_sizes(labels)
    if previous is not None:
        both = (labels != UNKNOWN) & (np.asarray(previous) != UNKNOWN)
        metrics["ami_previous"] = adjusted_mutual_information(labels[both], np.asarray(previous)[both])
    if spk_ids is not None:
        known = (labels != UNKNOWN) & (np.asarray(spk_ids) != "")
        labels, spk_ids = labels[known], _numbered(np.asarray(spk_ids)[known])
        metrics["ami_speakers"] = adjusted_mutual_information(labels, spk_ids)
        metrics["wrong_labels"] = _wrong(labels, spk_ids)
        metrics.update(
            same_speaker_fractions(labels, spk_ids, None if sessions is None else np.asarray(sessions)[known])
        )
    return metrics


def cluster_sizes(labels: np.ndarray) -> dict:
    """How the items are spread.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, -1 for an item without a cluster.

    Returns
    -------
    dict
        ``clusters`` (used), and of their sizes ``median_size`` and ``largest``; ``singletons`` (clusters of one item).

    Example
    -------
    >>> cluster_sizes(np.array([0, 0, 0, 4, -1]))
    {'clusters': 2, 'median_size': 2.0, 'largest': 3, 'singletons': 1}
    """
    labels = np.asarray(labels)
    sizes = _sizes(_numbered(labels[labels != UNKNOWN]))
    return {
        "clusters": len(sizes),
        "median_size": float(np.median(sizes)) if len(sizes) else 0.0,
        "largest": int(sizes.max(initial=0)),
        "singletons": int(np.count_nonzero(sizes == 1)),
    }


def same_speaker_fractions(
    labels: np.ndarray, spk_ids: np.ndarray, sessions: np.ndarray | None = None
) -> dict[str, float]:
    """Of the pairs of items of one speaker, the fraction whose items are in one cluster.

    Where the fraction across sessions is far under that within, clusters are channels.

    Arguments
    ---------
    labels : np.ndarray
        (n,)
    spk_ids : np.ndarray
        (n,)
    sessions : np.ndarray, optional
        (n,): a session's name counts within its speaker.

    Returns
    -------
    dict of float
        ``same_spk``, and with sessions ``same_spk_within`` and ``same_spk_across`` them; NaN without such pairs.

    Example
    -------
    >>> labels, speakers = np.array([0, 0, 1, 1]), np.array(["a", "a", "a", "b"])
    >>> same_speaker_fractions(labels, speakers, sessions=np.array(["x", "x", "y", "z"]))
    {'same_spk': 0.3333333333333333, 'same_spk_within': 1.0, 'same_spk_across': 0.0}
    """
    labels, spk_ids = _numbered(labels), _numbered(spk_ids)
    pairs, together = _pairs(spk_ids), _pairs(spk_ids, labels)
    fractions = {"same_spk": _fraction(together, pairs)}
    if sessions is not None:
        sessions = _numbered(sessions)
        within, together_within = _pairs(spk_ids, sessions), _pairs(spk_ids, sessions, labels)
        fractions["same_spk_within"] = _fraction(together_within, within)
        fractions["same_spk_across"] = _fraction(together - together_within, pairs - within)
    return fractions


def majority_speakers(labels: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """The speaker that most utterances of a class have.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, the class of each utterance, from 0.
    speakers : np.ndarray
        (n,) int64, from 0, -1 for an unknown one.

    Returns
    -------
    np.ndarray
        (classes,) int64: of speakers that are equally frequent the lowest, -1 for a class without known ones.

    Example
    -------
    >>> majority_speakers(np.array([0, 0, 0, 2]), np.array([5, 7, 7, 5])).tolist()
    [7, -1, 5]
    """
    pairs = np.stack([labels, speakers], axis=1)[speakers != UNKNOWN]
    pairs, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.lexsort((pairs[:, 1], -counts))  # the most frequent first, the lowest speaker first among equals
    classes, first = np.unique(pairs[order, 0], return_index=True)
    majority = np.full(labels.max() + 1, UNKNOWN, dtype=np.int64)
    majority[classes] = pairs[order[first], 1]
    return majority


def _wrong(labels, speakers):
    wrong = majority_speakers(labels, speakers)[labels] != speakers if len(labels) else np.zeros(0)
    return float(np.mean(wrong)) if len(wrong) else float("nan")


def _pairs(*columns):
    """The number of pairs of items that are equal in all columns, which are numbers from 0."""
    sizes = _sizes(*columns)
    return int(np.sum(sizes * (sizes - 1) // 2))


def _sizes(*columns):
    """Sizes of the groups of items that are equal in all columns, which are numbers from 0."""
    codes, *others = columns
    for column in others:
        # Numbered anew each time, so that the product does not overflow.
        codes = _numbered(codes * (column.max(initial=0) + 1) + column)
    return np.bincount(codes)


def _numbered(column):
    """The values' places in their sorted order: text is sorted once here, and numbers, much faster, from then on."""
    return np.unique(column, return_inverse=True)[1]


def _fraction(part, whole):
    return part / whole if whole else float("nan")
