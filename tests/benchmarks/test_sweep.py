"""The sweep runner, on a script that takes milliseconds: what runs when, what is kept, what is said."""

import json
import multiprocessing
import os
import re
import signal
import sys
import threading
import time

import pytest
import speechbrain as sb
import sweep
import sweep_file
import sweep_runs
import yaml

from speechbrain_cadino.utils.errors import UserError
from tests.end_to_end.conftest import RECIPE

# Its hparams file is Python: what a run of the cell does. Each run notes when it began and ended.
SCRIPT = """\
import json, os, signal, sys, time
from pathlib import Path
*others, _, seed, _, folder = sys.argv[2:]
folder, seed = Path(folder), int(seed)
output = folder.parents[1]
def note(what):
    with open(output / "notes", "a") as file:
        print(what, folder.parent.name, seed, time.monotonic(), file=file)
def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.005)
    assert what()
def checkpoint():
    (folder / "save/CKPT+1").mkdir(parents=True, exist_ok=True)
note("begin")
exec(json.loads(Path(sys.argv[1]).read_text())["do"])
note("end")
"""


class Place:
    """A folder with the script and the cells' files; `run` calls the sweep on what is written there."""

    def __init__(self, folder):
        self.folder, self.output = folder, folder / "out"
        (folder / "script.py").write_text(SCRIPT)

    def write(self, cells, does=None, /, **settings):
        """Cells by name, each a dict of keys of its own; ``does`` has what their runs do, by cell."""
        entries = []
        for name, own in cells.items():
            self.do(name, (does or {}).get(name, "pass"))
            entries.append({"name": name, "hparams": f"{name}.yaml", **own})
        content = {"script": "script.py", "seeds": [1], "cells": entries, **settings}
        (self.folder / "sweep.yaml").write_text(yaml.safe_dump(content, sort_keys=False))

    def do(self, name, what):
        (self.folder / f"{name}.yaml").write_text(json.dumps({"do": what}))  # JSON is YAML

    def run(self, *options):
        sweep.main([str(self.folder / "sweep.yaml"), "--output", str(self.output), *options])

    def fails(self, *options):
        with pytest.raises(UserError) as caught:
            self.run(*options)
        return str(caught.value)

    def notes(self, what="begin"):
        path = self.output / "notes"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [f"{cell}/{seed}" for kind, cell, seed, _ in lines if kind == what]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_runs, "POLL_SECONDS", 0.005)
    return Place(tmp_path)


def test_seed_by_seed_and_none_twice(place):
    place.write({"a": {}, "b": {"seeds": [2, 1]}, "c": {"seeds": [2, 3]}}, seeds=[1, 2])
    expected = ["a/1", "b/1", "a/2", "b/2", "c/2", "c/3"]
    place.run("--jobs", "1", "--only", "a", "c", "--seeds", "2", "1")
    assert place.notes() == ["a/2", "c/2", "a/1"]
    place.run("--jobs", "1", "--only", "a", "c")
    assert place.notes()[3:] == ["c/3"]
    place.run("--jobs", "1")
    assert place.notes()[4:] == ["b/1", "b/2"]
    place.run()
    assert len(place.notes()) == 6
    for name in expected:
        assert {"finished.json", "run.log"} == {path.name for path in (place.output / name).iterdir()}
    marker = json.loads((place.output / "c/3/finished.json").read_text())
    assert marker == {"script": "script.py", "seed": "3", "hparams.do": "pass"}
    place.output = place.folder / "new"
    place.run("--jobs", "1")
    assert place.notes() == expected


@pytest.mark.parametrize("options, jobs", [([], 2), (["--jobs", "3"], 3), (["--jobs", "1"], 1)])
def test_so_many_at_once_and_never_more(place, options, jobs):
    # None ends before so many have begun: the first ones must overlap.
    does = f"wait_for(lambda: (output / 'notes').read_text().count('begin') >= {jobs})\ntime.sleep(0.03)"
    place.write({"a": {}}, {"a": does}, seeds=[1, 2, 3, 4, 5])
    place.run(*options)
    at_work, most = 0, 0
    for line in (place.output / "notes").read_text().splitlines():
        at_work += 1 if line.startswith("begin") else -1
        most = max(most, at_work)
    assert most == jobs


