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


def test_a_resumed_run_goes_by_the_epochs_it_has_finished_until_it_has_measured_one():
    seconds = iter([0.0, 1.0, *range(2, 40)])  # a step a second; before, on another machine, one in three
    clock = Clock(now=lambda: next(seconds))
    rows = [{"epoch": 0}, {"epoch": 1, "seconds": 30.0}, {"epoch": 2, "seconds": 1.0}, {"epoch": 3, "seconds": 30.5}]
    clock.expect(rows, steps_per_epoch=10)
    assert clock.left(39, 100) == "3 min left"  # at once, and no longer "not known"
    clock.tick(40, 100), clock.tick(41, 100), clock.tick(42, 100)
    assert clock.seconds_left(42, 100) == 58 * 3
    for step in range(43, 51):
        clock.tick(step, 100)
    assert clock.seconds_left(50, 100) == 50


def test_a_resumed_run_of_which_no_epoch_was_finished_measures_at_once():
    seconds = iter(range(100))
    clock = Clock(now=lambda: next(seconds))
    clock.expect([{"epoch": 0, "half_rank": 0.5}], steps_per_epoch=1000)
    assert clock.left(5, 2000) == "time left not known"
    for step in (6, 7, 8):
        clock.tick(step, 2000)
    assert clock.seconds_left(8, 2000) == 1992
