"""Killed at any moment, the same command goes on to the same weights."""

import csv
import signal
from unittest import mock

import pytest

from speechbrain_cadino.encoder import export
from tests.end_to_end.conftest import (
    STEPS,
    assert_same_weights,
    die,
    run_script,
    run_until_killed,
    training,
    when_a_step_begins,
)


def while_the_encoder_is_written():
    mock.patch.object(export, "_check", die).start()


def rows(output):
    with open(output / "epochs.csv") as file:
        return [{**row, "seconds": "", "seconds_waiting": ""} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "kill, interval, saved",
    [
        (when_a_step_begins(2), 1, 1),  # within the first epoch, one checkpoint being kept within an epoch
        (when_a_step_begins(STEPS), 0, 1),  # between the epochs
        (when_a_step_begins(STEPS + 2), 2, 2),
        (while_the_encoder_is_written, 0, 2),
    ],
)
def test_killed_it_goes_on_to_the_same_weights(whole, corpus, tmp_path, kill, interval, saved):
    output = tmp_path / "run"
    arguments = training(output, **corpus.lists, ckpt_interval_minutes=0, ckpt_interval_steps=interval)
    assert run_until_killed(kill, *arguments) == -signal.SIGKILL
    assert len(list((output / "save").glob("CKPT*"))) == saved
    assert not (output / "encoder").exists()
    outcome = run_script("train.py", *arguments)
    assert outcome.status == 0, outcome
    assert "The corpus is prepared already" in outcome.out and "going on where it was stopped" in outcome.out
    assert_same_weights(whole[0], output)
    assert rows(output) == rows(whole[0])
    assert (output / "encoder/encoder.json").is_file()
    assert not list(output.glob(".*"))  # nothing half-written is left


def test_a_finished_run_is_told_again(whole, corpus):
    output, first = whole
    before = (output / "encoder/embedding_model.ckpt").read_bytes()
    again = run_script("train.py", *training(output, **corpus.lists))
    assert again.status == 0 and "nothing was done" in again.out
    table = first.out.partition("| epoch |")[2].partition("\n\n")[0].splitlines()[:4]
    assert again.out.partition("| epoch |")[2].partition("\n\n")[0].splitlines()[:4] == table
    assert (output / "encoder/embedding_model.ckpt").read_bytes() == before
