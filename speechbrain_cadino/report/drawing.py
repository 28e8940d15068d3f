"""Drawings as SVG: how they are set, and how they stand in a page."""

from __future__ import annotations

import io
import re

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure  # no window system, no global state
from matplotlib.text import Text

SIZE = 4.6, 3.1  # inches, of 72 points: as wide as a phone
COLOURS = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"  # Okabe and Ito: told apart by all eyes
STYLES = "-", "--", "-.", ":", "-", "--"
GREY = "#767676"
LEGEND_LINE = 0.2  # inches
SVG_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 10,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def new_axes(size: tuple[float, float] = SIZE, left: float = 0.75) -> tuple[Figure, Axes]:
    """A figure with one axes, ``left`` inches from its side: matplotlib's own search for such margins takes as long
    as the drawing."""
    with matplotlib.rc_context(SVG_SETTINGS):
        figure = Figure(figsize=size)
        axes = figure.subplots()
    _place(figure, left, 0)
    return figure, axes


def _place(figure, left, below):
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left / width, (0.48 + below) / height, 1 - 0.08 / width, 1 - 0.1 / height)


def legend_below(axes: Axes) -> None:
    """Put the legend under the drawing, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.figure
    width, height = figure.get_size_inches()
    below = LEGEND_LINE * len(labels)
    figure.set_size_inches(width, height + below)
    _place(figure, figure.subplotpars.left * width, below)
    figure.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 0), fontsize=9, frameon=False, borderpad=0)


def svg_of(figure: Figure, name: str) -> str:
    """A figure as an ``<svg>`` element to stand in a page: as wide as its place, its text as text.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
    name : str
        What the names of its parts are made from.

    Returns
    -------
    str
    """
    target = io.StringIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # names are the user's, and a $ is a $
    with matplotlib.rc_context({**SVG_SETTINGS, "svg.hashsalt": name}):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    # Hundredths of a point are fine enough.
    text = re.sub(r' d="[^"]+"', lambda path: re.sub(r"(\d\.\d\d)\d+", r"\1", path[0]), text)
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height)="[\d.]+pt"', "", head)
    return f'{head} aria-hidden="true">{rest}'.strip()
