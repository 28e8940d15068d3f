"""DET curves: misses against false acceptances of several systems, on normal deviates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure  # no window system, no global state
from scipy.stats import norm
from sklearn.metrics import det_curve

from speechbrain_cadino.utils.plots import write_figure
from speechbrain_cadino.verification.arrays import to_numpy

TICKS = np.array([0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6])  # rates that get a label


def det_points(scores: torch.Tensor | np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The corners of a DET curve.

    Arguments
    ---------
    scores : torch.Tensor or np.ndarray
        (n_trials,)
    labels : np.ndarray
        (n_trials,) bool, true for one speaker.

    Returns
    -------
    np.ndarray
        (2, n) normal deviates of the false-acceptance and the miss rates; a rate that is 0 or 1 is taken as half an
        error away from it, where the deviate is finite.

    Example
    -------
    >>> det_points(np.array([0.1, 0.9, 0.4, 0.6]), np.array([False, True, True, False])).shape
    (2, 3)
    """
    labels = to_numpy(labels, bool)
    false_acceptances, misses, _ = det_curve(labels, to_numpy(scores))
    rates = []
    for rate, n in ((false_acceptances, np.count_nonzero(~labels)), (misses, np.count_nonzero(labels))):
        rates.append(norm.ppf(np.clip(rate, 0.5 / n, 1 - 0.5 / n)))
    return np.stack(rates)


def write_det(systems: dict[str, tuple], path: str | Path) -> None:
    """Draw the DET curves of several systems on one list as a PNG, all or nothing.

    Arguments
    ---------
    systems : dict of str to tuple
        Name -> scores and labels, as for `det_points`.
    path : str or Path
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    for name, (scores, labels) in systems.items():
        axes.plot(*det_points(scores, labels), label=name, linewidth=1.2)
    ends = norm.ppf(TICKS[[0, -1]])
    axes.plot(ends, ends, color="lightgray", linewidth=0.8)  # equal error rates
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel="false acceptances (%)", ylabel="misses (%)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(norm.ppf(TICKS), [f"{100 * rate:g}" for rate in TICKS])
    axes.grid(linewidth=0.3)
    axes.legend(fontsize="small")
    write_figure(figure, path)
