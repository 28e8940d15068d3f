"""The doctor on runs as training leaves them."""

import csv

import pytest

from speechbrain_cadino.doctor.diagnosis import examine
from speechbrain_cadino.doctor.tell import exit_status, tell
from tests.end_to_end.conftest import EPOCHS, run_script, training


def rules(found):
    return {one.rule: one for one in found.findings}


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("doctor") / "run"
    arguments = training(output, **corpus.lists, retrieval_utterances=8)
    assert run_script("train.py", *arguments).status == 0
    return output


def test_a_run_of_eight_steps(finished):
    found = examine(finished)
    assert found.record.finished and not found.record.running and found.record.lacking == []
    assert found.record.parts[0].epochs == found.record.parts[0].limit == EPOCHS
    assert found.record.corpus.utterances > 0 and found.record.log.starts == 1
    verdict = rules(found)["verdict"]
    assert verdict.level == "doubtful" and "8 optimiser steps, under 150" in verdict.seen
    assert "number_of_epochs" in tell(found) and "stopped" not in rules(found)


def test_an_epoch_records_what_it_waited_for(finished):
    with open(finished / "epochs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seconds"]]
    assert len(rows) == EPOCHS
    assert all(0 <= float(row["seconds_waiting"]) <= float(row["seconds"]) + 0.1 for row in rows)


def test_a_run_that_an_error_ended_says_which(corpus, tmp_path):
    settings = dict(koleo_weight=1e38, **corpus.lists)
    told = run_script("train.py", *training(tmp_path / "run", **settings)).error()
    found = examine(tmp_path / "run")
    assert exit_status(found) == 3 and found.findings[0].rule == "stopped"
    assert told.removeprefix("error: ").rstrip(".") in found.findings[0].seen
    assert "Koleo_weight is 1e+38 (usual: 0 to 100)" in rules(found)["unusual"].seen
