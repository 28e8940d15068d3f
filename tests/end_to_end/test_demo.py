"""demo.py and demo_av.py on a corpus that is there already, its stages run in this process."""

import re
import runpy
import sys

import pytest

from speechbrain_cadino.demo import corpus as demo
from speechbrain_cadino.demo import faces as demo_faces
from tests.end_to_end.conftest import RECIPE, TINY, options, run_script
from tests.faces.conftest import picture, save

EVERYWHERE = {name: TINY[name] for name in TINY if name not in ("n_prototypes", "freeze_last_layer_epochs", "head")}
OF_STAGE = {  # smaller than in the demo
    "dino": dict(n_prototypes=16, head=TINY["head"]),
    "ca_dino": dict(n_prototypes=16, head=TINY["head"], cluster_start_epoch=1, n_clusters=5, average_checkpoints=2),
    "dlg_lc": dict(n_clusters=5),
    "av_dlg_lc": dict(
        n_clusters=5,
        face_size=16,
        face_embedding_dim=8,
        modalities=dict(face=dict(encoder=dict(embedding_model=dict(width=4)))),
    ),
    "finetune": {},
}


@pytest.fixture
def run_demo(corpus, tmp_path, monkeypatch, capsys):
    """Give a function that runs the demo and returns what it printed itself, and what its stages printed."""
    monkeypatch.syspath_prepend(str(RECIPE))
    monkeypatch.delitem(sys.modules, "demo", raising=False)  # a folder of tests of that name
    monkeypatch.setattr(demo, "make_demo_corpus", lambda folder, seed: corpus.folder)

    def run_demo(script="demo.py"):
        stages = []

        def run_here(command, cwd):
            smaller = OF_STAGE.get(command[2].removeprefix("hparams/demo/").removesuffix(".yaml"), {})
            stages.append(run_script(command[1], *command[2:], *options(smaller)))
            return stages[-1].status

        monkeypatch.setattr("speechbrain_cadino.utils.children.run_child", run_here)
        runpy.run_path(str(RECIPE / script))["main"](
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


def test_with_faces_the_table_has_voice_face_and_both(run_demo, corpus, tmp_path, monkeypatch):
    """On a copy of what demo.py leaves nothing of it is trained again; here there is nothing yet."""
    wav = corpus.folder / "wav"
    for path in sorted(wav.glob("*/*")):
        save(tmp_path / "faces" / path.relative_to(wav) / "0.png", picture(int(path.parent.name[6:])))
    monkeypatch.setattr(demo_faces, "make_demo_faces", lambda folder: tmp_path / "faces")
    monkeypatch.setitem(OF_STAGE["av_dlg_lc"], "face_folder", tmp_path / "faces")
    printed, stages = run_demo("demo_av.py")
    assert [stage.status for stage in stages] == [0] * (4 + 5), stages
    names = re.findall(r"^\| (.+?) +\| +[\d.]+ \| +[\d.]+ \| +[\d.]+ \|$", printed, re.MULTILINE)
    both = [
        f"DLG-LC with faces, iteration {n}, by {side}" for n in (1, 2) for side in ("the voice", "the face", "both")
    ]
    assert names == ["CA-DINO", "DLG-LC, iteration 1", "DLG-LC, iteration 2", *both]
    assert f"The face encoder is in {tmp_path}/demo/av_dlg_lc/iteration_2/face_encoder" in printed
