"""The table of PLDA: rows of embeddings that are known to gain, and folders that are no runs."""

import numpy as np
import plda
import pytest

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError


def test_rows_show_what_plda_gains():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 8)
    x = 0.2 * rng.normal(size=(320, 8)) + np.pad(rng.normal(size=(40, 4)), ((0, 0), (0, 4)))[labels]
    x[:, 4:] += 1.5 * rng.normal(size=(320, 4))  # the recording moves four dimensions more than a speaker the others
    first, second = rng.integers(160, 320, (2, 600))
    trials = Trials(labels[first] == labels[second], first - 160, second - 160, [str(row) for row in range(160)])
    found = plda.rows_of("run", x[:160], np.where(labels[:160] == 3, -1, labels[:160]), x[160:], trials, labels[:160])
    assert [row["scores"] for row in found] == [
        "cosine", "PLDA on clusters", "cosine in its axes", "PLDA on labels.csv", "cosine in its axes", "PLDA on true",
        "cosine in its axes",
    ]  # fmt: skip
    rates = [float(row["EER %"]) for row in found]
    assert max(rates[3], rates[5]) < 0.7 * rates[0]
    assert found[5]["AMI of the labels"] == found[3]["AMI of the labels"] == "1.000"
    assert float(found[5]["of clusters in its axes"]) > float(found[1]["AMI of the labels"])
    without = plda.rows_of("run", x[:160], None, x[160:], trials)
    assert len(without) == 3 and {row["AMI of the labels"] for row in without} == {""}


def test_folders_that_are_no_runs_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="There is no .*: give the output folder of a finished run"):
        plda.main([str(tmp_path)])
