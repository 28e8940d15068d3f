"""Filling of what items lack, against a loop over items."""

import numpy as np
import pytest

from speechbrain_cadino.clusters import fill
from speechbrain_cadino.clusters.fill import fill_missing


def case(seed, dims, n=None, fractions=None):
    """Rows of unit parts, some missing; every item has one at least."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60)) if n is None else n
    edges = np.cumsum([0, *dims])
    columns = {f"m{i}": slice(int(edges[i]), int(edges[i + 1])) for i in range(len(dims))}
    has = {name: rng.random(n) < (fractions or [0.7] * len(dims))[i] for i, name in enumerate(columns)}
    none = ~np.any(list(has.values()), axis=0)
    has["m0"] = has["m0"] | none
    rows = np.zeros((n, edges[-1]), np.float32)
    for name, part in columns.items():
        x = rng.normal(size=(n, part.stop - part.start))
        rows[:, part] = np.where(has[name][:, None], x / np.linalg.norm(x, axis=1, keepdims=True), 0)
    return rows, columns, has, {name: rng.uniform(0.2, 3) for name in columns}


def by_hand(rows, columns, has, weights, k):
    """Item by item, in float64: the filled rows, and how many keep zeros by modality."""
    x, filled, left = rows.astype(np.float64), rows.astype(np.float64), dict.fromkeys(columns, 0)
    for name, part in columns.items():
        for i in np.flatnonzero(~has[name]):
            scores = []
            for j in np.flatnonzero(has[name]):
                both = [other for other in columns if other != name and has[other][i] and has[other][j]]
                if both:
                    cosines = [weights[o] * (x[i, columns[o]] @ x[j, columns[o]]) for o in both]
                    scores.append((-sum(cosines) / sum(weights[o] for o in both), j))
            nearest = [j for _, j in sorted(scores)[:k]]
            left[name] += not nearest
            if nearest:
                filled[i, part] = x[nearest][:, part].mean(axis=0)
    return filled, left


@pytest.mark.parametrize("dims", [(4, 6), (5, 3), (3, 4, 5), (2, 3, 2, 4)])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("blocks", [(1024, 65536, 16384), (7, 5, 3), (1, 1, 1)])
def test_equals_a_loop_over_items(dims, seed, blocks, monkeypatch):
    for name, size in zip(("ASKING", "GIVING", "MEAN_BLOCK"), blocks):
        monkeypatch.setattr(fill, name, size)
    rows, columns, has, weights = case(seed, dims)
    k = [1, 3, 5, 100][seed]
    expected, expected_left = by_hand(rows, columns, has, weights, k)
    left = fill_missing(rows, columns, has, weights, k)
    np.testing.assert_allclose(rows, expected, atol=2e-6)
    assert left == expected_left


def test_what_is_there_stays_bit_for_bit():
    rows, columns, has, weights = case(9, (4, 6), n=50)
    before = rows.copy()
    fill_missing(rows, columns, has, weights, 3)
    for name, part in columns.items():
        np.testing.assert_array_equal(rows[has[name], part], before[has[name], part])
    assert not np.array_equal(rows, before)


@pytest.mark.parametrize("fractions", [(1.0, 0.0), (0.0, 1.0)])
def test_where_nobody_has_one_zeros_stay(fractions):
    rows, columns, has, weights = case(3, (4, 6), n=20)
    has = {name: np.full(20, bool(fraction)) for name, fraction in zip(columns, fractions)}
    for name in columns:
        rows[~has[name], columns[name]] = 0
    before = rows.copy()
    left = fill_missing(rows, columns, has, weights, 3)
    np.testing.assert_array_equal(rows, before)
    assert list(left.values()) == [20 if fraction == 0 else 0 for fraction in fractions]


def test_voices_and_faces_without_an_item_that_has_both_keep_zeros():
    rows, columns, has, weights = case(4, (4, 6), n=20)
    has = {"m0": np.arange(20) < 12, "m1": np.arange(20) >= 12}
    for name in columns:
        rows[~has[name], columns[name]] = 0
    assert fill_missing(rows, columns, has, weights, 3) == {"m0": 8, "m1": 12}
    assert not rows[:12, 4:].any() and not rows[12:, :4].any()


def test_one_item_with_both_fills_all_others():
    rows, columns, has, weights = case(5, (4, 6), n=20)
    has = {"m0": np.ones(20, bool), "m1": np.arange(20) == 7}
    assert fill_missing(rows, columns, has, weights, 3) == {"m0": 0, "m1": 0}
    np.testing.assert_array_equal(rows[:, 4:], np.broadcast_to(rows[7, 4:], (20, 6)))


def test_items_with_nothing_keep_nothing():
    rows, columns, has, weights = case(8, (4, 6), n=20)
    for name in columns:
        has[name][[2, 5]] = False
        rows[[2, 5]] = 0
    left = fill_missing(rows, columns, has, weights, 3)
    assert not rows[[2, 5]].any() and left == {"m0": 2, "m1": 2} and rows[[0, 1, 3, 4]].any(axis=1).all()


def test_copies_are_filled_by_their_likes():
    rows, columns, has, weights = case(6, (4, 6), n=10)
    has = dict.fromkeys(columns, np.ones(10, bool))
    rows = np.repeat(rows, 6, axis=0)  # each ten items six times, of which two lack the second part
    has = {"m0": np.ones(60, bool), "m1": np.tile([True, True, True, False, True, False], 10)}
    rng = np.random.default_rng(0)
    rows[:, :4] = np.repeat(rng.normal(size=(10, 4)), 6, axis=0)
    rows[:, :4] /= np.linalg.norm(rows[:, :4], axis=1, keepdims=True)
    rows[:, 4:] = np.repeat(rng.normal(size=(10, 6)), 6, axis=0) * has["m1"][:, None]
    fill_missing(rows, columns, has, weights, 4)
    np.testing.assert_allclose(rows[3::6, 4:], rows[0::6, 4:], rtol=1e-6)
    np.testing.assert_allclose(rows[5::6, 4:], rows[0::6, 4:], rtol=1e-6)


def test_neighbours_that_differ_fill_a_short_part():
    rows = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0]], dtype=np.float32)
    columns = {"voice": slice(0, 2), "face": slice(2, 4)}
    has = {"voice": np.ones(3, bool), "face": np.array([True, True, False])}
    fill_missing(rows, columns, has, {"voice": 1, "face": 1}, 2)
    assert rows[2].tolist() == [1, 0, 0.5, 0.5]
