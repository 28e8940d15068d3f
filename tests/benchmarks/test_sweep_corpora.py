"""Corpora as a dimension of a sweep: made once, in order, kept apart; and the comparison over them."""

import json
import re

import numpy as np
import pytest
import sweep
import sweep_plan
import sweep_runs
import yaml
from scipy import stats
from sweep_by_corpus import relative_change

from speechbrain_cadino.utils.errors import UserError
from tests.benchmarks.test_sweep_table import finish

# In place of make_corpus.py and train.py: each notes what it is called with; a seed of 13 fails.
SCRIPT = """\
import json, sys
from pathlib import Path
with open(Path(__file__).parent / "notes", "a") as file:
    print(json.dumps(sys.argv[1:]), file=file)
if "MAKES":
    if json.loads(sys.argv[2])["seed"] == 13:
        sys.exit("no such voice")
    Path(sys.argv[1]).mkdir(parents=True)
"""


class Place:
    def __init__(self, folder):
        self.folder, self.output = folder, folder / "out"
        (folder / "script.py").write_text(SCRIPT.replace("MAKES", ""))
        (folder / "make.py").write_text(SCRIPT)
        for name in "ab":
            (folder / f"{name}.yaml").write_text("x: 1")

    def write(self, corpora, cells=({"name": "a"}, {"name": "b", "after": "a"}), **settings):
        entries = [{"hparams": f"{cell['name']}.yaml", **cell} for cell in cells]
        content = {"script": "script.py", "seeds": [1], "cells": entries, "corpora": corpora, **settings}
        (self.folder / "sweep.yaml").write_text(yaml.safe_dump(content, sort_keys=False))

    def run(self, *options):
        sweep.main([str(self.folder / "sweep.yaml"), "--output", str(self.output), "--jobs", "1", *options])

    def fails(self, *options):
        with pytest.raises(UserError) as caught:
            self.run(*options)
        return str(caught.value)

    def calls(self):
        path = self.folder / "notes"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def names(self):
        """What was run, by the folders."""
        return [
            str(path.relative_to(self.output)).removesuffix("/demo")
            for path in map(type(self.folder), (call[0] if len(call) == 2 else call[-1] for call in self.calls()))
        ]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_runs, "POLL_SECONDS", 0.005)
    monkeypatch.setattr(sweep_plan.CorpusRun, "script", tmp_path / "make.py")
    return Place(tmp_path)


def test_corpus_by_corpus_each_made_first_and_once(place):
    overrides = {"demo_folder": "{corpus}/x", "init": "{output}/a/{seed}"}
    place.write([5, 7], corpus={"tail": 1.0, "sessions": 1}, overrides=overrides)
    place.run("--corpora", "7", "--only", "a")
    assert place.names() == ["7/corpus", "7/a/1"]
    making, training = place.calls()
    assert json.loads(making[1]) == {"tail": 1.0, "sessions": 1, "seed": 7}
    folder = place.output / "7"
    own = ["--seed", "1", "--output_folder", f"{folder}/a/1"]
    assert training == ["a.yaml", "--demo_folder", f"{folder}/corpus/demo/x", "--init", f"{folder}/a/1", *own]
    place.run()
    assert place.names()[2:] == ["5/corpus", "5/a/1", "5/b/1", "7/b/1"]
    place.run()
    assert len(place.names()) == 6
    record = json.loads((folder / "b/1/finished.json").read_text())
    assert record["corpus.seed"] == "7" and record["corpus.tail"] == "1.0"


def test_a_corpus_that_fails_keeps_back_its_own_runs_alone(place, capsys):
    place.write({"bad": {"seed": 13}, "good": {"seed": 1}})
    assert "3 of 6 runs are not finished" in place.fails()
    printed = capsys.readouterr().out
    assert "bad/corpus: status 1, no such voice" in printed
    assert "bad/a/1: not started, it comes after bad/corpus, which is not finished" in printed
    assert place.names() == ["bad/corpus", "good/corpus", "good/a/1", "good/b/1"]
    place.write({"bad": {"seed": 2}, "good": {"seed": 1}})  # nothing was made of it
    place.run()
    assert place.names()[4:] == ["bad/corpus", "bad/a/1", "bad/b/1"]


def test_other_settings_of_a_corpus_are_refused(place):
    place.write([5], corpus={"tail": 1.0})
    place.run()
    place.write([5], corpus={"tail": 0.5, "sessions": 2})
    assert re.search(r"5/corpus was made with other settings \(corpus.sessions, corpus.tail changed", place.fails())
    (place.output / "5/corpus/finished.json").unlink()
    assert re.search(r"5/a/1 was made with other settings \(corpus.sessions, corpus.tail changed", place.fails())
    assert len(place.names()) == 3


