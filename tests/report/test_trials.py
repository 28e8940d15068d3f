"""Decisions: DET curve and reliability."""

from pathlib import Path

import numpy as np

from speechbrain_cadino.report.run import Training
from speechbrain_cadino.report.trials import left_out, reliability, trial_panels


def test_reliability_against_a_plain_loop():
    rng = np.random.default_rng(1)
    labels = rng.random(500) < 0.2
    odds = rng.normal(np.where(labels, 1.5, -1), 1.5)
    said, found, _ = reliability(odds, labels)
    wanted = []
    for tenth in range(10):
        weight = probability = right = 0.0
        for odd, label in zip(odds, labels):
            p = 1 / (1 + np.exp(-odd))
            if tenth / 10 <= p < (tenth + 1) / 10:
                w = 0.5 / (labels.sum() if label else (~labels).sum())
                weight, probability, right = weight + w, probability + w * p, right + w * label
        if weight:
            wanted.append((probability / weight, right / weight))
    np.testing.assert_allclose(np.array(wanted).T, [said, found])


def test_probabilities_that_are_right_lie_on_the_line_within_their_noise():
    rng = np.random.default_rng(2)
    labels = np.arange(20_000) < 10_000  # two normal distributions: the log-odds are known
    scores = rng.normal(np.where(labels, 1, -1), 1)
    said, found, (low, high) = reliability(2 * scores, labels)
    assert len(said) == 10 and np.mean((low < said) & (said < high)) >= 0.8
    assert ((low <= found) & (found <= high)).all() and (high - low).max() < 0.1
    said, _, (low, high) = reliability(6 * scores, labels)  # too sure of itself
    assert np.mean((low < said) & (said < high)) < 0.5


def test_a_pair_that_was_drawn_often_is_one_pair():
    rng = np.random.default_rng(3)
    labels = np.arange(200) < 100
    odds = 2 * rng.normal(np.where(labels, 1, -1), 1)
    once = reliability(odds, labels)
    for one, other in zip(once, reliability(np.repeat(odds, 50), np.repeat(labels, 50))):
        np.testing.assert_allclose(one, other)
    low, high = once[2]
    assert np.median(high - low) > 0.3
    arrays = {"pair_log_odds": np.repeat(odds, 50), "pair_labels": np.repeat(labels, 50)}
    (panel,) = trial_panels(Training(Path(), arrays=arrays))
    assert ": 100 and 100 different ones." in panel.caption and panel.caption.endswith("excerpts of these utterances.")
    few = {name: array[90 * 50 : 150 * 50] for name, array in arrays.items()}  # 10 of one speaker, if often
    assert trial_panels(Training(Path(), arrays=few)) == []


def test_panels_are_of_what_was_left(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(200) < 80
    scores = rng.normal(labels * 1.0, 0.3).astype(np.float32)
    arrays = {"trial_scores": scores, "trial_labels": labels}
    found = trial_panels(Training(tmp_path, arrays=arrays, encoder={"threshold": 0.5}))
    assert [panel.title for panel in found] == ["DET curve of the development list"]
    accepted, missed = np.mean(scores[80:] >= 0.5), np.mean(scores[:80] < 0.5)
    assert f"it accepts {accepted:.1%} of the pairs of two speakers and misses {missed:.1%}" in found[0].caption
    assert "threshold, 0.500<" in found[0].svg
    high = trial_panels(Training(tmp_path, arrays=arrays, encoder={"threshold": 9.0}))[0]  # misses all: not on the axes
    assert "threshold, 9.000, beyond this edge<" in high.svg
    arrays |= {"trial_log_odds": 9 * (scores - 0.5), "pair_log_odds": scores, "pair_labels": labels}
    titles = [panel.title for panel in trial_panels(Training(tmp_path, arrays=arrays))]
    assert titles[1:] == [
        "Probabilities on pairs of the development list",
        "Probabilities on pairs of clusters of the training utterances",
    ]
    few = {name: array[75:90] for name, array in arrays.items()}
    assert trial_panels(Training(tmp_path, arrays=few)) == [] and trial_panels(Training(tmp_path)) == []
    assert left_out(Training(tmp_path, arrays=few)) == [], "it has not ended"
    ended = dict(encoder={"threshold": 0.5})
    assert left_out(Training(tmp_path, arrays=arrays, **ended)) == []
    said = left_out(Training(tmp_path, arrays=few, **ended))
    assert len(said) == 2 and "No curve of the development list: 5 pairs of one speaker and 10 of two" in said[0]
    assert "report.npz is not there or cannot be read" in left_out(Training(tmp_path, **ended))[0]
