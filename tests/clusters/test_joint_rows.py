"""Joint rows against a loop over items, and what is refused."""

import logging

import numpy as np
import pytest

from speechbrain_cadino.clusters.joint_rows import join_embeddings
from speechbrain_cadino.utils.errors import UserError

from .test_fill import by_hand


def case(seed, dims=(4, 7), missing=0.3, extra=3):
    """Embeddings by modality, in another order than the items, some of no item; some items have nothing."""
    rng = np.random.default_rng(seed)
    n, parts = 40, {}
    for name, dim in zip(["voice", "face", "gait"], dims):
        rows = rng.permutation(n + extra)[:n]
        rows[rng.random(n) < missing] = -1
        parts[name] = rows, rng.normal(2, 1, (n + extra, dim)).astype(np.float32)
    return parts, n


@pytest.mark.parametrize("dims", [(4, 7), (3, 1), (5, 2, 3)])
@pytest.mark.parametrize("missing", [0, 0.3, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_equals_a_loop_over_items(seed, missing, dims):
    parts, n = case(seed, dims, missing)
    weights = dict(zip(parts, [1.0, 3.0, 0.5]))
    k = 100 if 1 in dims else 2  # in one dimension all are equally near, or opposite
    joined = join_embeddings(parts, weights, n_neighbours=k)
    items = [i for i in range(n) if any(rows[i] >= 0 for rows, _ in parts.values())]
    assert joined.items.tolist() == items
    plain = np.zeros((len(items), sum(dims)))
    for name, (rows, x) in parts.items():
        mean = x[rows[rows >= 0]].astype(np.float64).mean(axis=0)
        assert joined.has[name].tolist() == [rows[i] >= 0 for i in items]
        for place, item in enumerate(items):
            if rows[item] >= 0:
                plain[place, joined.columns[name]] = (x[rows[item]] - mean) / np.linalg.norm(x[rows[item]] - mean)
    plain, _ = by_hand(plain, joined.columns, joined.has, weights, k)
    for name in parts:
        plain[:, joined.columns[name]] *= np.sqrt(weights[name] / sum(weights[m] for m in parts))
    assert joined.rows.dtype == np.float32
    np.testing.assert_allclose(joined.rows, plain, atol=5e-6)


def test_the_cosine_is_the_weighted_mean_of_the_cosines():
    parts, n = case(0, missing=0)
    joined = join_embeddings(parts, {"voice": 1, "face": 3})
    np.testing.assert_allclose(np.linalg.norm(joined.rows, axis=1), 1, rtol=1e-5)
    cosines = {}
    for name, (rows, x) in parts.items():
        x = x[rows] - x[rows].mean(axis=0)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        cosines[name] = x @ x.T
    np.testing.assert_allclose(joined.rows @ joined.rows.T, (cosines["voice"] + 3 * cosines["face"]) / 4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("absent", ["rows of -1", "no embeddings", "not given"])
@pytest.mark.parametrize("alone", ["voice", "face"])
def test_one_modality_alone_is_centered_bit_for_bit(alone, absent, dtype):
    x = np.random.default_rng(0).normal(3, 1, (50, 8)).astype(dtype)
    parts = {alone: (np.arange(50), x)}
    other = {"voice": "face", "face": "voice"}[alone]
    if absent != "not given":
        parts[other] = np.full(50, -1), np.ones((4 if absent == "rows of -1" else 0, 5), dtype)
    joined = join_embeddings(parts)
    expected = x - x.mean(axis=0)
    assert joined.rows.dtype == expected.dtype and joined.rows.tobytes() == expected.tobytes()
    assert joined.items.tolist() == list(range(50)) and list(joined.columns) == [alone]


def test_one_modality_alone_leaves_out_items_without():
    x = np.random.default_rng(0).normal(3, 1, (5, 8)).astype(np.float32)
    joined = join_embeddings({"voice": (np.array([0, -1, 1, 2, -1, 3, 4]), x)})
    assert joined.items.tolist() == [0, 2, 3, 5, 6]
    assert joined.rows.tobytes() == (x - x.mean(axis=0)).tobytes()


def test_embeddings_are_left_as_they_are():
    parts, _ = case(1)
    before = {name: (rows.copy(), x.copy()) for name, (rows, x) in parts.items()}
    join_embeddings(parts)
    for name in parts:
        for now, was in zip(parts[name], before[name]):
            np.testing.assert_array_equal(now, was)


def test_a_single_face_says_nothing():
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    rows = np.full(9, -1)
    rows[3] = 0
    joined = join_embeddings({"voice": (np.arange(9), x), "face": (rows, np.ones((1, 6), np.float32))})
    assert not joined.rows[:, joined.columns["face"]].any() and np.isfinite(joined.rows).all()


def test_how_many_were_filled_is_told(caplog):
    caplog.set_level(logging.INFO)
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    rows = np.where(np.arange(9) < 6, np.arange(9), -1)
    join_embeddings({"voice": (np.arange(9), x), "face": (rows, x)})
    assert "Of 9 items 3 have no face: 3 are filled by their neighbours, 0 have none that could" in caplog.text
    assert "no voice" not in caplog.text  # all have one


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["voice", "face"])
@pytest.mark.parametrize("both", [True, False])
def test_what_is_not_finite_is_refused_by_its_modality_and_row(name, value, both):
    parts, _ = case(2)
    if not both:
        parts = {name: parts[name]}
    rows, x = parts[name]
    bad = rows[rows >= 0][5]
    x[bad, 1] = value
    with pytest.raises(UserError, match=f"embedding of {name} in row {bad} is not finite"):
        join_embeddings(parts)


def test_what_is_not_finite_and_of_no_item_does_no_harm():
    parts, _ = case(2)
    rows, x = parts["face"]
    x[sorted(set(range(len(x))) - set(rows.tolist()))[0]] = np.nan
    assert np.isfinite(join_embeddings(parts).rows).all()


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"weights": {"face": 0}}, "weight of face is 0"),
        ({"weights": {"voice": -1}}, "weight of voice is -1"),
        ({"weights": {"voice": np.inf}}, "weight of voice is inf"),
        ({"weights": {"voice": np.nan}}, "weight of voice is nan"),
        ({"weights": {"voice": "much"}}, "weight of voice is much"),
        ({"weights": {"voice": True}}, "weight of voice is True"),
        ({"weights": {"nose": 1}}, "one of nose, which is no modality: set those of voice, face"),
        ({"n_neighbours": 0}, "n_neighbours is 0"),
        ({"n_neighbours": 1.5}, "n_neighbours is 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        join_embeddings(case(0)[0], **settings)


def test_no_embeddings_at_all_are_refused():
    with pytest.raises(UserError, match="no embeddings to cluster, of voice or face"):
        join_embeddings({name: (np.full(4, -1), np.ones((0, 3))) for name in ("voice", "face")})
