"""The sweep's table: metrics of the runs, pairs by seed, and the interval against a calculation by hand."""

import csv
import json
import re

import numpy as np
import pytest
import sweep
import sweep_runs
import yaml
from scipy import stats
from sweep_table import comparison, metrics, summary

from tests.end_to_end.conftest import TINY, corpus  # noqa: F401, a fixture


def finish(folder, eers, averaged=None, unrefitted=None, **columns):
    """What a finished run leaves; ``columns`` are texts by epoch."""
    (folder / "encoder").mkdir(parents=True)
    columns = {"epoch": range(1, 1 + len(eers)), "EER %": eers, **columns}
    lines = [",".join(map(str, line)) for line in [columns, *zip(*columns.values())]]
    (folder / "epochs.csv").write_text("\n".join(lines) + "\n")
    info = {} if averaged is None else {"development list": {"EER %": averaged}}
    info |= {} if unrefitted is None else {"development list, without last_layer_refit": {"EER %": unrefitted}}
    (folder / "encoder/encoder.json").write_text(json.dumps({"info": info}))
    (folder / sweep_runs.FINISHED).write_text("{}")


def write_sweep(path, **content):
    path.write_text(yaml.safe_dump(content))
    return [str(path), "--output", str(path.parent / "out")]


def table(printed):
    """Cells of the table's rows by figure and cell, each a dict by column."""
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    header, _, *rows = [[text.strip() for text in line.strip("|").split("|")] for line in lines]
    return {tuple(row[:2]): dict(zip(header[2:], row[2:])) for row in rows}


def test_pairs_and_interval_by_hand(tmp_path, capsys):
    out = tmp_path / "out"
    for seed, eer in {1: 50.0, 2: 10.0, 3: 12.0, 4: 14.0}.items():
        finish(out / f"base/{seed}", [99, eer], averaged=eer - 1)
    for seed, eer in {2: 9.0, 3: 10.0, 4: 11.0, 5: 70.0}.items():
        finish(out / f"new/{seed}", [99, eer], averaged=eer - 1 if seed == 3 else None, AMI=[f"0.{seed}", ""])
    finish(out / "new/1", [1.0])
    (out / "new/1" / sweep_runs.FINISHED).rename(out / "new/1" / sweep_runs.STARTED)
    cells = [{"name": name, "hparams": "none.yaml"} for name in ("base", "new", "idle")]
    arguments = write_sweep(
        tmp_path / "sweep.yaml", cells=cells, seeds=[1, 2, 3, 4, 5], baseline="base", columns=["AMI"]
    )
    sweep.main([*arguments, "--table"])
    rows = table(capsys.readouterr().out)
    names = [(figure, cell) for figure in ("EER %", "EER % averaged", "AMI") for cell in ("base", "new", "idle")]
    assert list(rows) == names
    columns = ["seeds", "mean", "sd", "pairs", "difference", "relative %", "95 % from", "95 % to"]
    assert list(rows["EER %", "new"]) == columns
    # Differences of seeds 2, 3, 4: -1, -2, -3. Student's t for 2 degrees of freedom is 4.303: 4.303 / sqrt(3) = 2.484.
    # Their means: 12 and 10. All four: 10 + 12 + 14 + 50 = 86; squares 28.5^2 + 11.5^2 + 9.5^2 + 7.5^2 = 1091.
    assert list(rows["EER %", "base"].values()) == ["4", "21.5", "19.07", *"-----"]
    assert list(rows["EER %", "new"].values()) == ["4", "25", "30.01", "3", "-2", "-16.7", "-4.484", "0.4841"]
    assert list(rows["EER %", "idle"].values()) == ["0", "-", "-", "0", *"----"]
    assert list(rows["EER % averaged", "new"].values()) == ["1", "9", "-", "1", "-2", "-18.2", "-", "-"]
    assert list(rows["AMI", "new"].values()) == ["4", "0.35", "0.1291", "0", *"----"]


def test_without_a_baseline_nothing_is_compared(tmp_path, capsys):
    finish(tmp_path / "out/a/1", [7.0])
    sweep.main([*write_sweep(tmp_path / "sweep.yaml", cells=[{"name": "a", "hparams": "x"}], seeds=[1]), "--table"])
    rows = table(capsys.readouterr().out)
    assert rows["EER %", "a"] == {"seeds": "1", "mean": "7"} and ("EER % averaged", "a") not in rows


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_the_interval_is_the_paired_t_tests(n):
    rng = np.random.default_rng(n)
    ours, theirs = rng.normal(10, 2, n), rng.normal(12, 2, n)
    by_seed = dict(enumerate(ours))
    row = comparison(by_seed, {**dict(reversed(list(enumerate(theirs)))), 99: 1.0})
    interval = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (row["95 % from"], row["95 % to"]) == pytest.approx((interval.low, interval.high))
    assert row["difference"] == pytest.approx(ours.mean() - theirs.mean()) and row["pairs"] == n
    assert row["relative %"] == pytest.approx(100 * (ours.mean() / theirs.mean() - 1))
    found = summary(by_seed)
    assert (found["mean"], found["sd"]) == pytest.approx((ours.mean(), stats.tstd(ours)))


def test_equal_differences_and_a_baseline_of_zero():
    row = comparison({1: 1.0, 2: 1.0}, {1: 0.0, 2: 0.0})
    assert row == {"pairs": 2, "difference": 1.0, "95 % from": 1.0, "95 % to": 1.0}


def test_figures_that_are_not_there(tmp_path):
    assert metrics(tmp_path, ["EER %"]) == {}
    finish(tmp_path / "run", ["", 5, ""], loss=[3, 2, 1])
    assert metrics(tmp_path / "run", ["EER %", "loss", "AMI"]) == {"EER %": 5.0, "loss": 1.0}


def test_a_run_of_the_recipe(corpus, tmp_path, capsys):  # noqa: F811
    lists = {name: str(path) for name, path in corpus.lists.items()}
    overrides = {**TINY, **lists, "device": "cpu", "noprogressbar": True, "train_loggers": {"tensorboard": None}}
    cells = [{"name": "tiny", "hparams": "hparams/dino.yaml", "overrides": {"koleo_weight": 0.1}}]
    arguments = write_sweep(tmp_path / "sweep.yaml", cells=cells, seeds=[3], overrides=overrides, columns=["loss"])
    sweep.main(arguments)
    rows = table(capsys.readouterr().out)
    folder = tmp_path / "out/tiny/3"
    with open(folder / "epochs.csv") as file:
        last = list(csv.DictReader(file))[-1]
    info = json.loads((folder / "encoder/encoder.json").read_text())["info"]
    wanted = [last["EER %"], info["development list"]["EER %"], last["loss"]]
    assert [row["mean"] for row in rows.values()] == [f"{float(value):.4g}" for value in wanted]
    used = (folder / "hyperparams.yaml").read_text()
    assert re.search(r"^seed: 3\b", used, re.MULTILINE) and re.search(r"^koleo_weight: 0.1\b", used, re.MULTILINE)
    assert "hparams.koleo_weight" in json.loads((folder / "finished.json").read_text())
    before = (folder / "run.log").read_text()
    assert "\nepoch 2 of 2: DINO loss" in before
    sweep.main(arguments)
    assert (folder / "run.log").read_text() == before
