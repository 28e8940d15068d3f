"""Pairs of training utterances that decisions are calibrated with, and what clusters must be for that."""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.clusters.pairs import clusters_by_silhouette, impostor_pairs, target_pairs
from speechbrain_cadino.corpus.layout import recordings_of
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.errors import UserError

NEAREST = 0.4  # of the other clusters, whose utterances are impostors
FEWEST_A_CLUSTER = 3  # utterances on average: below that, most pairs of one cluster are of two speakers


def trusted_clusters(directions: np.ndarray, seed: int) -> np.ndarray:
    """The clusters of `clusters_by_silhouette`, if they are large enough to be of one speaker each.

    Every cloud of points has close neighbours. Where speakers have one utterance, or hardly more, these are strangers
    who sound alike, and they come in twos and threes.

    Arguments
    ---------
    directions : np.ndarray
        (n, dim) of length 1.
    seed : int

    Returns
    -------
    np.ndarray
        (n,) int64, from 0.

    Raises
    ------
    UserError
        If there are under three items, no clusters, or under `FEWEST_A_CLUSTER` items in each, on average.
    """
    if len(directions) < 3:
        raise UserError(f"There are {len(directions)} utterances.")
    labels = clusters_by_silhouette(directions, seed)
    n_clusters = labels.max() + 1
    if len(labels) < FEWEST_A_CLUSTER * n_clusters:
        raise UserError(
            f"{len(labels)} utterances fall into {n_clusters} clusters, {len(labels) / n_clusters:.1f} each: with so "
            f"few utterances of a speaker (under {FEWEST_A_CLUSTER}), clusters are of strangers who sound alike."
        )
    return labels


def pairs_of_one(labels: np.ndarray, manifest: Manifest, n_pairs: int, seed: int) -> tuple[tuple, str]:
    """Pairs of one cluster and of different sessions, if some cluster has any, else of different files.

    An utterance whose session is not known is of a recording of its own file.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, from 0: clusters of the utterances of ``manifest``.
    manifest : Manifest
    n_pairs, seed : int

    Returns
    -------
    pairs : (np.ndarray, np.ndarray)
        As of `target_pairs`, which see for errors.
    groups : str
        What the two are different in: "sessions", "sessions or files" where only some sessions are known, or "files".
    """
    if manifest.sessions is not None and (manifest.sessions != "").any():
        groups = "sessions" if (manifest.sessions != "").all() else "sessions or files"
        try:
            return target_pairs(labels, recordings_of(manifest.wavs, manifest.sessions), n_pairs, seed), groups
        except UserError:  # a session is a cluster
            pass
    return target_pairs(labels, manifest.wavs, n_pairs, seed), "files"


def pairs_of_two(labels: np.ndarray, directions: np.ndarray, manifest: Manifest, n_pairs: int, seed: int) -> tuple:
    """The `impostor_pairs` of near clusters, without those of one session or one file: these are of one speaker.

    Arguments
    ---------
    labels, manifest, n_pairs, seed :
        As of `pairs_of_one`; some pairs fewer are given.
    directions : np.ndarray
        (n, dim) of length 1.

    Returns
    -------
    (np.ndarray, np.ndarray)

    Raises
    ------
    UserError
        If no pair is left, or there is one cluster only.
    """
    return of_two_recordings(impostor_pairs(labels, directions, n_pairs, NEAREST, seed), manifest)


def of_two_recordings(pairs: tuple[np.ndarray, np.ndarray], manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """Of pairs (n,) and (n,), those of two files and of two sessions as far as they are known; or a `UserError`."""
    one, other = pairs
    recordings = recordings_of(manifest.wavs, manifest.sessions)
    differ = (manifest.wavs[one] != manifest.wavs[other]) & (recordings[one] != recordings[other])
    if not differ.any():
        raise UserError("No two clusters hold utterances of two sessions or files.")
    return one[differ], other[differ]


def pairs_of_one_session(manifest: Manifest, n_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Pairs of one known session and of two files, as of `target_pairs`; None if there are none."""
    known = np.flatnonzero(manifest.sessions != "") if manifest.sessions is not None else []
    if not len(known):
        return None
    sessions = np.unique(manifest.sessions[known], return_inverse=True)[1]
    try:
        one, other = target_pairs(sessions, manifest.wavs[known], n_pairs, seed)
    except UserError:
        return None
    return known[one], known[other]
