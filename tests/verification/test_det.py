"""DET curves against plain counting."""

import numpy as np
import pytest
from scipy.stats import norm

from speechbrain_cadino.verification.det import det_points, write_det


def make_trials(seed):
    rng = np.random.default_rng(seed)
    labels = rng.random(200) < 0.4
    return rng.normal(labels * 1.5).round(1), labels


@pytest.mark.parametrize("seed", range(10))
def test_every_point_is_that_of_a_threshold(seed):
    scores, labels = make_trials(seed)
    wanted = {
        (round(norm.ppf(np.clip(np.mean(scores[~labels] >= t), 0.5 / n0, 1 - 0.5 / n0)), 6),
         round(norm.ppf(np.clip(np.mean(scores[labels] < t), 0.5 / n1, 1 - 0.5 / n1)), 6))
        for t in [*np.unique(scores), np.inf]
        for n0, n1 in [((~labels).sum(), labels.sum())]
    }  # fmt: skip
    found = det_points(scores, labels)
    assert {tuple(point) for point in found.T.round(6)} <= wanted
    assert (np.diff(found[0]) <= 0).all() and (np.diff(found[1]) >= 0).all() and np.isfinite(found).all()


def test_a_system_without_errors_is_finite():
    assert np.isfinite(det_points(np.array([0.0, 1.0]), np.array([False, True]))).all()


def test_the_picture(tmp_path):
    write_det({"one": make_trials(0), "other": make_trials(1)}, tmp_path / "det.png")
    assert [path.name for path in tmp_path.iterdir()] == ["det.png"] and (tmp_path / "det.png").stat().st_size > 5000
