"""The time left."""

import logging

from speechbrain_cadino.training.clock import FIRST_WORD, Clock, longest_wait


def test_it_is_said_once_and_then_on_demand(caplog):
    seconds = iter(range(0, 10_000, 2))
    clock = Clock(now=lambda: next(seconds))
    assert clock.left(0, 100) == "time left not known"
    with caplog.at_level(logging.INFO):
        for step in range(1, 31):
            clock.tick(step, 100)
            assert len(caplog.records) == (step >= FIRST_WORD)
    assert "3 min left for the other 88 steps, at 2 s a step" in caplog.text
    assert (
        clock.seconds_left(30, 100) == 140
        and clock.left(30, 100) == "2 min left"
        and clock.left(100, 100) == "0 s left"
    )


def test_the_first_step_and_what_went_before_a_restart_do_not_count():
    seconds = iter([50.0, 51.0])
    clock = Clock(now=lambda: next(seconds))
    for step in (201, 202, 203):
        clock.tick(step, 300)
    assert clock.seconds_left(203, 300) == 97


def test_the_slowest_rank_counts(monkeypatch):
    others = []
    monkeypatch.setattr(
        "speechbrain_cadino.training.clock.max_over_ranks", lambda wait: [max(wait, *others)] if others else [wait]
    )
    assert longest_wait(1.26) == 1.3 and longest_wait(0.0) == 0.0
    others += [2500, 100]
    assert longest_wait(1.26) == 2.5
