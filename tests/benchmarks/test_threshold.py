"""The table of thresholds: rates, costs and the best log-odds, by counting."""

import numpy as np
import pytest
import threshold

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cllr


def test_a_row_counts():
    scores, labels = np.array([0.9, 0.6, 0.2, 0.7, 0.1, 0.0, 0.3]), np.array([1, 1, 1, 0, 0, 0, 0], bool)
    found = threshold.row("x", "y", scores, labels, 0.5, 2 * scores, scores >= 0.25)
    assert found["accepted false %"] == "25.00" and found["rejected true %"] == "33.3"
    assert float(found["DCF(0.05)"]) == pytest.approx(1 / 3 + 0.5 * 19, abs=1e-3)
    assert float(found["Cllr"]) == pytest.approx(cllr(2 * scores[labels], 2 * scores[~labels]), abs=1e-3)


def test_the_best_log_odds_rise_with_the_score_and_cost_no_more_than_any_line():
    rng = np.random.default_rng(0)
    labels = rng.random(500) < 0.2
    scores = rng.normal(0.3 * labels, 0.2)
    best = threshold.isotonic(scores, labels)
    assert (np.diff(best[np.argsort(scores)]) >= 0).all()
    lines = [a * (scores - b) for a in (3, 7, 12) for b in (0.1, 0.15)]
    costs = [cllr(line[labels], line[~labels]) for line in lines]
    assert cllr(best[labels], best[~labels]) < min(costs)


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "There is no .*hyperparams.yaml: give the output folder"),
        ("a: [", "cannot be used .while parsing"),
        ("output_folder: x", "lacks data_folder, seed, augment"),
        ("a: 1", "Override 'output_folder' not found"),
        (
            "{output_folder: x, data_folder: x, seed: 1, augment: null, augmenter: null, development_trials: null, "
            "development_folder: null}",
            "has no development_trials",
        ),
    ],
)
def test_folders_that_are_no_runs_are_one_sentence(tmp_path, text, said):
    run = tmp_path / "run"
    for folder in (run / "corpus", run / "encoder"):
        folder.mkdir(parents=True)
    (run / "corpus/train.csv").touch()
    if text is not None:
        (run / "hyperparams.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        threshold.main([str(run)])


@pytest.mark.parametrize("rate", ["0", "1", "nan", "2"])
def test_rates_that_are_none(rate):
    with pytest.raises(UserError, match="--false_acceptance is"):
        threshold.main(["x", "--false_acceptance", rate])
