"""Default decision thresholds: without labels from random pairs of utterances, or from labelled trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from speechbrain_cadino.corpus.layout import recordings_of
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import to_numpy
from speechbrain_cadino.verification.metrics import eer
from speechbrain_cadino.verification.scoring import cosine_scores


def threshold_without_labels(
    embeddings: torch.Tensor | np.ndarray,
    wavs: Sequence[str],
    sessions: Sequence[str] | None = None,
    false_acceptance: float = 0.01,
    n_pairs: int = 100_000,
    seed: int = 0,
    mean: torch.Tensor | np.ndarray | None = None,
) -> float:
    """The cosine that a given fraction of random pairs of training utterances reaches.

    Random pairs are nearly all of two speakers, so their scores stand for impostors'. About 1 / speakers of them are
    true pairs, most of which lie above the threshold: the false acceptance among the others is lower than asked for by
    up to that much, so the threshold errs on the strict side. With 5,994 speakers 1 % becomes 0.98 % at worst; with 300
    speakers 0.67 %; under 100 speakers the true pairs may fill the whole 1 %, so take trials if you can. The pairs
    mix genders and languages as the corpus does; impostors alike in both pass more often than 1 %.

    Arguments
    ---------
    embeddings : torch.Tensor or np.ndarray
        (n_utterances, dim), of the training utterances.
    wavs : sequence of str
        (n_utterances,) the manifest's files: the two utterances of a pair are of different ones.
    sessions : sequence of str, optional
        (n_utterances,) the manifest's sessions, each of one file or more: given these, of different sessions, since
        one session is one speaker and one channel; '' where it is not known, which leaves the file.
    false_acceptance : float
        Fraction of the pairs that the threshold accepts, between 0 and 1.
    n_pairs : int
        How many pairs are drawn.
    seed : int
        Of the draw; the same seed gives the same threshold.
    mean : torch.Tensor or np.ndarray, optional
        (dim,), subtracted first, if the scores to be decided are centered too.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If there are fewer than two files or sessions, a column has another length than the embeddings, or a setting is
        out of range.

    Example
    -------
    >>> embeddings = np.random.default_rng(0).standard_normal((500, 64))
    >>> round(threshold_without_labels(embeddings, [str(item) for item in range(500)]), 1)
    0.3
    """
    n_utterances = len(wavs if sessions is None else sessions)
    if n_utterances != len(embeddings):
        raise UserError(
            f"There are {len(embeddings)} embeddings for {n_utterances} utterances of the manifest: extract them anew."
        )
    groups = wavs if sessions is None else recordings_of(wavs, sessions)
    enrol, test = random_pairs(groups, n_pairs, seed)
    return threshold_at_false_acceptance(cosine_scores(embeddings, enrol, test, mean), false_acceptance)


def threshold_from_trials(
    scores: torch.Tensor | np.ndarray, labels: np.ndarray, false_acceptance: float | None = None
) -> float:
    """The threshold that labelled trials give: at their EER, or at a false-acceptance rate.

    Arguments
    ---------
    scores : torch.Tensor or np.ndarray
        (n_trials,)
    labels : np.ndarray
        (n_trials,) bool, true for one speaker.
    false_acceptance : float, optional
        Rate between 0 and 1. None: at the equal error rate.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If the trials that are needed are absent, a score is not finite or the rate is out of range.

    Example
    -------
    >>> threshold_from_trials(np.array([0.9, 0.8, 0.1, 0.2]), np.array([True, True, False, False]))
    0.8
    """
    scores, labels = to_numpy(scores), to_numpy(labels, bool)
    if false_acceptance is None:
        return eer(scores[labels], scores[~labels])[1]
    return threshold_at_false_acceptance(scores[~labels], false_acceptance)


def threshold_at_false_acceptance(negative_scores: torch.Tensor | np.ndarray, false_acceptance: float) -> float:
    """The lowest score that accepts (score >= threshold) at most a given fraction of the negative trials.

    Arguments
    ---------
    negative_scores : torch.Tensor or np.ndarray
        Of any shape.
    false_acceptance : float
        Between 0 and 1.

    Returns
    -------
    float
        One of the scores, or just above the highest one if even that is too many.

    Raises
    ------
    UserError
        If there are no scores, one is not finite, or the rate is out of range.

    Example
    -------
    >>> threshold_at_false_acceptance(np.array([0.1, 0.2, 0.3, 0.4]), 0.25)
    0.4
    """
    if not isinstance(false_acceptance, (int, float)) or not 0 <= false_acceptance <= 1:
        raise UserError(f"false_acceptance is {false_acceptance}: give a rate between 0 and 1, such as 0.01.")
    scores = to_numpy(negative_scores)
    scores = scores.astype(np.result_type(scores, np.float16))  # whole numbers have no next higher one
    values, counts = np.unique(scores, return_counts=True)
    if not values.size or not np.isfinite(values).all():
        raise UserError("The threshold needs finite scores of pairs of two speakers: give more trials, or check them.")
    accepted = np.cumsum(counts[::-1])[::-1]  # at each value: how many scores reach it
    allowed = false_acceptance * accepted[0] * (1 + 1e-12)  # 0.29 of 100 is 28.999999999999996
    passing = values[accepted <= allowed]
    return float(passing[0] if passing.size else np.nextafter(values[-1], np.inf, dtype=values.dtype))


def random_pairs(groups: Sequence, n_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw ordered pairs of items of different groups, every such pair equally likely, with replacement.

    Arguments
    ---------
    groups : sequence
        (n_items,) the group of each item, such as its session.
    n_pairs : int
        How many, at least one.
    seed : int

    Returns
    -------
    first : np.ndarray
        (n_pairs,) int64, items.
    second : np.ndarray
        (n_pairs,) int64, items of other groups.

    Raises
    ------
    UserError
        If there are fewer than two groups or no pairs are asked for.

    Example
    -------
    >>> first, second = random_pairs(["a", "a", "b"], 5, seed=0)
    >>> bool(((first == 2) != (second == 2)).all())
    True
    """
    if n_pairs < 1:
        raise UserError(f"n_pairs is {n_pairs}: draw at least one pair of utterances, better 100000.")
    _, codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise UserError(f"The utterances come from {len(sizes)} file or session: random pairs need at least two.")
    by_group = np.argsort(codes, kind="stable")
    starts, outside = np.cumsum(sizes) - sizes, len(codes) - sizes
    rng = np.random.default_rng(seed)
    # In group order, an item's strangers are all places but its group's: draw one of that many, then jump the group.
    group = rng.choice(len(sizes), n_pairs, p=sizes * outside / np.sum(sizes * outside))
    first = starts[group] + rng.integers(sizes[group])
    second = rng.integers(outside[group])
    second += np.where(second >= starts[group], sizes[group], 0)
    return by_group[first], by_group[second]
