"""What the gate saw: the histogram of an epoch's log losses, its two Gaussians and the threshold."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure  # no window system, no global state

from speechbrain_cadino.dlg_lc.loss_gate import LossGate
from speechbrain_cadino.dlg_lc.mixture import Mixture, log_losses

BINS = 60
KINDS = {"right label": "tab:blue", "wrong label": "tab:orange"}


def loss_histogram(
    losses: np.ndarray,
    mixture: Mixture | None = None,
    threshold: float = math.inf,
    right: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """Draw the losses of an epoch.

    Arguments
    ---------
    losses : np.ndarray, (n,)
        In nats, whatever they are; those that are not finite are counted in the title alone.
    mixture : Mixture, optional
        Its Gaussians are drawn as densities.
    threshold : float
        A loss in nats; infinity, an open gate, draws no line.
    right : np.ndarray, (n,) bool, optional
        Where true labels are known: which losses are of right labels.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        For `write_figure`, or a TensorBoard writer's ``add_figure``.

    Example
    -------
    >>> figure = loss_histogram(np.array([0.1, 0.2, 3.0]), threshold=1.0, title="epoch 5")
    >>> figure.axes[0].get_title()
    'epoch 5'
    """
    logs, usable = log_losses(losses)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    if len(logs):
        _draw_bars(axes, logs, None if right is None else np.asarray(right)[usable])
    if mixture is not None:
        x = np.linspace(*axes.get_xlim(), 500)
        for density, name, line in zip(mixture.densities(x), ("reliable", "unreliable"), ("-", "--")):
            axes.plot(x, density, line, color="black", linewidth=1, label=f"Gaussian, {name}")
    if threshold < math.inf and threshold > 0:
        axes.axvline(math.log(threshold), color="tab:red", label=f"threshold {threshold:.3g}")
    if not usable.all():
        title = f"{title} ({np.count_nonzero(~usable)} losses left out)".strip()
    axes.set(title=title, xlabel="natural logarithm of the loss in nats", ylabel="density")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")
    return figure


def losses_histogram(losses: np.ndarray, gate: LossGate, right: np.ndarray | None = None) -> dict:
    """The same as plain values, to be drawn later: some kilobytes, however many losses.

    Arguments
    ---------
    losses, right :
        As of `loss_histogram`.
    gate : LossGate
        After its update by these losses.

    Returns
    -------
    dict
        ``counts``: by kind of label a list, of equal bins from ``low`` to ``high``, log nats; ``mixture``: weights,
        means and deviations, or None; ``threshold``: nats, None where the gate is open; ``reason``; ``left_out``.
    """
    logs, usable = log_losses(losses)
    edges = np.histogram_bin_edges(logs, BINS) if len(logs) else np.array([0.0, 1.0])
    groups = {"all": logs}
    if right is not None:
        of_usable = np.asarray(right)[usable][: len(logs)]
        groups = {"right": logs[of_usable], "wrong": logs[~of_usable]}
    return {
        "low": float(edges[0]),
        "high": float(edges[-1]),
        "counts": {name: np.histogram(group, edges)[0].tolist() for name, group in groups.items()},
        "mixture": gate.mixture and [list(map(float, column)) for column in gate.mixture],
        "threshold": float(gate.threshold) if math.isfinite(gate.threshold) else None,
        "reason": gate.reason,
        "left_out": int(np.count_nonzero(~usable)),
    }


def _draw_bars(axes, logs, right):
    """Stacked bars, whose whole area is 1."""
    bins = np.histogram_bin_edges(logs, bins=min(100, 10 + len(logs) // 20))
    if right is None:
        groups, style = [logs], {"color": "tab:gray"}
    else:
        groups = [logs[right], logs[~right]]
        style = {"color": list(KINDS.values()), "label": [f"{name}, {len(g)}" for name, g in zip(KINDS, groups)]}
    weights = [np.full(len(group), 1 / (len(logs) * (bins[1] - bins[0]))) for group in groups]
    axes.hist(groups, bins, weights=weights, stacked=True, histtype="stepfilled", **style)
