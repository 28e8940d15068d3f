"""Tables and score files as a user sees them."""

import numpy as np
import pytest
import torch

from speechbrain_cadino.corpus.trials import read_trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import eer, format_table, metrics_row, min_dcf, write_scores


def test_metrics_row_holds_the_three_metrics_in_order():
    rng = np.random.default_rng(0)
    labels = rng.random(400) < 0.4
    scores = rng.normal(size=400) + 1.5 * labels
    row = metrics_row(torch.tensor(scores), labels)
    sides = scores[labels], scores[~labels]
    assert list(row.items()) == [
        ("EER %", 100 * eer(*sides)[0]),
        ("minDCF(0.01)", min_dcf(*sides, p_target=0.01)[0]),
        ("minDCF(0.05)", min_dcf(*sides, p_target=0.05)[0]),
    ]
    assert metrics_row(scores, torch.tensor(labels)) == row


def test_table_of_dicts():
    rows = [
        {"system": "MFCC statistics", "EER %": 40.057, "minDCF(0.01)": 0.99},
        {"system": "DINO", "EER %": 9.9, "minDCF(0.01)": 0.5555, "epoch": 150},
        {"system": "untrained", "lr": 0.000123456},
    ]
    assert format_table(rows).splitlines() == [
        "| system          |   EER % |   minDCF(0.01) |   epoch |        lr |",
        "|:----------------|--------:|---------------:|--------:|----------:|",
        "| MFCC statistics |   40.06 |          0.990 |       - |         - |",
        "| DINO            |    9.90 |          0.555 |     150 |         - |",
        "| untrained       |       - |              - |       - | 0.0001235 |",
    ]


def test_columns_choose_and_order():
    assert format_table([{"a": 1, "b": "x", "c": 3}], columns=["b", "a"]).splitlines()[2] == "| x   |   1 |"


def test_table_of_tuples():
    lines = format_table([("O", 1.0), ("E", 12.5)], columns=["list", "EER %"]).splitlines()
    assert lines[0] == "| list   |   EER % |" and lines[2:] == ["| O      |    1.00 |", "| E      |   12.50 |"]
    with pytest.raises(ValueError):
        format_table([("O", 1.0, 2)], columns=["list", "EER %"])
    with pytest.raises(ValueError, match="columns"):
        format_table([("O", 1.0)])


def test_numpy_numbers_and_formats_of_the_callers_own():
    rows = [{"loss": np.float32(1.23456), "steps": np.int64(7)}]
    assert format_table(rows, formats={"loss": ".1f"}).splitlines()[2] == "|    1.2 |       7 |"


def test_a_table_without_rows_is_a_header():
    assert format_table([], columns=["list", "EER %"]).splitlines() == ["| list   | EER %   |", "|--------|---------|"]


@pytest.fixture
def trials(tmp_path):
    (tmp_path / "trials.txt").write_text("1 a.wav b.wav\n0 b.wav c.wav\n0 c.wav c.wav\n")
    return read_trials(tmp_path / "trials.txt")


def test_score_files_keep_every_bit_of_float32(tmp_path, trials):
    scores = np.array([1 / 3, -1e-7, 12.3456789], dtype=np.float32)
    write_scores(tmp_path / "deep" / "scores.txt", trials, torch.tensor(scores))
    rows = [line.split() for line in (tmp_path / "deep" / "scores.txt").read_text().splitlines()]
    assert [row[:3] for row in rows] == [["1", "a.wav", "b.wav"], ["0", "b.wav", "c.wav"], ["0", "c.wav", "c.wav"]]
    assert (np.array([row[3] for row in rows], dtype=np.float32) == scores).all()


def test_a_failed_write_leaves_the_old_file(tmp_path, trials):
    path = tmp_path / "scores.txt"
    write_scores(path, trials, np.zeros(3))
    old = path.read_text()
    with pytest.raises(IndexError):  # names run out in the middle of the list
        write_scores(path, trials._replace(utterances=["a.wav", "b.wav"]), np.ones(3))
    assert path.read_text() == old
    assert {item.name for item in tmp_path.iterdir()} == {"scores.txt", "trials.txt"}


def test_scores_of_another_list_are_told(tmp_path, trials):
    with pytest.raises(UserError, match="2 scores for 3 trials"):
        write_scores(tmp_path / "scores.txt", trials, np.zeros(2))
    assert not (tmp_path / "scores.txt").exists()