def test_a_thread_each_and_its_own_folder(place):
    does = "print(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'], os.getcwd())"
    place.write({"a": {}}, {"a": does})
    place.run()
    _, command, printed = (place.output / "a/1/run.log").read_text().splitlines()
    assert printed == f"1 1 {place.folder}"
    assert command == f"> {sys.executable} script.py a.yaml --seed 1 --output_folder {place.output}/a/1"


def test_options(place):
    own = {"layers": {"b": 3}, "lr": "1e-3", "start": "{output}/a/{seed}", "deep": {"list": ["{output}", "{seed}"]}}
    shared = {"layers": {"a": 1, "b": 2}, "lr": 0.1, "none": None, "noprogressbar": True, "skip_nonfinite_grads": False}
    place.write({"a": {"overrides": own}}, {"a": "print(json.dumps(others))"}, overrides=shared, seeds=[7])
    place.run()
    arguments = json.loads((place.output / "a/7/run.log").read_text().splitlines()[-1])
    assert arguments == [
        "--layers", "{a: 1, b: 3}", "--lr", "0.001", "--none", "null", "--noprogressbar",
        "--start", f"{place.output}/a/7", "--deep", f"{{list: ['{place.output}', '7']}}",
    ]  # fmt: skip


def test_a_failure_is_named_and_stops_nothing(place, capsys):
    does = {"a": "print('reading'); sys.exit('error: lr\\n\\n') if seed == 1 else None"}
    place.write({"a": {}, "b": {}}, does, seeds=[1, 2])
    assert "1 of 4 runs are not finished" in place.fails()
    assert sorted(place.notes()) == ["a/1", "a/2", "b/1", "b/2"]
    assert "a/1: status 1, error: lr\n" in capsys.readouterr().out
    place.do("a", "pass")  # it had no checkpoint: what was wrong can be put right
    place.output.joinpath("a/2").rename(place.folder / "aside")  # this one was made otherwise
    place.run()
    assert sorted(place.notes()[4:]) == ["a/1", "a/2"]


def test_a_killed_run_goes_on(place, capsys):
    does = "if not (folder / 'save').exists():\n    checkpoint()\n    os.kill(os.getpid(), signal.SIGKILL)"
    place.write({"a": {}}, {"a": does})
    place.fails()
    assert "a/1: status -9, > " in capsys.readouterr().out
    place.run()
    assert place.notes() == ["a/1", "a/1"] and place.notes("end") == ["a/1"]
    assert (place.output / "a/1/run.log").read_text().count("> ") == 2  # the first call's log is kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_ends_its_processes_and_goes_on(place, number, monkeypatch):
    monkeypatch.setattr(sweep_runs, "GRACE_SECONDS", 0.3)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    worker = """if not (folder / 'pids').exists():
        child = os.fork()
        if child:
            (folder / 'pids').write_text(f'{child} {os.getpid()}')
        time.sleep(60)"""
    place.write({"a": {}, "b": {}}, {"a": worker, "b": deaf + worker}, seeds=[1, 2])
    pids = [place.output / name / "pids" for name in ("a/1", "b/1")]

    def stop():
        while not all(path.exists() and path.read_text() for path in pids):
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    thread = threading.Thread(target=stop)
    thread.start()
    assert f"stopped by {number.name}: the same command goes on" in place.fails()
    thread.join()
    assert signal.getsignal(number) is before
    for pid in " ".join(path.read_text() for path in pids).split():
        wait_until_gone(int(pid))
    assert place.notes("end") == [] and not list(place.output.glob("*/*/finished.json"))
    for name in "ab":
        (place.output / name / "2").mkdir()
        (place.output / name / "2/pids").touch()
    place.run()
    assert sorted(place.notes("end")) == ["a/1", "a/2", "b/1", "b/2"]


def wait_until_gone(pid):
    """Ends the test as failed where a process is neither gone nor a zombie within two seconds."""
    for _ in range(400):
        try:
            if re.search(r"^State:\s+Z", open(f"/proc/{pid}/status").read(), re.MULTILINE):
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.005)
    pytest.fail(f"process {pid} is still there")


