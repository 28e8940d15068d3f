"""What is shown of progress, on a terminal and in a log."""

import io
import sys

import pytest

from speechbrain_cadino.utils.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream, shown", [(io.StringIO, True), (io.StringIO, False), (Terminal, False)])
def test_a_log_has_nothing_of_what_is_done_at_once(stream, shown, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream())
    assert list(progress_bar(range(5), "reading", 5, "files", shown=shown)) == [0, 1, 2, 3, 4]
    assert sys.stderr.getvalue() == ""


def test_a_log_has_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(None, "reading", 5, "files", seconds=1e-9) as bar:
        for _ in range(5):
            bar.update()
    lines = sys.stderr.getvalue().splitlines()
    assert lines and "\r" not in sys.stderr.getvalue()
    assert lines[-1].startswith("reading: 5 of 5 files, 00:00 gone"), lines


def test_a_terminal_has_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(progress_bar(range(5), "reading", 5, "files"))
    assert "\rreading: 100%|" in sys.stderr.getvalue()
