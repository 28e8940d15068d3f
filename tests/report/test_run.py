"""Run folders are read, whatever is missing or damaged."""

import json
import math

import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG

from speechbrain_cadino.report.embedding_map import map_panel
from speechbrain_cadino.report.labels import loss_panels
from speechbrain_cadino.report.run import read_run
from speechbrain_cadino.report.settings import settings_part
from speechbrain_cadino.report.timing import read_times
from speechbrain_cadino.report.trials import trial_panels
from speechbrain_cadino.report.words import standing
from speechbrain_cadino.report.write import report_html, write_report
from speechbrain_cadino.utils.errors import UserError
from tests.report.conftest import write_dino, write_iterations


def test_a_run_of_stage_one(dino):
    run = read_run(dino)
    (training,) = run.trainings
    assert run.is_finished and not run.is_iterated and training.name == "" and not training.is_labelled()
    assert training.series("EER %") == ([0, 6], [34.0, 9.0]) and training.last("half_rank") == 0.95
    assert run.number("lr") == 0.001 and run.options["options"] == {"lr": "0.001", "preload": None}
    assert training.arrays["map_embeddings"].shape == (120, 16) and training.info["verdict"] == "learned"


def test_a_run_of_iterations(iterated):
    run = read_run(iterated)
    assert [training.name for training in run.trainings] == ["iteration 1", "iteration 2"] and run.is_finished
    assert run.trainings[0].prefixes == ["", "face_"] and len(run.iterations) == 2
    assert {prefix: len(epochs) for prefix, epochs in run.trainings[1].losses.items()} == {"": 6, "face_": 6}
    assert [epoch["epoch"] for epoch in run.trainings[1].losses["face_"]] == [1, 2, 3, 4, 5, 6]


def test_iterations_stand_in_their_order(tmp_path):
    for number in (1, 2, 10):
        (tmp_path / f"iteration_{number}").mkdir()
    (tmp_path / "large_margin").mkdir()
    names = [training.name for training in read_run(tmp_path).trainings]
    assert names == ["iteration 1", "iteration 2", "iteration 10", "large margin"]


def test_one_iteration_alone_can_be_asked_for(iterated):
    run = read_run(iterated / "iteration_2")
    assert len(run.trainings) == 1 and run.trainings[0].is_labelled() and "Loss of face" in report_html(run)


@pytest.mark.parametrize("name", ["missing", "file", "empty"])
def test_what_is_no_run_is_said(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").touch()
    with pytest.raises(UserError, match="give the output_folder of"):
        write_report(tmp_path / name, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "other JSON": lambda path: path.write_text('[1, {"info": null}]'),
    "other columns": lambda path: path.write_text("epoch,loss\n1,2,3,4\nx,y\n"),
    "nulls": lambda path: path.write_text('{"info": null, "settings": null, "counts": null, "threshold": "x"}'),
}


NAMED = "epochs.csv", "iterations.csv", "run.json", "encoder.json", "report.npz"  # on the page, when damaged


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("make", [write_dino, write_iterations])
def test_a_damaged_or_missing_file_is_less_to_show(tmp_path, make, damage, monkeypatch):
    monkeypatch.setattr("speechbrain_cadino.report.embedding_map.places", lambda embeddings: embeddings[:, :2])
    monkeypatch.setattr(FigureCanvasSVG, "print_svg", lambda canvas, target, **settings: target.write("<svg></svg>"))
    folder = make(tmp_path / "run")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "iteration_1" not in path.parts)
    paths = [path for path in paths if path.parent.name != "losses" or path.name == "epoch0006.json"]
    for path in paths:
        whole = path.read_bytes()
        DAMAGES[damage](path)
        run = read_run(folder)
        if path.name in NAMED and (damage != "gone") and (damage, path.suffix) != ("nulls", ".json"):
            assert path.name in " ".join(run.faults), path
        assert standing(run).word and len(loss_panels(run.trainings[-1])) >= 5 * (make is write_iterations), path
        (
            read_times(folder / "log.txt"),
            trial_panels(run.trainings[-1]),
            settings_part(run),
            map_panel(run.trainings[-1]),
        )
        path.write_bytes(whole)
    for path in paths:
        if path != folder / "epochs.csv":  # what is left to know it by
            DAMAGES[damage](path)
    assert "</html>" in report_html(read_run(folder))


def test_a_damaged_file_is_named_on_the_page(dino):
    (dino / "epochs.csv").write_text((dino / "epochs.csv").read_text().replace(",", ";"))
    (dino / "report.npz").write_bytes(b"PK")
    text = report_html(read_run(dino))
    assert "epochs.csv is not as the run wrote it: no line of it is of an epoch." in text
    assert "report.npz cannot be read" in text


def test_an_interrupted_run_and_one_of_an_older_version(dino):
    for name in ("report.npz", "hyperparams.yaml", "log.txt"):
        (dino / name).unlink()
    record = json.loads((dino / "run.json").read_text())
    del record["finished"]
    (dino / "run.json").write_text(json.dumps(record))
    assert read_run(dino).is_finished  # an encoder is there: versions before did not note it
    (dino / "encoder/encoder.json").unlink()
    run = read_run(dino)
    assert not run.is_finished and run.options is None
    text = report_html(run)
    assert "NOT FINISHED" in text and "Done: 6 epochs of 6." in text and "DET" not in text


def test_infinities_are_no_points(iterated):
    training = read_run(iterated).trainings[0]
    assert training.series("gate_threshold") == ([4, 5, 6], [1.5, 1.5, 1.5])
    assert math.isinf(training.rows[1]["gate_threshold"])