def test_a_run_left_behind_is_not_started_beside_itself(place):
    does = "checkpoint()\nwait_for(lambda: (output / 'go').exists())"
    place.write({"a": {}, "b": {"after": "a"}}, {"a": does})
    process = multiprocessing.get_context("fork").Process(target=place.run)
    process.start()
    while place.notes() != ["a/1"]:
        time.sleep(0.005)
    assert "is in use by" in place.fails()
    process.kill()
    process.join()
    assert "is in use by" in place.fails()
    assert place.notes() == ["a/1"]
    (place.output / "go").touch()
    while place.notes("end") != ["a/1"]:
        time.sleep(0.005)
    for _ in range(100):  # it notes its end before it ends
        try:
            place.run()
            break
        except UserError:
            time.sleep(0.01)
    assert place.notes("end") == ["a/1", "a/1", "b/1"]


def test_after(place, capsys):
    """The third run does not wait for the second, which waits for the first."""
    does = {"a": "wait_for(lambda: (output / 'c/1/finished.json').exists())"}
    does["b"] = "assert (Path(others[1]) / 'finished.json').exists()"
    place.write({"a": {}, "b": {"after": "a", "overrides": {"start": "{output}/a/{seed}"}}, "c": {}}, does)
    place.run()
    assert sorted(place.notes()[:2]) == ["a/1", "c/1"] and place.notes()[2:] == ["b/1"]
    place.output = place.folder / "new"
    place.fails("--only", "b")
    assert "b/1: not started, it comes after a/1, which is not finished" in capsys.readouterr().out
    place.do("a", "sys.exit(3)")
    assert "2 of 3 runs are not finished" in place.fails()
    assert sorted(place.notes()) == ["a/1", "c/1"]


def test_changed_settings_are_refused(place):
    place.write({"a": {"overrides": {"lr": 1}}, "b": {}}, {"b": "checkpoint(); sys.exit(1)"}, seeds=[1, 2])
    place.fails()
    begun = len(place.notes())
    place.write({"a": {"overrides": {"lr": 2, "n": 3}}, "b": {}}, {"b": "checkpoint(); sys.exit(1)"}, seeds=[1, 2])
    message = place.fails()
    assert message.startswith(f"{place.output}/a/1 was made with other settings (overrides.lr, overrides.n changed")
    place.write({"a": {"overrides": {"lr": 1}}, "b": {}}, {"b": "pass"}, seeds=[1, 2], columns=["loss"])
    assert f"{place.output}/b/1 was made with other settings (hparams.do" in place.fails()
    assert len(place.notes()) == begun
    place.run("--table")  # it says what was run
    place.run("--only", "a")
    path = place.folder / "b.yaml"
    path.write_text('# a word\n{"do":\n   "checkpoint(); sys.exit(1)"}  # another')
    assert "2 of 4 runs are not finished" in place.fails()  # comments and spaces are no change
    assert len(place.notes()) == begun + 2


@pytest.mark.parametrize("what", ["write_text(json.dumps(dict(do='1')))", "write_text('{')", "unlink()"])
def test_a_file_that_changes_while_the_sweep_runs(place, capsys, what):
    change = f"Path({str(place.folder / 'b.yaml')!r}).{what}"
    place.write({"a": {}, "b": {"after": "a"}}, {"a": change})
    place.fails()
    assert "b/1: not started, b.yaml has changed since the sweep began" in capsys.readouterr().out
    assert place.notes() == ["a/1"]
    place.do("b", "2")
    place.run()
    assert place.notes() == ["a/1", "b/1"]


def test_the_bar_names_what_runs(place, capsys):
    place.write({"a": {}, "b": {}}, seeds=[1, 2])
    place.run("--only", "b")
    capsys.readouterr()
    place.run()
    bars = re.split("[\r\n]", capsys.readouterr().err)
    assert any("2/4" in bar and "a/1, a/2" in bar for bar in bars)
    assert "4/4" in bars[-2] and "a/" not in bars[-2]


def test_where_the_output_goes(place, monkeypatch):
    place.write({"a": {}}, output="here")
    sweep.main([str(place.folder / "sweep.yaml")])
    assert (place.folder / "here/a/1/finished.json").exists()
    monkeypatch.chdir(place.folder.parent)
    sweep.main([str(place.folder / "sweep.yaml"), "--output", "there"])
    assert (place.folder.parent / "there/a/1/finished.json").exists()


