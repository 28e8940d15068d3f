"""The page: one file that needs no network and no script, and reads on a phone."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from speechbrain_cadino.report.panels import Panel

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #1a1a1a; background: #f6f7f8;
  margin: 0 auto; padding: 1rem; max-width: 82rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .4rem 0; }
.small { color: #555; font-size: .875rem; }
.card, figure { background: #fff; border: 1px solid #dde1e4; border-radius: .5rem; padding: .8rem 1rem; margin: 0; }
.card { margin-top: .8rem; }
.good { border-left: .5rem solid #009e73; } .bad { border-left: .5rem solid #d55e00; }
.open { border-left: .5rem solid #e69f00; }
.word { font-size: 1.3rem; font-weight: 700; }
.grid { display: grid; gap: .8rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
figure svg, figure img { width: 100%; height: auto; display: block; margin: .4rem auto; max-width: 34rem; }
figcaption { color: #555; font-size: .875rem; }
.way { color: #555; font-size: .8rem; }
.figures { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .6rem 0 0; padding: 0; list-style: none; }
.figures b { display: block; font-size: 1.15rem; }
.scroll { overflow-x: auto; margin-top: .8rem; }
table { border-collapse: collapse; font-size: .875rem; background: #fff; }
th, td { border: 1px solid #dde1e4; padding: .2rem .5rem; text-align: left; vertical-align: top; min-width: 3rem; }
th { overflow-wrap: normal; white-space: nowrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin-top: .8rem; } summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """A whole HTML document of parts, which are HTML.

    Example
    -------
    >>> page("a < b", ["<p>x</p>"]).splitlines()[0]
    '<!DOCTYPE html>'
    """
    body = _own_names("\n".join(part for part in parts if part))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _own_names(body):
    """The same with names of its own in each drawing: else one is clipped by the frame of another."""
    number = itertools.count(1)

    def renamed(drawing):
        key = f"d{next(number)}-"
        text = re.sub(r'\bid="', f'id="{key}', drawing[0])
        return re.sub(r'(href="#|url\(#)', rf"\g<1>{key}", text)

    return re.sub(r"<svg.*?</svg>", renamed, body, flags=re.DOTALL)


def figure(panel: Panel) -> str:
    """A panel as a ``<figure>``."""
    way = f'<span class="way">{escape(panel.direction)}</span>' if panel.direction else ""
    caption = f"<figcaption>{escape(panel.caption)}</figcaption>" if panel.caption else ""
    drawing = f'<div role="img" aria-label="{escape(panel.alt)}">{panel.svg}</div>'
    return f"<figure>\n<h3>{escape(panel.title)}</h3>{way}\n{drawing}\n{caption}\n</figure>"


def section(title: str, panels: Sequence[Panel], level: int = 2) -> str:
    """Panels beside each other under a heading; '' without panels."""
    if not panels:
        return ""
    grid = "\n".join(map(figure, panels))
    return f'<section>\n<h{level}>{escape(title)}</h{level}>\n<div class="grid">\n{grid}\n</div>\n</section>'


def folded(title: str, content: str) -> str:
    """What is shown when it is asked for; '' without content."""
    return f"<details>\n<summary>{escape(title)}</summary>\n{content}\n</details>" if content else ""


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table of text and numbers; '' without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = ["".join(_cell(value) for value in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _cell(value):
    if isinstance(value, bool) or value is None or not isinstance(value, (int, float)):
        return f"<td>{escape('' if value is None else str(value))}</td>"
    return f'<td class="n">{value:.4g}</td>' if isinstance(value, float) else f'<td class="n">{value}</td>'


def bullets(items: Sequence[str]) -> str:
    """A list of sentences; '' without any."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>" if items else ""


def figures(items: Sequence[tuple[str, str]]) -> str:
    """The few numbers on top: name and value each."""
    lines = "".join(f"<li>{escape(name)}<b>{escape(value)}</b></li>" for name, value in items)
    return f'<ul class="figures">{lines}</ul>' if items else ""
