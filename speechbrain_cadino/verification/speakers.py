"""Who speaks in a labelled trial, as far as names and labels tell: what a bootstrap over speakers needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from speechbrain_cadino.corpus.layout import compiled_pattern
from speechbrain_cadino.utils.errors import UserError

# Where a speaker's name may stand in a path: two folders above the file (VoxCeleb), the first folder, the folder.
USUAL = (r"(?:^|/)([^/]+)/[^/]+/[^/]+$", r"^([^/]+)/", r"(?:^|/)([^/]+)/[^/]+$")


class TrialSpeakers(NamedTuple):
    """The speaker of each side.

    Arguments
    ---------
    enrol, test : np.ndarray
        (n_trials,) int64
    n_speakers : int
    told : str
        How they were found, in a sentence.
    """

    enrol: np.ndarray
    test: np.ndarray
    n_speakers: int
    told: str


def trial_speakers(
    enrol: Sequence[str], test: Sequence[str], labels: np.ndarray, pattern: str | None = None
) -> TrialSpeakers:
    """Find the speakers of trials.

    By a pattern; without one by the usual places in paths, the first that agrees with all labels. Where none does,
    names that trials of one speaker link are one speaker.

    Arguments
    ---------
    enrol, test : sequence of str, (n_trials,)
    labels : np.ndarray
        (n_trials,) bool, true for one speaker.
    pattern : str, optional
        A regular expression whose first group is the speaker in a name.

    Returns
    -------
    TrialSpeakers

    Raises
    ------
    UserError
        If a pattern that is given does not match a name, or contradicts the labels.

    Example
    -------
    >>> found = trial_speakers(["a/1.wav", "a/1.wav"], ["a/2.wav", "b/1.wav"], np.array([True, False]))
    >>> found.enrol.tolist(), found.test.tolist(), found.told
    ([0, 0], [0, 1], "Speakers are what '^([^/]+)/' finds in the names: 2.")
    """
    labels = np.asarray(labels, dtype=bool)
    names = {}
    sides = [np.array([names.setdefault(name, len(names)) for name in side], dtype=np.int64) for side in (enrol, test)]
    names = list(names)
    for one in USUAL if pattern is None else [pattern]:
        found = _by_pattern(names, one, strict=pattern is not None)
        if found is None:
            continue
        numbers = {speaker: number for number, speaker in enumerate(sorted(set(found)))}
        speakers = np.array([numbers[speaker] for speaker in found], dtype=np.int64)
        own, other = (speakers[side] for side in sides)
        wrong = np.flatnonzero((own == other) != labels)
        if not wrong.size:
            n = len(numbers)
            return TrialSpeakers(own, other, n, f"Speakers are what {one!r} finds in the names: {n}.")
        if pattern is not None:
            row = wrong[0]
            raise UserError(
                f"speaker_pattern {pattern!r} contradicts the labels of {wrong.size} trials, such as "
                f"{int(labels[row])} {enrol[row]} {test[row]}: correct it, or leave it out."
            )
    return _by_links(names, *sides, labels)


def _by_pattern(names, pattern, strict):
    compiled, found = compiled_pattern(pattern, "speaker_pattern"), []
    for name in names:
        match = compiled.search(name)
        if match is None or match[1] is None:
            if strict:
                raise UserError(f"speaker_pattern {pattern!r} does not match the name {name}: correct it.")
            return None
        found.append(match[1])
    return found


def _by_links(names, enrol, test, labels):
    links = (np.ones(int(labels.sum()), dtype=np.int8), (enrol[labels], test[labels]))
    n, groups = connected_components(coo_array(links, shape=(len(names), len(names))), directed=False)
    told = (
        f"Speakers are not known from the names: those of {len(names)} names that trials of one speaker link count as "
        f"one, {n} in all; speakers may be fewer, and the intervals are then too narrow: give speaker_pattern."
    )
    return TrialSpeakers(groups[enrol].astype(np.int64), groups[test].astype(np.int64), int(n), told)