@pytest.mark.parametrize(
    "cells, settings, message",
    [
        ({"a": {"sedes": [1]}}, {}, "The cell a of .* has sedes, which is none of name, hparams, seeds"),
        ({"a": {}}, {"colums": []}, "The sweep file .* has colums, which is none of cells, hparams"),
        ({"a": {}}, {"columns": "loss"}, "has columns 'loss', which must be a list"),
        ({"a": {}}, {"overrides": None}, "has overrides None, which must be a mapping"),
        ({"a": {}}, {"cells": [1]}, "A cell of .* must be a mapping with name"),
        ({"a": {"name": 1}}, {}, "has name 1, which must be text"),
        ({"a b": {}}, {}, "needs a name of its own"),
        ({"a": {"name": "b"}, "b": {}}, {}, "needs a name of its own"),
        ({"a": {}}, {"cells": [{"name": "a"}]}, "has no hparams"),
        ({"a": {"seeds": []}}, {}, "has no seeds"),
        ({"a": {"seeds": [1.5]}}, {}, "has no seeds"),
        ({"a": {"hparams": "none.yaml"}}, {}, "none.yaml cannot be read"),
        ({"a": {"hparams": "script.py"}}, {}, "script.py are not YAML"),
        ({"a": {"hparams": "empty.yaml"}}, {}, "empty.yaml are no mapping"),
        ({"a": {"after": "b"}, "b": {}}, {}, "no cell b .*take one of none; a cell must come below"),
        ({"a": {}, "b": {"after": "a", "seeds": [1, 5]}}, {}, r"lacks the seeds \[5\]"),
        ({"a": {"overrides": {"seed": 1}}}, {}, "overrides output_folder or seed"),
        ({"a": {"overrides": {"noprogressbar": "yes"}}}, {}, "noprogressbar to yes: it must be true or false"),
        ({"a": {"overrides": {"folder": "/a=1"}}}, {}, "'/a=1', and SpeechBrain's options cannot hold a '='"),
        ({"a": {}}, {"baseline": "b"}, "no cell b .baseline"),
        ({"a": {}}, {"script": "none.py"}, "none.py .* is missing"),
    ],
)
def test_a_sweep_file_that_is_no_good(place, cells, settings, message):
    place.write(cells, **settings)
    (place.folder / "empty.yaml").touch()
    assert re.search(message, place.fails())
    assert place.notes() == []


def test_calls_that_are_no_good(place, tmp_path):
    (tmp_path / "sweep.yaml").write_text("")
    assert "must be a mapping with cells" in place.fails()
    place.write({"a": {}})
    assert "--jobs is 0" in place.fails("--jobs", "0")
    assert "no cell b (--only)" in place.fails("--only", "b")
    assert "no seeds [7, 9] (--seeds): take some of [1" in place.fails("--seeds", "9", "1", "7")
    with pytest.raises(UserError, match="names no output folder"):
        sweep.main([str(tmp_path / "sweep.yaml")])
    with pytest.raises(UserError, match="cannot be read"):
        sweep.main([str(tmp_path / "none.yaml")])
    (tmp_path / "sweep.yaml").write_text("cells: 1\ncells: 2")
    assert "is not YAML" in place.fails()


def test_the_readmes_example(tmp_path):
    readme = (RECIPE.parents[2] / "benchmarks/README.md").read_text()
    (tmp_path / "sweep.yaml").write_text(re.search("```yaml\n(.*?)```", readme, re.DOTALL).group(1))
    content = sweep_file.read_sweep(tmp_path / "sweep.yaml")
    runs = content.runs()
    assert [run.name for run in runs[:4]] == ["dino/1", "ca_dino/1", "short_crops/1", "dino/2"] and len(runs) == 9
    assert content.baseline == "dino" and content.output == tmp_path / "results/ablation"
    script, *arguments = runs[1].arguments()
    hparams, run_options, overrides = sb.parse_arguments(arguments)
    assert (script, hparams) == ("train.py", "hparams/demo/ca_dino.yaml") and run_options["noprogressbar"]
    assert f"start_from: {tmp_path}/results/ablation/dino/1\n" in overrides
    assert runs[1].script.parent == RECIPE
