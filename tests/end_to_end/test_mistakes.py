"""Bad input: one sentence that names what is wrong and the remedy, exit status 1, and nothing half-written."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

from speechbrain_cadino.utils.settings.merge import read_file
from speechbrain_cadino.utils.settings.tree import write_tree
from tests.end_to_end.conftest import RECIPE, TINY, options, run_script, training

DINO = write_tree(read_file(RECIPE / "hparams/dino.yaml"))


@pytest.fixture
def stop(corpus, tmp_path):
    """Give a function that runs train.py with changed settings, or a changed YAML, and returns its one sentence."""

    def stop(old=None, new=None, **settings):
        hparams = "hparams/dino.yaml"
        if old is not None:
            assert old in DINO
            hparams = tmp_path / "changed.yaml"
            hparams.write_text(DINO.replace(old, new))
        settings = {"output_folder": tmp_path / "run", **corpus.lists, **settings}
        arguments = training(settings.pop("output_folder"), hparams, **settings)
        sentence = run_script("train.py", *arguments).error()
        assert not list(tmp_path.glob("run/encoder*")) and not list(tmp_path.glob("run/.*"))
        return sentence

    return stop


@pytest.fixture
def file_of(tmp_path):
    """Give a function that writes a file and returns its path."""

    def write(text):
        (tmp_path / "given.txt").write_text(text)
        return tmp_path / "given.txt"

    return write


def test_the_data_folder(stop, tmp_path):
    assert f"The data folder {tmp_path}/absent does not exist: give" in stop(data_folder=tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path}/empty" in stop(data_folder=tmp_path / "empty", file_list=None, development_trials=None)


def test_the_file_list(stop, file_of, tmp_path):
    assert "absent.txt" in stop(file_list=tmp_path / "absent.txt")
    assert "given.txt" in stop(file_list=file_of(""))
    assert "None of 1 files" in stop(file_list=file_of("absent.wav\n"))


def test_the_development_list(stop, file_of, corpus, tmp_path):
    assert "absent.txt" in stop(development_trials=tmp_path / "absent.txt")
    known = "talker4/s0/0.wav"
    sentence = stop(development_trials=file_of(f"1 {known} absent.wav\n0 {known} talker5/s0/0.wav\n"))
    assert "absent.wav, which the trials name, is absent (1 of 3 are): set the data folder" in sentence
    assert "absent.txt" in stop(held_out_trials=[str(tmp_path / "absent.txt")])


def test_the_csv(stop, file_of, tmp_path):
    assert "absent.csv" in stop(train_csv=tmp_path / "absent.csv", file_list=None)
    sentence = stop(train_csv=file_of("name,length\na,1\n"), file_list=None)
    assert "given.txt" in sentence and "ID" in sentence


def test_the_batch(stop):
    assert "16 utterances do not fill one batch of 17" in stop(batch_size=17)
    assert "batch_size is 1, for 1 process: set at least 2" in stop(batch_size=1)


@pytest.mark.parametrize(
    "old, new, named",
    [
        ("dino.loss.DINOLoss", "dino.loss.DINOLos", "DINOLos"),
        ("dino.loss.DINOLoss", "dino.lost.DINOLoss", "dino.lost"),
        ("center_momentum: 0.9", "center_memory: 0.9", "center_memory"),
        ("out_dim: !ref <n_prototypes>", "out_dim: !ref <n_prototype>", "n_prototype"),
        ("n_prototypes: 65536", "n_prototypes: [65536", "not YAML"),
    ],
)
def test_a_typo_in_the_yaml(stop, old, new, named):
    sentence = stop(old, new)
    assert "changed.yaml" in sentence and named in sentence and ": correct" in sentence


@pytest.mark.parametrize("line", ["gradient_clipper:", "train_csv: null", "prepare_options:"])
def test_a_setting_left_out_of_the_yaml(stop, line):
    assert f"lacks the setting {line.split(':')[0]}: add it" in stop(line, f"other_{line}")


@pytest.mark.parametrize("settings, named", [({"learning_rate": 1}, "learning_rate"), ({"head": {"dim": 1}}, "dim")])
def test_an_unknown_option(stop, settings, named):
    assert named in stop(**settings)


NET = TINY["embedding_model"]


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(embedding_model=dict(NET, channels=[8, 8, 8])), "embedding_model has 5 kernel_sizes for 3 channels"),
        (dict(embedding_model=dict(NET, kernel_sizes=[5, 3, 1])), "embedding_model has 3 kernel_sizes for 5 channels"),
        (dict(embedding_model=dict(NET, dilations=[1, 2, 0, 4, 1])), "embedding_model has dilations [1, 2, 0, 4, 1]"),
        (dict(embedding_model=dict(NET, res2net_scale=3)), "channels [8, 8, 8, 8, 24] and res2net_scale 3"),
        (dict(embedding_model=dict(NET, attention_channels=0)), "attention_channels is 0, and must be"),
        (dict(embedding_model=dict(NET, dilations=[1, 30, 1, 1, 1])), "embedding_model sees 30 frames to either side"),
        (dict(n_mels=0), "n_mels is 0, and must be"),
        (dict(f_max=10), "bands from f_min 0 to f_max 10 Hz, of which"),
        (dict(koleo_weight=1e30), "koleo_weight is 1e+30 (usual: 0 to 100): set it to what is usual"),
        (dict(consistency_weight=1e38), "consistency_weight is 1e+38 (usual: 0 to 100)"),
    ],
)
def test_what_cannot_be_trained_names_the_setting(stop, settings, said):
    sentence = stop(**settings)
    assert said in sentence and "lr" not in sentence.split("(")[0]


def test_a_placeholder_and_a_settings_file_that_is_not_there(tmp_path):
    tiny = options({**TINY, "output_folder": tmp_path / "run"})
    assert "data_folder" in run_script("train.py", "hparams/dino.yaml", *tiny).error()
    assert "absent.yaml cannot be read" in run_script("train.py", "absent.yaml", *tiny).error()


def test_a_device_that_is_not_there(corpus, tmp_path):
    arguments = training(tmp_path / "run", **corpus.lists)
    arguments[arguments.index("cpu")] = "abacus"
    assert "abacus" in run_script("train.py", *arguments).error()


def test_checkpoints_that_came_from_elsewhere(stop, whole, tmp_path):
    shutil.copytree(whole[0] / "save", tmp_path / "run" / "save")
    sentence = stop(n_prototypes=8)
    assert f"{tmp_path}/run holds checkpoints" in sentence and "give another output_folder" in sentence


def test_an_output_folder_that_cannot_be_made(stop, file_of):
    assert "given.txt" in stop(output_folder=file_of("") / "run")
    assert "given.txt" in stop(output_folder=file_of(""))


def test_an_encoder_folder_that_holds_something_else(corpus, tmp_path):
    (tmp_path / "run/encoder").mkdir(parents=True)
    (tmp_path / "run/encoder/thesis.tex").write_text("years of work")
    arguments = training(tmp_path / "run", **corpus.lists, number_of_epochs=2)
    assert "run holds encoder, which a run would replace" in run_script("train.py", *arguments).error()
    assert os.listdir(tmp_path / "run/encoder") == ["thesis.tex"]


def test_a_collapse(stop, tmp_path):
    sentence = stop(lr=0.0, lr_final=0.0, collapse_watch=dict(min_spread=9))
    assert "Training has collapsed: after epoch 2 the teacher gives every input the same" in sentence
    assert len((tmp_path / "run/epochs.csv").read_text().splitlines()) == 3
    kept = [path.read_text() for path in (tmp_path / "run/save").glob("CKPT*/CKPT.yaml")]
    assert sum("end-of-epoch: true" in text for text in kept) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without GPU")
def test_more_processes_than_gpus(stop, monkeypatch):
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    assert "start one for each GPU, or, to train on CPUs, give --distributed_backend=gloo" in stop()


def test_a_shell_sees_one_sentence_and_status_1(tmp_path):
    """The script itself, in a Python of its own."""
    arguments = training(tmp_path / "run", data_folder=tmp_path / "absent")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "train.py", *arguments]
    found = subprocess.run(command, cwd=RECIPE, env=environment, capture_output=True, text=True, timeout=200)
    assert found.returncode == 1 and "Traceback" not in found.stdout + found.stderr
    assert found.stderr.splitlines()[-1].startswith(f"error: The data folder {tmp_path}/absent does not exist")
