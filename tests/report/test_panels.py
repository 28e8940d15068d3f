"""Panels: which way is up, how long an axis is, and what is told to who cannot see."""

import re

import pytest

from speechbrain_cadino.report.drawing import new_axes, svg_of
from speechbrain_cadino.report.page import page
from speechbrain_cadino.report.panels import DOWN, UP, Curve, curves_panel, span


def heights(svg):
    """The numbers beside the vertical axis and how far down each stands."""
    part = svg[svg.index("matplotlib.axis_2") if "matplotlib.axis_2" in svg else svg.index("ytick_1") :]
    found = re.findall(r'<text[^>]*?(?:y="([\d.]+)"|translate\([\d.]+ ([\d.]+)\))[^>]*>(-?[\d.]+)</text>', part)
    return {float(number): float(one or other) for one, other, number in found}


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_up_is_good(direction):
    panel = curves_panel("Metric", [Curve("a", [1, 2], [2.0, 8.0])], direction, (0, 10))
    places = heights(panel.svg)
    assert {0.0, 10.0} <= set(places)
    assert (places[10.0] < places[0.0]) == (direction == UP) and "up is good" in panel.direction


def test_nothing_to_draw_is_no_panel():
    assert curves_panel("Metric", [Curve("a", [], [])], UP, (0, 1)) is None


def test_it_is_told_in_words():
    curves = [Curve("a", [1, 5], [0.5, 0.75]), Curve("b", [5], [0.25])]
    panel = curves_panel("Metric", curves, UP, (0, 1), chance=(0.5, "chance"))
    assert panel.alt == "Metric by epoch: a goes from 0.5 to 0.75; b is 0.25 at epoch 5; chance: 0.5"


@pytest.mark.parametrize(
    "values, least, ends",
    [
        ([9.0, 9.1], 4, (7.05, 11.05)),  # noise stays small
        ([1.0, 1.1], 4, (0, 4)),  # within what is possible, and as long
        ([99.5, 100], 4, (96, 100)),
        ([10, 30], 4, (9, 31)),
        ([0.0, 100.0], 4, (0, 100)),
    ],
)
def test_an_axis_is_long_enough(values, least, ends):
    assert span(values, least, 0, 100) == pytest.approx(ends)


def test_the_parts_of_two_drawings_of_one_page_have_names_of_their_own():
    drawn = []
    for _ in range(2):
        figure, axes = new_axes()
        axes.plot([1, 2], [1, 2])
        drawn.append(svg_of(figure, "the same"))
    drawn = re.findall(r"<svg.*?</svg>", page("two", drawn), flags=re.DOTALL)
    names = [re.findall(r'\bid="([^"]+)"', svg) for svg in drawn]
    assert len(names) == 2 and all(names) and not set(names[0]) & set(names[1])
    for svg, own in zip(drawn, names):
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
        assert used and set(used) <= set(own)


def test_names_of_users_are_text():
    figure, axes = new_axes()
    axes.plot([1], [1], label="costs $5 and $6 <b>")
    axes.legend()
    assert "costs $5 and $6 &lt;b&gt;" in svg_of(figure, "money")
