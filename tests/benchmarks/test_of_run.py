"""Scripts over a finished run: what they refuse is one sentence, and leaves nothing behind."""

import json

import doubted_labels
import measure_checkpoints
import pytest

from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.settings_record import record_settings
from speechbrain_cadino.utils.errors import UserError

SETTINGS = """
seed: 0
output_folder: !PLACEHOLDER
save_folder: !ref <output_folder>/save
data_folder: {folder}
development_trials: {trials}
development_folder: {folder}
modules:
    {module}: !new:torch.nn.Linear
        in_features: 2
        out_features: 2
cluster_compensation: null
last_layer_refit: null
dataset: !new:torch.nn.Identity
{average}
clustering: !new:speechbrain_cadino.clusters.clustering.Clustering
    n_clusters: {n_clusters}
    n_fine: {n_fine}
checkpointer: !new:speechbrain_cadino.training.checkpoints.SafeCheckpointer
    checkpoints_dir: !ref <save_folder>
"""
GOOD = dict(module="student", average="average_checkpoints: 1", n_clusters=2, n_fine=5)
COLUMNS = {"spk_id": "x", "session": "s"}


def make(folder, columns, **changes):
    """A YAML, and a run without checkpoints and encoder; gives the arguments of a script."""
    run = folder / "run"
    for part in ("save", "corpus"):
        (run / part).mkdir(parents=True)
    rows = [["ID", "wav", "start", "stop", *columns], *(["a", "a.wav", "0", "16000", *columns.values()] for _ in "a")]
    (run / "corpus/train.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    (folder / "trials.txt").write_text("1 a.wav b.wav\n")
    settings = GOOD | {"folder": folder, "trials": folder / "trials.txt"} | changes
    (folder / "x.yaml").write_text(SETTINGS.format(**settings))
    return [str(folder / "x.yaml"), "--run", str(run), "--output_folder", str(folder / "out")]


def files(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def refused(main, arguments, folder, said):
    before = files(folder)
    with pytest.raises(UserError, match=said):
        main(arguments)
    assert files(folder) == before


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(module="encoder"), "x.yaml trains no student and teacher"),
        (dict(average=""), "lacks the setting average_checkpoints"),
        (dict(n_fine="null"), "n_clusters is auto, n_fine None"),
        (dict(trials="null"), "development_trials is null"),
        (dict(trials="absent.txt"), "absent.txt"),
        ({}, "save holds no checkpoint of a whole epoch"),
    ],
)
def test_what_cannot_be_measured(tmp_path, changes, said):
    refused(measure_checkpoints.main, make(tmp_path, COLUMNS, **changes), tmp_path, said)


@pytest.mark.parametrize("kept", [None, "{", "[]", '{"version": "1"}', '{"settings": {"a": 1}}'])
def test_figures_of_which_nothing_is_known_are_not_gone_on_with(tmp_path, kept):
    arguments = make(tmp_path, COLUMNS)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/figures.csv").write_text("epoch,EER %\n2,10.0\n")
    if kept is not None:
        (tmp_path / "out/figures.json").write_text(kept)
    said = "figures.csv is there, and figures.json, which would say what it is of, cannot be read .*--output_folder"
    refused(measure_checkpoints.main, arguments, tmp_path, said)


def made_from(text="lr: 0.1\nseed: 1\noutput_folder: x", **changes):
    return {"version": "1", "run": "a", "development list": "b", "settings": record_settings(text)._asdict()} | changes


@pytest.mark.parametrize(
    "now, said",
    [
        (made_from(run="c"), "figures.csv is of another run than is given now: give another --output_folder"),
        (made_from(version="2"), "is of another version"),
        (made_from(**{"development list": None}), "is of another development list"),
        (made_from("lr: 0.1\nseed: 2\noutput_folder: x"), "was measured with seed 1, and now it is 2: give another"),
        (made_from("lr: 0.1\noutput_folder: x"), "was measured with seed 1, and now it is none"),
        (made_from("lr: 0.1\nseed: 1\noutput_folder: moved"), None),
        (made_from(), None),
    ],
)
def test_figures_are_gone_on_with_if_they_are_of_the_same(tmp_path, now, said):
    history, path = History(), tmp_path / "figures.csv"
    history.add({"epoch": 2, "EER %": 10.0})
    history.write_csv(path)
    path.with_suffix(".json").write_text(json.dumps(made_from()))
    if said is None:
        assert measure_checkpoints.figures_so_far(path, now).rows == history.rows
    else:
        with pytest.raises(UserError, match=said):
            measure_checkpoints.figures_so_far(path, now)


@pytest.mark.parametrize("fraction", ["-0.1", "1.5", "nan"])
def test_fractions_that_are_none(tmp_path, fraction):
    arguments = [*make(tmp_path, COLUMNS), "--fraction", fraction]
    refused(doubted_labels.main, arguments, tmp_path, f"--fraction is {fraction}: give one from 0 to 1")


@pytest.mark.parametrize(
    "columns, changes, said",
    [
        (COLUMNS, dict(n_clusters="null"), "n_clusters is null"),
        ({"session": "s"}, {}, "does not say speaker and session of every utterance"),
        (COLUMNS | {"spk_id": ""}, {}, "does not say speaker and session of every utterance"),
        ({"spk_id": "x"}, {}, "does not say speaker and session of every utterance"),
    ],
)
def test_labels_that_cannot_be_doubted(tmp_path, columns, changes, said):
    refused(doubted_labels.main, make(tmp_path, columns, **changes), tmp_path, said)


@pytest.mark.parametrize("main", [measure_checkpoints.main, doubted_labels.main])
def test_a_run_without_its_corpus(tmp_path, main):
    arguments = make(tmp_path, COLUMNS)
    (tmp_path / "run/corpus/train.csv").unlink()
    refused(main, arguments, tmp_path, "train.csv")
