"""Pictures as files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from speechbrain_cadino.utils.files import atomic_path


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a matplotlib figure as a PNG, all or nothing."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
