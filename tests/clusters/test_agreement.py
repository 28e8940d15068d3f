"""Agreement of two modalities, against a loop over items."""

import numpy as np
import pytest

from speechbrain_cadino.clusters import agreement as module
from speechbrain_cadino.clusters.agreement import agreement


def unit(x):
    x = x - x.mean(axis=0)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def by_hand(one, other, sessions):
    """Item by item, all asked."""
    one, other, places = unit(one), unit(other), []
    for i in range(len(one)):
        order = sorted((j for j in range(len(one)) if j != i), key=lambda j: -(one[i] @ one[j]))
        order = order[3:] if sessions is None else [j for j in order if sessions[j] != sessions[i]]
        if len(order) > 1:
            best = max(order, key=lambda j: other[i] @ other[j])
            places.append(sum(one[i] @ one[j] < one[i] @ one[best] for j in order) / (len(order) - 1))
    return np.mean(places), np.std(places) / np.sqrt(len(places))


@pytest.mark.parametrize("floats", [2**25, 150, 1])
@pytest.mark.parametrize("n, dims", [(10, (3, 2)), (37, (5, 8)), (120, (4, 6))])
@pytest.mark.parametrize("known", [True, False])
def test_equals_a_loop_over_items(known, n, dims, floats, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_FLOATS", floats)
    rng = np.random.default_rng(n)
    person = rng.normal(size=(n // 5 + 1, 4))[rng.integers(n // 5 + 1, size=n)]
    one, other = (person @ rng.normal(size=(4, dim)) + rng.normal(size=(n, dim)) for dim in dims)
    sessions = rng.integers(n // 3, size=n).astype(str) if known else None
    np.testing.assert_allclose(agreement(one, other, sessions), by_hand(one, other, sessions), rtol=1e-4)


def test_one_session_says_nothing():
    one, other = np.random.default_rng(0).normal(size=(2, 30, 4))
    assert np.isnan(agreement(one, other, np.zeros(30))).all()
    assert not np.isnan(agreement(one, other, np.arange(30) // 29)).any()  # the last one has 29 answers


def test_those_asked_are_drawn():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 300, 5))
    first, second = (agreement(one, other, n_asked=30, seed=seed) for seed in (0, 1))
    assert first != second and first == agreement(one, other, n_asked=30, seed=0)
    assert first[1] == pytest.approx(agreement(one, other)[1] * np.sqrt(10), rel=0.4)


@pytest.mark.parametrize("seed", range(3))
def test_faces_of_random_people_by_session_are_at_chance(seed):
    """Sessions of three, which both modalities know; speakers of four sessions."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(160), 3)
    speaker = session // 4
    of_session = rng.normal(size=(2, 160, 16))
    noise = rng.normal(size=(2, len(session), 16))
    voices, faces = rng.normal(size=(2, 40, 16))
    voice = voices[speaker] + 0.7 * of_session[0][session] + 0.7 * noise[0]
    for people, low, high in ((speaker, 0.7, 1.0), (rng.integers(40, size=160)[session], 0.4, 0.57)):
        mean, error = agreement(voice, faces[people] + 0.7 * of_session[1][session] + 0.7 * noise[1], session)
        assert low < mean < high and 0 < error < 0.02


def test_copies_count_half():
    mean, _ = agreement(np.ones((30, 3)), np.random.default_rng(0).normal(size=(30, 3)))
    assert mean == pytest.approx(0.5)
