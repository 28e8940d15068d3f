"""Who speaks in a trial: by patterns that agree with the labels, or by the trials that link names."""

import numpy as np
import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.speakers import trial_speakers


def random_trials(seed, name):
    """Speakers of both sides, their names by ``name``, and labels."""
    rng = np.random.default_rng(seed)
    own, other = rng.integers(5, size=(2, 80))
    enrol, test = ([name(speaker, rng.integers(3), rng.integers(4)) for speaker in side] for side in (own, other))
    return own, other, enrol, test, own == other


def same(found, own, other):
    """Whether numbers stand for the same speakers."""
    both = np.unique(np.stack([np.append(found.enrol, found.test), np.append(own, other)]), axis=1)
    return both.shape[1] == len(np.unique(both[0])) == len(np.unique(both[1]))


@pytest.mark.parametrize(
    "name",
    [
        lambda speaker, session, number: f"id{speaker}/v{session}/{number}.wav",
        lambda speaker, session, number: f"wav/id{speaker}/v{session}/{number}.wav",
        lambda speaker, session, number: f"id{speaker}/{session}{number}.wav",
        lambda speaker, session, number: f"some/where/id {speaker}/{session}{number}.wav",
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_usual_names(name, seed):
    own, other, enrol, test, labels = random_trials(seed, name)
    found = trial_speakers(enrol, test, labels)
    assert same(found, own, other) and found.n_speakers == 5 and "finds in the names: 5" in found.told


def test_a_pattern_that_is_given():
    own, other, enrol, test, labels = random_trials(0, lambda speaker, session, number: f"{session}{number}-{speaker}")
    assert same(trial_speakers(enrol, test, labels, r"-(.)$"), own, other)
    with pytest.raises(UserError, match="contradicts the labels of"):
        trial_speakers(enrol, test, labels, "^(.)")
    with pytest.raises(UserError, match="does not match the name"):
        trial_speakers(enrol, test, labels, "^(0)")
    with pytest.raises(UserError, match="no group"):
        trial_speakers(enrol, test, labels, "^.")


@pytest.mark.parametrize("seed", range(10))
def test_names_that_say_nothing_are_linked_by_trials_of_one_speaker(seed):
    own, other, enrol, test, labels = random_trials(
        seed, lambda speaker, session, number: f"{number}{speaker}{session}"
    )
    found = trial_speakers(enrol, test, labels)
    groups = {name: {name} for name in {*enrol, *test}}  # plainly: sets that are joined until none is left to join
    for a, b, label in zip(enrol, test, labels):
        if label:
            joined = groups[a] | groups[b]
            groups.update(dict.fromkeys(joined, joined))
    assert found.n_speakers == len({frozenset(group) for group in groups.values()})
    numbers = dict(zip([*enrol, *test], [*found.enrol.tolist(), *found.test.tolist()]))
    assert all((numbers[a] == numbers[b]) == (b in groups[a]) for a in numbers for b in numbers)
    assert "not known from the names" in found.told and f"{found.n_speakers} in all" in found.told


def test_a_pattern_that_contradicts_the_labels_is_not_taken():
    found = trial_speakers(["a/1", "a/1", "b/1"], ["b/2", "a/2", "c/1"], np.array([True, False, False]))
    assert found.enrol.tolist()[0] == found.test.tolist()[0] and "not known" in found.told
