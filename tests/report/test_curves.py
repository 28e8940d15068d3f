"""Curves of a training."""

import math

import numpy as np

from speechbrain_cadino.report.curves import error_noise, error_panel, training_panels
from speechbrain_cadino.report.panels import DOWN, UP
from speechbrain_cadino.report.run import Training, read_run
from speechbrain_cadino.verification.metrics import eer


def by_title(panels):
    return {panel.title: panel for panel in panels}


def test_stage_one_is_compared_with_chance(dino):
    panels = by_title(training_panels(read_run(dino).trainings[0], {"retrieval_utterances": 100}))
    loss = panels["Loss (nats)"]
    assert "ln K = 4.16" in loss.alt and loss.direction == DOWN and "not with another stage's" in loss.caption
    assert panels["Halves that find each other"].direction == UP
    assert "100 utterances leave open" in panels["Halves that find each other"].caption
    assert panels["EER of the development list (%)"].direction == DOWN and len(panels) == 6


def test_no_more_utterances_are_said_to_be_measured_than_there_are(tmp_path):
    few = Training(tmp_path, rows=[{"epoch": 1, "half_rank": 0.9}], encoder={"info": {"utterances": 60}})
    captions = [panel.caption for panel in training_panels(few, {"retrieval_utterances": 500})]
    assert any("what 60 utterances leave open" in caption for caption in captions)


def test_stage_two_is_compared_with_its_own_number_of_classes(iterated):
    training = read_run(iterated).trainings[0]
    panels = by_title(training_panels(training, {"margin": 0.2, "margin_warmup_epochs": 3}, 12))
    assert f"chance: ln 12 = {math.log(12):.2f}" in panels["Loss (nats)"].alt
    assert "the margin rises" in panels["Loss (nats)"].svg and "Loss of face (nats)" in panels


def test_the_distance_to_a_teacher_is_shown_where_there_is_one(tmp_path):
    rows = [{"epoch": 0}] + [{"epoch": epoch, "label_loss": 1.0, "distillation_loss": 1.2 / epoch} for epoch in (1, 2)]
    panels = by_title(training_panels(Training(tmp_path, rows=rows), {}))
    assert "goes from 1.2 to 0.6; of random directions: 1" in panels["Distance to the teacher's embeddings"].alt
    for row in rows:
        row.pop("distillation_loss", None)
    titles = [panel.title for panel in training_panels(Training(tmp_path, rows=rows), {})]
    assert "Loss (nats)" in titles and not any("teacher" in title for title in titles)


def test_the_noise_of_an_error_rate_is_that_of_drawing_the_trials_again():
    rng = np.random.default_rng(0)
    found = [100 * eer(rng.normal(2.56, 1, 300), rng.normal(0, 1, 500))[0] for _ in range(300)]
    assert 0.75 < 1.96 * np.std(found) / error_noise(10.0, (300, 500)) < 1.3


def test_a_change_within_the_noise_fills_no_axis():
    rows = [{"epoch": 5, "EER %": 9.0}, {"epoch": 10, "EER %": 9.2}]
    for counts in (None, (400, 400)):
        panel = error_panel(rows, counts)
        numbers = [float(n) for n in __import__("re").findall(r">(\d+(?:\.\d+)?)</text>", panel.svg)]
        assert max(n for n in numbers if n < 20) >= 10.5  # the axis goes on well over what was measured
