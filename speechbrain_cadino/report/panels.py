"""A panel of a report: a small drawing as SVG, which way is good, and what it shows in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from speechbrain_cadino.report.drawing import COLOURS, GREY, STYLES, legend_below, new_axes, svg_of

UP, DOWN, NEITHER = "up is good", "up is good: the axis is upside down", "neither way is good in itself"


@dataclass(frozen=True)
class Panel:
    """A drawing with words.

    Arguments
    ---------
    title : str
    svg : str
        An ``<svg>`` element.
    alt : str
        What it shows, for who cannot see it.
    direction : str
        ``UP``, ``DOWN``, ``NEITHER`` or ''.
    caption : str
        What to know to read it.
    """

    title: str
    svg: str
    alt: str
    direction: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Curve:
    """A line of a panel.

    Arguments
    ---------
    name : str
    x, y : sequence of float
    noise : sequence of float, optional
        Half of the 95 % interval of each value that comes of measuring on so few: drawn as a band.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    noise: Sequence[float] | None = None


def span(values: Sequence[float], least: float, low: float = -math.inf, high: float = math.inf) -> tuple[float, float]:
    """The ends of an axis that shows all values and is no shorter than ``least``, within what is possible.

    Example
    -------
    >>> span([9.0, 9.2], least=4, low=0)
    (7.1, 11.1)
    >>> span([0.5], least=4, low=0)
    (0, 4)
    """
    bottom, top = min(values), max(values)
    pad = max((least - (top - bottom)) / 2, 0.05 * (top - bottom))
    bottom, top = bottom - pad, top + pad
    if bottom < low:
        bottom, top = low, max(top, low + least)
    if top > high:
        bottom, top = max(low, min(bottom, high - least)), high
    return bottom, top


def curves_panel(
    title: str,
    curves: Sequence[Curve],
    direction: str,
    ends: tuple[float, float],
    against: str = "epoch",
    chance: tuple[float, str] | None = None,
    caption: str = "",
    bands: Sequence[tuple[float, float, str]] = (),
) -> Panel | None:
    """Metrics against the epoch; None if there is nothing to draw.

    Arguments
    ---------
    title : str
    curves : sequence of Curve
        Those without values are left out.
    direction : str
        With ``DOWN`` the axis is turned upside down.
    ends : (float, float)
        Of the axis, the smaller one first.
    against : str
        Name of the horizontal axis.
    chance : (float, str), optional
        A value that all is compared with, and its name.
    caption : str
    bands : sequence of (float, float, str)
        From, to and why: stretches of epochs in which something else went on.

    Returns
    -------
    Panel or None
    """
    curves = [curve for curve in curves if len(curve.y)]
    if not curves:
        return None
    figure, axes = new_axes()
    for start, stop, why in bands:
        axes.axvspan(start, stop, color="#f0e442", alpha=0.25, linewidth=0, label=why)
    for curve, colour, style in zip(curves, COLOURS * 3, STYLES * 3):
        marker = "." if len(curve.x) < 60 else None
        axes.plot(curve.x, curve.y, style, color=colour, marker=marker, label=curve.name, linewidth=1.6)
        if curve.noise is not None:
            low, high = zip(*[(y - n, y + n) for y, n in zip(curve.y, curve.noise)])
            if len(curve.x) > 1:
                axes.fill_between(curve.x, low, high, color=colour, alpha=0.15, linewidth=0)
            else:
                axes.errorbar(curve.x, curve.y, curve.noise, color=colour, alpha=0.5)
    if chance is not None:
        axes.axhline(chance[0], color=GREY, linestyle=(0, (1, 2)), linewidth=1.2, label=chance[1])
    axes.set(xlabel=against, ylim=ends[::-1] if direction == DOWN else ends)
    first, last = min(min(c.x) for c in curves), max(max(c.x) for c in curves)
    pad = 0.03 * (last - first) if last > first else 1
    axes.set_xlim(first - pad, last + pad)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.yaxis.set_major_formatter("{x:g}")
    if len(axes.get_legend_handles_labels()[0]) > 1 or curves[0].name.lower() not in title.lower():
        legend_below(axes)
    said = "; ".join(f"{c.name} {_told(c, against)}" for c in curves)
    alt = f"{title} by {against}: {said}" + (f"; {chance[1]}: {chance[0]:.3g}" if chance else "")
    return Panel(title, svg_of(figure, title), alt, direction, caption)


def _told(curve, against):
    if len(curve.y) == 1:
        return f"is {curve.y[0]:.3g} at {against} {curve.x[0]:g}"
    return f"goes from {curve.y[0]:.3g} to {curve.y[-1]:.3g}"
