"""Labels that are wrong on purpose: as many as asked for, and in the way that was asked for."""

import numpy as np
import pytest


@pytest.fixture
def noisy(monkeypatch):
    import noisy_labels

    return noisy_labels


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.55, 1.0])
def test_so_many_are_wrong(noisy, fraction):
    labels = np.random.default_rng(0).integers(7, size=333)
    found = noisy.random_noise(labels, fraction, np.random.default_rng(1))
    assert np.count_nonzero(found != labels) == round(fraction * 333)
    assert found.min() >= 0 and found.max() <= labels.max()
    wrong = labels[found != labels], found[found != labels]
    assert fraction < 1 or len(np.unique((wrong[1] - wrong[0]) % (labels.max() + 1))) == labels.max()


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_half_of_the_sessions_are_split_off_and_half_join_the_nearest_stranger(noisy, fraction):
    rng = np.random.default_rng(0)
    sessions = np.repeat(np.arange(12), 3)  # of speakers 0, 0, 0, 1, 1, 1, ...
    speakers, owner = sessions // 3, np.arange(12) // 3
    spectra = rng.normal(size=(12, 4))
    label = noisy.structured_noise(speakers, sessions, spectra, fraction, rng)[::3]
    own = label == owner
    assert np.count_nonzero(~own) == round(fraction * 12)
    split = label > owner.max()
    assert np.count_nonzero(split) == round(fraction * 12) / 2 and len(set(label[split])) == np.count_nonzero(split)
    for session in np.flatnonzero(~own & ~split):
        others = [other for other in range(12) if owner[other] != owner[session]]
        nearest = min(others, key=lambda other: np.linalg.norm(spectra[other] - spectra[session]))
        assert label[session] == owner[nearest]
