"""How many sessions and utterances each speaker of the demo corpus has: uneven, as in an archive."""

from __future__ import annotations

import numpy as np


def draw_sizes(
    n_speakers: int, sessions: int, utterances: int, tail: float, rng: np.random.Generator
) -> list[list[int]]:
    """How many utterances each session of each speaker has: as in an archive, where few speakers speak most.

    The speakers' numbers of sessions go by Zipf's law, as the place in the order of size to the power of minus
    ``tail``; the sessions' numbers of utterances as exponential variables to the power of ``tail``. Each speaker has a
    session, each session an utterance.

    Arguments
    ---------
    n_speakers : int
    sessions, utterances : int
        Means: there are n_speakers * sessions sessions, and n_speakers * sessions * utterances utterances.
    tail : float
        0: all are equal. 0.8 with 100 speakers and 3 sessions: the first has 32 sessions, and 27 have one.
    rng : np.random.Generator

    Returns
    -------
    list of list of int

    Example
    -------
    >>> draw_sizes(2, 3, 2, 0.0, np.random.default_rng(0))
    [[2, 2, 2], [2, 2, 2]]
    >>> sizes = draw_sizes(100, 3, 3, 0.8, np.random.default_rng(0))
    >>> sum(map(len, sizes)), sum(map(sum, sizes)), max(map(len, sizes))
    (300, 900, 32)
    """
    if tail == 0:
        return [[utterances] * sessions for _ in range(n_speakers)]
    of_speakers = _shared_out(n_speakers * sessions, rng.permutation(np.arange(1.0, n_speakers + 1) ** -tail))
    weights = rng.exponential(size=n_speakers * sessions) ** tail
    of_sessions = _shared_out(n_speakers * sessions * utterances, weights)
    return [part.tolist() for part in np.split(of_sessions, np.cumsum(of_speakers)[:-1])]


def sizes_of(settings: dict) -> dict[str, list[int]]:
    """The speakers of a demo corpus, with the utterances of each session; those of the trials are all alike.

    Arguments
    ---------
    settings : dict
        Of `make_demo_corpus`, by name.

    Returns
    -------
    dict of str to list of int
    """
    rng = np.random.default_rng([settings["seed"], 3])
    means = settings["n_speakers"], settings["sessions"], settings["utterances"]
    sizes = {f"train{i:04d}": counts for i, counts in enumerate(draw_sizes(*means, settings["tail"], rng))}
    test = [settings["test_utterances"]] * settings["test_sessions"]
    return sizes | {f"test{i:04d}": test for i in range(settings["n_test_speakers"])}


def _shared_out(total, weights):
    """Whole numbers of at least 1 that sum to ``total``, as near to the weights as that allows."""
    counts = np.ones(len(weights), int)
    for _ in range(total - len(weights)):
        counts[np.argmin(counts / weights)] += 1  # who has least for its weight
    return counts
