"""Two Gaussians: their crossing against a search on a grid, their fit against scikit-learn's own."""

import math
import time

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from speechbrain_cadino.dlg_lc.mixture import MIN_VALUES, Mixture, fit_mixture, log_losses


def random_mixture(rng):
    weight = np.clip(rng.choice([rng.random(), rng.random() ** 6, 1 - rng.random() ** 6]), 1e-9, 1 - 1e-9)
    deviations = np.exp(rng.normal(0, 1.2, 2)) if rng.random() < 0.8 else np.repeat(np.exp(rng.normal()), 2)
    means = np.sort(rng.normal(0, 10 ** rng.uniform(-1, 1), 2)) + rng.normal(0, 5)
    return Mixture((weight, 1 - weight), tuple(means.tolist()), tuple(deviations.tolist()))


def search(mixture, points=40001):
    """All crossings between the means, each known to the width of a cell, and that width."""
    x = np.linspace(*mixture.means, points)
    ratio = norm.logpdf(x, mixture.means[0], mixture.deviations[0]) - norm.logpdf(
        x, mixture.means[1], mixture.deviations[1]
    )
    lower_is_larger = ratio + math.log(mixture.weights[0] / mixture.weights[1]) > 0
    return x[np.flatnonzero(lower_is_larger[1:] != lower_is_larger[:-1])], x[1] - x[0]


@pytest.mark.parametrize("seed", range(10))
def test_separation_is_the_distance_in_deviations_whatever_the_unit(seed):
    rng = np.random.default_rng(seed)
    mixture = random_mixture(rng)
    mean_variance = np.mean(np.square(mixture.deviations))
    assert mixture.separation() == pytest.approx(np.diff(mixture.means)[0] / mean_variance**0.5)
    scale, shift = np.exp(rng.normal()), rng.normal()
    moved = Mixture(mixture.weights, scale * np.array(mixture.means) + shift, scale * np.array(mixture.deviations))
    assert moved.separation() == pytest.approx(mixture.separation())
    assert Mixture((0.9, 0.1), (1.0, 7.0), (2.0, 2.0)).separation() == 3


@pytest.mark.parametrize("seed", range(40))
def test_crossing_equals_a_search_on_a_grid_and_there_are_never_two(seed):
    rng = np.random.default_rng(seed)
    for _ in range(25):
        mixture = random_mixture(rng)
        found, cell = search(mixture)
        if len(found) == 0:
            assert mixture.crossing() is None, mixture
        else:
            assert len(found) == 1
            assert 0 <= mixture.crossing() - found[0] <= 1.001 * cell, mixture


def test_random_mixtures_are_of_all_kinds():
    rng = np.random.default_rng(0)
    counts = [len(search(random_mixture(rng), 2001)[0]) for _ in range(300)]
    assert 60 < sum(counts) < 240


@pytest.mark.parametrize("seed", range(20))
def test_crossing_is_a_root_of_the_papers_quadratic(seed):
    rng = np.random.default_rng(seed)
    w1 = rng.uniform(0.3, 0.7)
    (m1, m2), (s1, s2) = (-rng.uniform(2, 3), rng.uniform(2, 3)), rng.uniform(0.3, 1.2, 2)
    a = 1 / (2 * s2**2) - 1 / (2 * s1**2)
    b = m1 / s1**2 - m2 / s2**2
    c = m2**2 / (2 * s2**2) - m1**2 / (2 * s1**2) + math.log(w1 * s2 / ((1 - w1) * s1))
    (between,) = [root.real for root in np.roots([a, b, c]) if m1 < root.real < m2]
    assert Mixture((w1, 1 - w1), (m1, m2), (s1, s2)).crossing() == pytest.approx(between, abs=1e-9)


@pytest.mark.parametrize("difference", [0.0, 1e-15, 1e-9, -1e-9])
def test_equal_variances(difference):
    mixture = Mixture((0.3, 0.7), (-1.0, 4.0), (1.5, 1.5 + difference))
    assert mixture.crossing() == pytest.approx(1.5 + 1.5**2 / 5 * math.log(0.3 / 0.7), abs=1e-7)


@pytest.mark.parametrize(
    "mixture",
    [
        Mixture((0.99, 0.01), (0.0, 1.0), (1.0, 1.0)),  # the upper one is swallowed
        Mixture((0.01, 0.99), (0.0, 1.0), (1.0, 1.0)),  # the lower one is
        Mixture((0.5, 0.5), (0.0, 0.5), (2.0, 0.01)),  # a spike on a broad one: it is the larger at its mean alone ...
        Mixture((0.5, 0.5), (0.0, 0.0), (2.0, 0.5)),  # ... but without a distance there is no point between
        Mixture((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)),
    ],
)
def test_swallowed_gaussians_do_not_cross(mixture):
    crosses = mixture.deviations == (2.0, 0.01)
    assert (mixture.crossing() is not None) == crosses


