"""Two Gaussians in the log losses of an epoch: reliable labels below, wrong ones above, and where they cross."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

MIN_VALUES = 50  # two Gaussians fitted to fewer say nothing
MIN_RANGE = 1e-6  # and so with values as close as that
# A fit to all of a million losses may take 26 s, and from k-means it may end far from the likeliest one. So many evenly
# spaced quantiles tell the distribution well, and leave time for several starts.
N_QUANTILES = 2048
STARTS = (0.1, 0.3, 0.5, 0.7, 0.9)


class Mixture(NamedTuple):
    """Two Gaussians on a line, the lower mean first.

    Arguments
    ---------
    weights, means, deviations : tuple of float
        Two of each; the weights sum to 1.

    Example
    -------
    >>> Mixture(weights=(0.5, 0.5), means=(-2.0, 2.0), deviations=(1.0, 1.0)).crossing()
    0.0
    """

    weights: tuple
    means: tuple
    deviations: tuple

    def densities(self, x: np.ndarray) -> np.ndarray:
        """The weighted density of each Gaussian.

        Arguments
        ---------
        x : np.ndarray, (n,)

        Returns
        -------
        np.ndarray, (2, n)
        """
        weights, means, deviations = (np.array(column)[:, None] for column in self)
        return weights * np.exp(-(((x - means) / deviations) ** 2) / 2) / (deviations * math.sqrt(2 * math.pi))

    def separation(self) -> float:
        """The distance of the means, in units of the root of the mean variance; over 2 the two are clearly apart.

        D of Ashman, Bird and Zepf, Astronomical Journal 108, 1994.
        """
        _, (m1, m2), (s1, s2) = self
        return (m2 - m1) / math.sqrt((s1**2 + s2**2) / 2)

    def crossing(self) -> float | None:
        """The point between the two means where the weighted densities are equal.

        The logarithm of their ratio is ``a x^2 + b x + c`` with ``a = 1/(2 s2^2) - 1/(2 s1^2)``,
        ``b = m1/s1^2 - m2/s2^2``, ``c = m2^2/(2 s2^2) - m1^2/(2 s1^2) + ln(w1 s2 / (w2 s1))``. Between the means the
        lower Gaussian falls and the upper one rises. So there is one root if each is the larger at its own mean, and
        otherwise none; never two.

        Returns
        -------
        float or None
            None if one Gaussian is the larger at both means.
        """
        (w1, w2), (m1, m2), (s1, s2) = self
        distance = m2 - m1
        if not (distance > 0 and min(w1, w2) > 0):
            return None
        # The same a, b and c with the lower mean as the origin, which spares c the difference of two large numbers.
        log_ratio = math.log(w1 * s2 / (w2 * s1))
        a, b, c = (s2**-2 - s1**-2) / 2, -distance / s2**2, (distance / s2) ** 2 / 2 + log_ratio
        if c < 0 or log_ratio > (distance / s1) ** 2 / 2:
            return None
        # b < 0, so that of the two forms of a root this one loses no digits, and a = 0 needs no case of its own.
        return m1 + min(2 * c / (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b), distance)


def log_losses(losses: np.ndarray) -> np.ndarray:
    """Losses to logarithms, whatever they are.

    Arguments
    ---------
    losses : np.ndarray, (n,)
        In nats. Zeros and negative ones, more reliable than any other, count as the smallest that is positive.

    Returns
    -------
    logs : np.ndarray, (m,) float64
        Of the losses that are finite; empty if none of them is positive.
    usable : np.ndarray, (n,) bool
        Which they are.

    Example
    -------
    >>> logs, usable = log_losses(np.array([1.0, 0.0, np.nan, np.inf]))
    >>> logs.tolist(), usable.tolist()
    ([0.0, 0.0], [True, True, False, False])
    """
    losses = np.asarray(losses, dtype=np.float64)
    usable = np.isfinite(losses)
    if not (losses[usable] > 0).any():
        return np.empty(0), np.zeros_like(usable)
    kept = losses[usable]
    return np.log(np.maximum(kept, kept[kept > 0].min())), usable


def fit_mixture(values: np.ndarray) -> Mixture | None:
    """Fit two Gaussians to numbers by expectation maximisation, scikit-learn's `GaussianMixture`.

    Of several starts, each with the values below and above one of their quantiles as the two Gaussians, the likeliest
    end is taken. Nothing is random, and the order of the values plays no part.

    Arguments
    ---------
    values : np.ndarray, (n,)
        Finite.

    Returns
    -------
    Mixture or None
        None if there are under 50 values, or they are all equal.

    Example
    -------
    >>> rng = np.random.default_rng(0)
    >>> mixture = fit_mixture(np.concatenate([rng.normal(-2, 1, 6000), rng.normal(3, 0.5, 4000)]))
    >>> [round(mean, 1) for mean in mixture.means]
    [-2.0, 3.0]
    """
    values = np.sort(np.asarray(values, dtype=np.float64))
    if len(values) < MIN_VALUES:
        return None
    if len(values) > N_QUANTILES:
        values = values[((np.arange(N_QUANTILES) + 0.5) * (len(values) / N_QUANTILES)).astype(np.int64)]
    if values[-1] - values[0] < MIN_RANGE:
        return None
    center, spread = values.mean(), values.std()
    standard = (values - center) / spread
    fits = [_fit_from(standard, round(fraction * len(standard))) for fraction in STARTS]
    best = max(fits, key=lambda fit: fit.lower_bound_)
    order = np.argsort(best.means_[:, 0])
    means, deviations = center + spread * best.means_[order, 0], spread * np.sqrt(best.covariances_[order])
    return Mixture(*(tuple(column.tolist()) for column in (best.weights_[order], means, deviations)))


def _fit_from(values, first):
    """The fit whose two Gaussians start as the ``first`` sorted values and the rest."""
    parts = values[:first], values[first:]
    fit = GaussianMixture(
        2,
        covariance_type="spherical",
        tol=1e-6,
        max_iter=200,
        weights_init=[first / len(values), 1 - first / len(values)],
        means_init=[[part.mean()] for part in parts],
        precisions_init=[1 / max(part.var(), 1e-3) for part in parts],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it has reached by then is good enough
        return fit.fit(values[:, None])
