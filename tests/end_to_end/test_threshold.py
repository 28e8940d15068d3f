"""The threshold of a run: `false_acceptance` decides it, and nothing else."""

import json
from unittest import mock

import pytest

from speechbrain_cadino.training import finish
from tests.end_to_end.conftest import assert_same_weights, die, run_script, run_until_killed, training


def test_false_acceptance_moves_the_threshold_and_no_weight(whole, corpus, tmp_path):
    output = tmp_path / "run"
    outcome = run_script("train.py", *training(output, **corpus.lists, false_acceptance=0.6))
    assert outcome.status == 0, outcome
    assert_same_weights(whole[0], output)
    strict, loose = (json.loads((run / "encoder/encoder.json").read_text()) for run in (whole[0], output))
    assert strict["threshold"] > loose["threshold"]
    # Of clusters of 16 utterances none has three.
    assert "1.00% of random pairs of training utterances" in strict["threshold_from"], outcome
    assert f"The encoder's threshold is {loose['threshold']:.3f}: 60.00% of random pairs" in outcome.out
    assert "60.00%" in loose["threshold_from"]
    assert strict["calibration"] == loose["calibration"]  # None, if an encoder of two epochs tells nothing apart


def test_a_rate_that_is_none_is_refused(corpus, tmp_path):
    outcome = run_script("train.py", *training(tmp_path / "run", **corpus.lists, false_acceptance=2))
    assert "false_acceptance" in outcome.error()


@pytest.mark.parametrize("rate, said", [(0, "accepts no pair that was known"), (1, "accepts every pair")])
def test_a_rate_that_decides_nothing_is_told_of(corpus, tmp_path, rate, said):
    outcome = run_script("train.py", *training(tmp_path / "run", **corpus.lists, false_acceptance=rate))
    assert outcome.status == 0 and f"false_acceptance is {rate}" in outcome.out + outcome.err, outcome
    assert said in outcome.out + outcome.err


def test_killed_while_it_finds_the_threshold_it_goes_on_to_the_same_encoder(whole, corpus, tmp_path):
    arguments = training(tmp_path / "run", **corpus.lists)
    assert run_until_killed(lambda: mock.patch.object(finish, "decide", die).start(), *arguments) == -9
    assert not (tmp_path / "run/encoder").exists()
    assert run_script("train.py", *arguments).status == 0
    one, other = (json.loads((run / "encoder/encoder.json").read_text()) for run in (whole[0], tmp_path / "run"))
    assert {**one, "info": None} == {**other, "info": None}