def test_far_from_the_origin_no_digits_are_lost():
    near = Mixture((0.4, 0.6), (-0.01, 0.02), (0.003, 0.004)).crossing()
    far = Mixture((0.4, 0.6), (1e4 - 0.01, 1e4 + 0.02), (0.003, 0.004)).crossing()
    assert far - 1e4 == pytest.approx(near, abs=1e-8)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.4, 0.6, 0.9, 0.95])
def test_the_fit_finds_what_was_drawn(fraction):
    rng = np.random.default_rng(0)
    n = 50000
    low, high = rng.normal(-3, 1.5, int(fraction * n)), rng.normal(2, 0.4, n - int(fraction * n))
    mixture = fit_mixture(rng.permutation(np.concatenate([low, high])))
    assert mixture.weights == pytest.approx((fraction, 1 - fraction), abs=0.01)
    assert mixture.means == pytest.approx((-3, 2), abs=0.1)
    assert mixture.deviations == pytest.approx((1.5, 0.4), abs=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_as_likely_as_scikit_learns_own_fit(seed):
    rng = np.random.default_rng(seed)
    shapes = [rng.normal(size=6000), -rng.gumbel(size=6000), rng.random(6000), np.log(rng.exponential(size=6000))]
    values = np.concatenate([shapes[seed % 4], rng.normal(rng.uniform(1, 4), rng.uniform(0.1, 1), 1 + 400 * seed)])
    own = GaussianMixture(2, random_state=0, n_init=3, max_iter=500).fit(values[:, None]).score(values[:, None])
    mixture = fit_mixture(values)
    assert np.log(mixture.densities(values).sum(0)).mean() > own - 2e-3


def test_neither_order_nor_chance_nor_units_play_a_part():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-2, 1, 3000), rng.normal(2, 0.5, 2000)])
    mixture = fit_mixture(values)
    assert fit_mixture(rng.permutation(values)) == mixture
    moved = fit_mixture(1e-3 * values + 50)
    assert moved.means == pytest.approx([1e-3 * mean + 50 for mean in mixture.means], abs=1e-6)
    assert moved.deviations == pytest.approx([1e-3 * deviation for deviation in mixture.deviations], rel=1e-3)


def test_densities_are_those_of_the_weighted_gaussians():
    mixture, x = Mixture((0.3, 0.7), (-1.0, 2.0), (0.5, 1.5)), np.linspace(-4, 6, 11)
    expected = [w * norm.pdf(x, m, s) for w, m, s in zip(*mixture)]
    np.testing.assert_allclose(mixture.densities(x), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        np.linspace(0, 1, MIN_VALUES - 1),
        np.full(1000, 0.1),
        np.append(np.full(10**5, 0.1), 7.0),  # one in 100,000: no quantile sees it
        0.1 + 1e-15 * np.arange(100),
    ],
)
def test_no_fit_without_enough_different_values(values):
    assert fit_mixture(values) is None


@pytest.mark.parametrize(
    "values",
    [
        np.append(np.full(99, 0.1), 7.0),
        np.repeat([0.0, 1.0], 50),
        np.append(np.linspace(0, 1, 99), 1e12),
        np.append(np.linspace(0, 1, 99), -1e12),
        np.linspace(0, 1, MIN_VALUES),
        np.log(np.geomspace(5e-324, 1e308, 100)),  # all that a loss can be
    ],
)
def test_odd_values_have_a_fit_of_finite_numbers(values):
    mixture = fit_mixture(values)
    assert np.isfinite(np.array(mixture)).all() and min(mixture.deviations) > 0
    assert sum(mixture.weights) == pytest.approx(1)


def test_a_million_values_in_under_five_seconds_of_one_core():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-3, 1.5, 950_000), rng.normal(2, 0.4, 50_000)])  # where it converges slowly
    start = time.process_time()
    fit_mixture(values)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("seed", range(10))
def test_logarithms_equal_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    odd = rng.choice([0.0, -1.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1e300], 10)
    losses = rng.permutation(np.concatenate([rng.exponential(size=rng.integers(0, 20)), odd]))
    logs, usable = log_losses(losses)
    kept = [loss for loss in losses.tolist() if math.isfinite(loss)]
    positive = [loss for loss in kept if loss > 0]
    expected = [math.log(loss if loss > 0 else min(positive)) for loss in kept] if positive else []
    np.testing.assert_allclose(logs, expected, rtol=1e-14)
    assert usable.tolist() == [math.isfinite(loss) and bool(positive) for loss in losses]
