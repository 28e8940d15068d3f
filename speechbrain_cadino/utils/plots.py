"""Pictures as files."""

from speechbrain_cadino.utils.files import atomic_path


def write_figure(figure, path):
    """Write a matplotlib figure as a PNG, all or nothing."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
