"""The table of ONNX and int8, on four noises."""

import shutil

import numpy as np
import onnx_study

from speechbrain_cadino.corpus.trials import Trials
from tests.publish.conftest import with_onnx  # noqa: F401


def test_a_row_for_each_way(with_onnx, monkeypatch):  # noqa: F811
    monkeypatch.setattr(onnx_study, "export_onnx", lambda folder, path: shutil.copy(folder / "model.onnx", path))
    waves = [0.1 * np.random.default_rng(seed).standard_normal(8000 + seed, np.float32) for seed in range(4)]
    trials = Trials(np.array([True, False, True]), np.array([0, 1, 2]), np.array([1, 2, 3]), list("abcd"))
    torch_row, onnx_row, int8_row = onnx_study.compare(with_onnx, waves, trials)
    assert torch_row["speed"] == "1.00" and torch_row["least cosine"] == onnx_row["least cosine"] == "1.0000"
    assert torch_row["EER %"] == onnx_row["EER %"] and float(int8_row["least cosine"]) > 0.9