@pytest.mark.parametrize(
    "corpora, settings, message",
    [
        ([1, 1], {}, "has corpora .* each once"),
        (["a"], {}, "give generator seeds"),
        ([-1], {}, "give generator seeds"),
        ([True], {}, "give generator seeds"),
        ([], {}, "has corpora and none in it"),
        (5, {}, "which must be a list or a mapping"),
        ({"a": {}}, {}, "The corpus a of .* must be a mapping with seed"),
        ({"a": 5}, {}, "The corpus a of .* must be a mapping with seed"),
        ({"a b": {"seed": 1}}, {}, "a name that can name a folder"),
        ([1], {"corpus": {"tial": 1}}, "The corpus 1 of .* has tial, which is none of n_speakers"),
        ([1], {"corpus": {"folder": "x"}}, "has folder, which is none of"),
        ([1], {"corpus": {"sessions": 1.5}}, "has sessions 1.5, which must be a whole number"),
        ([1], {"corpus": {"sessions": True}}, "has sessions True, which must be a whole number"),
        ([1], {"corpus": {"tail": "much"}}, "has tail 'much', which must be a number"),
        ([1], {"corpus": {"test_sessions": 1}}, "The corpus 1 of .*has test_sessions 1: give at least 2"),
        ([1], {"corpus": {"seconds": 0}}, "The corpus 1 of .*needs seconds above 0"),
        ([1], {"cells": [{"name": "corpus", "hparams": "a.yaml"}]}, "has the name of the folder for the corpus"),
        ([1], {"compare": [["a"]]}, "give pairs of cells"),
        ([1], {"compare": [["a", "c"]]}, "no cell c .compare of"),
    ],
)
def test_corpora_that_are_no_good(place, corpora, settings, message):
    place.write(corpora, **settings)
    assert re.search(message, place.fails())
    assert place.calls() == [] and not place.output.exists()


def test_calls_that_are_no_good(place):
    place.write([5, 7])
    assert "has no corpora ['8'] (--corpora): take some of ['5', '7']" in place.fails("--corpora", "8")
    text = (place.folder / "sweep.yaml").read_text().replace("corpora:\n- 5\n- 7\n", "")
    (place.folder / "sweep.yaml").write_text(text + "compare: []\n")
    assert "has corpus or compare and no corpora" in place.fails()
    (place.folder / "sweep.yaml").write_text(text + 'overrides: {demo_folder: "{corpus}"}\n')
    assert "has '{corpus}' and no corpora" in place.fails()
    assert place.calls() == []


def test_the_table_by_hand(place, capsys):
    """Corpora 1 to 3; b's change is -10, -20 and -30 %, of corpus 3 over the seed that both have."""
    place.write([1, 2, 3, 4], seeds=[1, 2], baseline="a", compare=[["a", "b"]], columns=["AMI"])
    for corpus, seed, a, b in [(1, 1, 10, 9), (2, 1, 20, 16), (3, 1, 10, 7), (4, 1, 0, 3)]:
        finish(place.output / f"{corpus}/a/{seed}", [99, 98], averaged=a)
        finish(place.output / f"{corpus}/b/{seed}", [99, b])  # without an average the last epoch's is what is kept
    finish(place.output / "3/a/2", [99], averaged=30, AMI=["0.5"])
    place.run("--table")
    printed = capsys.readouterr().out
    rows = [[text.strip() for text in line.strip("|").split("|")] for line in printed.splitlines() if line[:1] == "|"]
    assert rows[2:7] == [
        ["1", "10", "9"],
        ["2", "20", "16"],
        ["3", "20", "7"],
        ["4", "0", "3"],
        ["mean of 4", "12.5", "8.75"],
    ]
    half = 4.302653 * 10 / np.sqrt(3)
    assert ["b", "a", "3", "3", "-20.0", f"{-20 - half:.1f}", f"{-20 + half:.1f}", "0.800"] in rows
    assert [row[:4] for row in rows if row[:2] == ["a", "b"]] == [["a", "b", "4", "1"]]
    assert printed.strip() == (place.output / "table.md").read_text().strip()
    lines = (place.output / "runs.csv").read_text().splitlines()
    assert lines[0] == "run,EER %,EER % averaged,EER % kept,AMI" and len(lines) == 10


def test_with_and_without_the_refit(place, capsys):
    """a is 8 % and was 10 before its refit, b is 6 and was 9; a plain one, which has none, counts as it is."""
    place.write([1, 2], baseline="a", columns=["EER % without refit"])
    finish(place.output / "1/a/1", [99], averaged=8, unrefitted=10)
    finish(place.output / "1/b/1", [99], averaged=6, unrefitted=9)
    finish(place.output / "2/a/1", [99], averaged=5)
    place.run("--table")
    printed = capsys.readouterr().out
    names = ["EER % kept", "EER % without refit", "EER % kept against EER % without refit"]
    for name, change in zip(names, ["-25.0", "-10.0", "-40.0"]):
        rows = printed.split(f"{name}, relative change")[1].splitlines()[4:]
        assert [text.strip() for text in rows[0].split("|")][1:6] == ["b", "a", "1", "1", change]
    assert "| 2        |   5 |" in printed.split("EER % without refit, by corpus")[1].split("relative change")[0]


def test_nothing_is_finished(place, capsys):
    place.write([1])
    place.run("--table")
    assert capsys.readouterr().out == "No run of a cell is finished.\n" and not place.output.exists()


@pytest.mark.parametrize("n", [2, 3, 8])
def test_the_interval_is_that_of_the_mean_relative_change(n):
    rng = np.random.default_rng(n)
    ours, theirs = rng.uniform(5, 10, n), rng.uniform(8, 12, n)
    row = relative_change(*({str(i): {1: value} for i, value in enumerate(values)} for values in (ours, theirs)))
    interval = stats.ttest_1samp(100 * (ours / theirs - 1), 0).confidence_interval(0.95)
    assert (row["95 % from"], row["95 % to"]) == pytest.approx((interval.low, interval.high))
    assert row["ratio"] == pytest.approx((ours / theirs).mean()) and row["corpora"] == n
    assert row["lower in"] == (ours < theirs).sum()
    assert relative_change({"a": {1: 1.0}}, {"b": {1: 1.0}}) == {"corpora": 0}
