"""Where the time went."""

import re

import pytest

from speechbrain_cadino.report.timing import CLUSTERS, EPOCHS, LABEL_WIDTH, REST, SAVING, TESTS, read_times, time_panel
from tests.report.conftest import LOG


def test_the_log_says_it_and_the_night_between_two_starts_does_not_count(tmp_path):
    (tmp_path / "log.txt").write_text(LOG)
    times = read_times(tmp_path / "log.txt")
    assert times == pytest.approx({EPOCHS: 60, TESTS: 10.5, CLUSTERS: 15, SAVING: 0.5, REST: 10 + 5 + 4})
    panel = time_panel(times)
    assert "training epochs 60 s, 57%" in panel.alt and "2 min in all" in panel.caption
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", panel.svg)
    assert "training epochs" in texts and max(map(len, texts)) <= LABEL_WIDTH  # else it is cut at the left


@pytest.mark.parametrize("text", ["", "no log", LOG[:150], "2026-99-99 20:00:00,000 - a - INFO - b\n"])
def test_a_log_without_an_epoch_says_nothing(tmp_path, text):
    (tmp_path / "log.txt").write_text(text)
    assert read_times(tmp_path / "log.txt") == {} and read_times(tmp_path / "none") == {} and time_panel({}) is None
