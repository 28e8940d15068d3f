"""demo.py on a corpus that is there already, its stages run in this process."""

import re
import runpy

import pytest

from speechbrain_cadino.corpus import demo
from tests.end_to_end.conftest import RECIPE, TINY, options, run_script


@pytest.fixture
def run_demo(corpus, tmp_path, monkeypatch, capsys):
    """Give a function that runs the demo and returns what it printed itself, and what its stages printed."""
    monkeypatch.syspath_prepend(str(RECIPE))
    monkeypatch.setattr(demo, "make_demo_corpus", lambda folder, seed: corpus.folder)

    def run_demo():
        stages = []
        main = runpy.run_path(str(RECIPE / "demo.py"))["main"]

        def run_here(command, cwd):
            stages.append(run_script(command[1], *command[2:]))
            return type("Process", (), {"returncode": stages[-1].status})

        monkeypatch.setattr("subprocess.run", run_here)
        main(["--output_folder", str(tmp_path / "demo"), "--", *options(TINY), "--device", "cpu"])
        monkeypatch.undo()
        return capsys.readouterr().out, stages

    return run_demo


def test_the_table_has_the_three_systems(run_demo, corpus, tmp_path):
    printed, stages = run_demo()
    cells = re.findall(r"^\| (.+?) +\| +([\d.]+) \| +([\d.]+) \| +([\d.]+) \|$", printed, re.MULTILINE)
    rows = {name: metrics for name, *metrics in cells}
    assert list(rows) == ["MFCC statistics", "untrained encoder", "DINO"]
    assert [stage.status for stage in stages] == [0, 0]
    assert f"| {' | '.join(rows['DINO'])} |" in re.sub(" +", " ", stages[1].out)
    assert (tmp_path / "demo/dino/encoder/encoder.json").is_file()
    assert f"The trained encoder is in {tmp_path}/demo/dino/encoder" in printed
