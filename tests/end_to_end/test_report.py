"""The report that a training leaves, is asked for while it is at work, and may fail."""

import json
import re
from unittest import mock

import numpy as np

from speechbrain_cadino.report import write_report
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.report import metrics_row
from tests.end_to_end.conftest import (
    EPOCHS,
    assert_same_weights,
    run_script,
    run_until_killed,
    training,
    when_a_step_begins,
)


def test_a_training_leaves_it_with_what_it_draws(whole):
    output, _ = whole
    text = (output / "report.html").read_text()
    assert "CANNOT TELL" in text and "Loss (nats)" in text and "Where the time went" in text
    assert re.search(r"<td>n_mels</td>\s*<td[^>]*>20</td>", text)  # of the command line
    arrays = np.load(output / "report.npz")
    evaluated = json.loads((output / "encoder/encoder.json").read_text())["info"]["development list"]
    scores, labels = arrays["trial_scores"], arrays["trial_labels"]
    assert len(scores) == len(labels) > labels.sum() > 0
    assert metrics_row(scores, labels)["EER %"] == evaluated["EER %"]


def test_a_stopped_run_has_one_too_and_goes_on_to_the_same_weights(whole, corpus, tmp_path):
    output = tmp_path / "run"
    arguments = training(output, **corpus.lists, ckpt_interval_minutes=0, ckpt_interval_steps=1)
    run_until_killed(when_a_step_begins(6), *arguments)
    text = write_report(output, tmp_path / "report.html").read_text()
    assert "NOT FINISHED" in text and f"Done: 1 epochs of {EPOCHS}." in text and not (output / "report.html").exists()
    outcome = run_script("train.py", *arguments)
    assert outcome.status == 0, outcome
    assert_same_weights(whole[0], output)


def test_a_run_does_not_fail_for_it(corpus, tmp_path):
    with mock.patch("speechbrain_cadino.report.write.write_report", side_effect=UserError("The disk is full.")):
        outcome = run_script("train.py", *training(tmp_path / "run", **corpus.lists), plots=True)
    assert (
        outcome.status == 0 and "warning: The report of the run could not be written: The disk is full." in outcome.out
    )
    assert "finished" in json.loads((tmp_path / "run/run.json").read_text())
