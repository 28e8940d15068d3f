"""demo.py on a corpus that is there already, its stages run in this process."""

import re
import runpy

import pytest

from speechbrain_cadino.demo import corpus as demo
from tests.end_to_end.conftest import RECIPE, TINY, options, run_script

EVERYWHERE = {name: TINY[name] for name in TINY if name not in ("n_prototypes", "freeze_last_layer_epochs", "head")}
OF_STAGE = {  # smaller than in the demo
    "dino": dict(n_prototypes=16, head=TINY["head"]),
    "ca_dino": dict(n_prototypes=16, head=TINY["head"], cluster_start_epoch=1, n_clusters=5, average_checkpoints=2),
    "dlg_lc": dict(n_clusters=5),
    "finetune": {},
}


@pytest.fixture
def run_demo(corpus, tmp_path, monkeypatch, capsys):
    """Give a function that runs the demo and returns what it printed itself, and what its stages printed."""
    monkeypatch.syspath_prepend(str(RECIPE))
    monkeypatch.setattr(demo, "make_demo_corpus", lambda folder, seed: corpus.folder)

    def run_demo():
        stages = []

        def run_here(command, cwd):
            smaller = OF_STAGE.get(command[2].removeprefix("hparams/demo/").removesuffix(".yaml"), {})
            stages.append(run_script(command[1], *command[2:], *options(smaller)))
            return stages[-1].status

        monkeypatch.setattr("speechbrain_cadino.utils.children.run_child", run_here)
        runpy.run_path(str(RECIPE / "demo.py"))["main"](
            ["--output_folder", str(tmp_path / "demo"), "--", *options(EVERYWHERE), "--device", "cpu"]
        )
        monkeypatch.undo()
        return capsys.readouterr().out, stages

    return run_demo


def test_the_table_has_all_systems(run_demo, tmp_path):
    printed, stages = run_demo()
    cells = re.findall(r"^\| (.+?) +\| +([\d.]+) \| +([\d.]+) \| +([\d.]+) \|$", printed, re.MULTILINE)
    rows = {name: metrics for name, *metrics in cells}
    iterations = ["DLG-LC, iteration 1", "DLG-LC, iteration 2"]
    trained = ["DINO", "CA-DINO", *iterations, "supervised"]
    assert list(rows) == ["MFCC statistics", "untrained encoder", *trained]
    assert [stage.status for stage in stages] == [0] * (4 + 5)
    for name, stage in zip(trained, stages[4:]):
        assert f"| {' | '.join(rows[name])} |" in re.sub(" +", " ", stage.out)
    assert re.search(r"^Time: corpus \d+ s, DINO \d+ s, CA-DINO \d+ s, DLG-LC \d+ s, supervised", printed, re.MULTILINE)
    folder = tmp_path / "demo"
    assert (folder / "det.png").is_file() and (folder / "dlg_lc/iteration_2/encoder/encoder.json").is_file()
    assert f"The trained encoder is in {folder}/dlg_lc/iteration_2/encoder" in printed
    assert len((folder / "ca_dino/epochs.csv").read_text().splitlines()) == 1 + TINY["number_of_epochs"]
