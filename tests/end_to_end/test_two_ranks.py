"""Two processes on a CPU: ``torchrun --nproc_per_node=2 train.py HPARAMS --distributed_backend=gloo``."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from speechbrain_cadino.faces.load import load_face_encoder
from tests.end_to_end import test_dlg_lc, test_faces, test_modalities
from tests.end_to_end.conftest import EPOCHS, RECIPE, STEPS, training
from tests.end_to_end.vectors import write_vectors

CLUSTERS = dict(cluster_start_epoch=1, cluster_every=1, n_clusters=3)
ACCUMULATED = 2  # batches in a step of two modalities
QUIET = dict(train_loggers=dict(tensorboard=None), ckpt_interval_minutes=0, ckpt_interval_steps=3)


class Run(NamedTuple):
    """The output folder, what the processes printed, and what each had learnt."""

    output: Path
    printed: str
    learnt: list


def free_port():
    """For torchrun, not by its --standalone, which asks that the machine's name resolves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(folder, arguments):
    """Two processes, to their end."""
    script = [str(Path(__file__).with_name("two_ranks.py")), str(folder), *arguments, "--distributed_backend", "gloo"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run([*launcher, *script], env=environment, capture_output=True, text=True, timeout=300)


def launch(folder, output, arguments):
    """Two processes, which leave what they have learnt in ``folder``."""
    found = start(folder, arguments)
    assert found.returncode == 0, found.stderr[-6000:]
    return Run(output, re.sub(" +", " ", found.stdout), [torch.load(folder / f"rank-{rank}.pt") for rank in range(2)])


@pytest.fixture(scope="module", params=["dino", "ca_dino"])
def run(request, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    settings = {**corpus.lists, **QUIET, **(CLUSTERS if request.param == "ca_dino" else {})}
    return launch(folder, folder / "run", training(folder / "run", f"hparams/{request.param}.yaml", **settings))


@pytest.fixture(scope="module")
def stage_2(tmp_path_factory):
    """Two iterations from the true labels, gate and correction at work."""
    folder = tmp_path_factory.mktemp("ranks")
    corpus = test_dlg_lc.many_utterances(folder)
    (folder / "labels").write_text("".join(f"{name} {name[:7]}\n" for name in corpus.names))
    arguments = test_dlg_lc.command(corpus, folder / "run", labels=folder / "labels", retrieval_utterances=20, **QUIET)
    return launch(folder, folder / "run/iteration_2", arguments)


@pytest.fixture(scope="module")
def two_modalities(tmp_path_factory):
    """From the true labels, with so few faces that a rank often has too few, in steps of two batches."""
    folder = tmp_path_factory.mktemp("ranks")
    corpus = test_dlg_lc.many_utterances(folder)
    (folder / "labels").write_text("".join(f"{name} {name[:7]}\n" for name in corpus.names))
    hparams = folder / "dlg_lc_two.yaml"
    base = f"base: {RECIPE / 'hparams/dlg_lc.yaml'}\n"
    hparams.write_text(base + test_modalities.SHARED + test_modalities.TRAINED + test_modalities.GATE)
    faces = write_vectors(folder / "faces", corpus.names[:40])
    settings = dict(labels=folder / "labels", face_folder=faces, gate_rule="and", correction="mean", n_iterations=2)
    settings |= dict(grad_accumulation_factor=ACCUMULATED, batch_size=8, **QUIET)
    settings["ckpt_interval_steps"] = 0
    arguments = test_dlg_lc.command(corpus, folder / "run", str(hparams), **settings)
    return launch(folder, folder / "run/iteration_2", arguments)


@pytest.fixture(scope="module")
def voices_and_faces(tmp_path_factory):
    """From the true labels; the second iteration embeds voices and faces, compensated, on both ranks."""
    folder = tmp_path_factory.mktemp("ranks")
    corpus = test_dlg_lc.many_utterances(folder)
    (folder / "labels").write_text("".join(f"{name} {name[:7]}\n" for name in corpus.names))
    faces = test_faces.write_faces(folder / "faces", {name.rpartition("/")[0] for name in corpus.names})
    settings = dict(labels=folder / "labels", number_of_epochs=2, correction_start_epoch=2, **QUIET)
    return launch(folder, folder / "run/iteration_2", test_faces.av(corpus, folder / "run", faces, **settings))


def assert_ranks_agree(learnt):
    """What they have learnt in common."""
    first, second = map(dict, learnt)
    classes = first["classes"]
    assert first.pop("classes") == second.pop("classes") == classes
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert "DistributedDataParallel" in classes and "SyncBatchNorm" not in classes
    return first


def assert_written_once(run, utterances, epochs, trainings=1):
    assert len(re.findall(rf"\b{utterances} utterances, \d\.\d+ h, in ", run.printed)) == 1
    assert run.printed.count("The corpus: ") == 1 and run.printed.count("Did it learn?") == trainings
    assert run.printed.count("The encoder is in") == run.printed.count("| epoch |") == trainings
    assert len((run.output / "epochs.csv").read_text().splitlines()) == 1 + epochs
    assert len((run.output / "train_log.txt").read_text().splitlines()) == epochs
    assert (run.output / "encoder/encoder.json").is_file()


def test_the_ranks_agree(run):
    learnt = assert_ranks_agree(run.learnt)
    assert learnt["steps"] == EPOCHS * STEPS  # the batch is that of all ranks together
    assert learnt["clusters"] is None or len(learnt["clusters"].unique()) > 1


def test_output_is_written_once(run):
    assert_written_once(run, 16, EPOCHS)


def test_two_ranks_learn_about_what_one_does(run, whole):
    """Not the same: on CPUs each rank's batch norm sees its own items alone."""
    alone = [line.split(",")[1] for line in (whole[0] / "epochs.csv").read_text().splitlines()[1:]]
    together = [row["loss"] for row in run.learnt[0]["history"]]
    assert [float(loss) for loss in alone] == pytest.approx(together, rel=0.5)


def test_stage_2_on_two_ranks(stage_2):
    learnt = assert_ranks_agree(stage_2.learnt)
    assert learnt["steps"] == test_dlg_lc.EPOCHS * test_dlg_lc.STEPS
    assert learnt["threshold"] < float("inf") and "fraction_corrected" in learnt["history"][-1]
    start, *_, last = learnt["history"]
    assert start["epoch"] == 0 and {"half_rank", "half_retrieval"} <= set(start) & set(last)  # rank 0 told rank 1
    assert_written_once(stage_2, 64, 1 + test_dlg_lc.EPOCHS, trainings=2)
    assert len((stage_2.output.parent / "iterations.csv").read_text().splitlines()) == 3


def test_two_modalities_on_two_ranks(two_modalities):
    learnt = assert_ranks_agree(two_modalities.learnt)
    last = learnt["history"][-1]
    assert learnt["steps"] == test_dlg_lc.EPOCHS * test_dlg_lc.STEPS // ACCUMULATED
    assert 0 < last["face_fraction_skipped"] < 1 and last["fraction_skipped"] == 0
    assert {"face_encoder.module.0.weight", "face_classifier.module.weight"} <= set(learnt["modules"])
    output = two_modalities.output
    assert (output / "face_encoder/weights.pt").is_file()
    assert "steps were made without face" in (output.parent / "log.txt").read_text()


def test_voices_and_faces_on_two_ranks(voices_and_faces):
    learnt = assert_ranks_agree(voices_and_faces.learnt)
    assert any(name.startswith("face_encoder.module.embedding_model") for name in learnt["modules"])
    for number in (1, 2):
        load_face_encoder(voices_and_faces.output.parent / f"iteration_{number}/face_encoder")
    assert len(re.findall("6[04] of 64 utterances have a face", voices_and_faces.printed)) == 1


def test_another_run_ends_on_all_ranks_with_one_sentence(run, corpus):
    if "clusters" in {path.name for path in run.output.iterdir()}:
        pytest.skip("one kind is enough")
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.output.rglob("*") if path.is_file()}
    arguments = training(run.output, **{**corpus.lists, **QUIET, "lr": 9.0})
    found = start(run.output.parent, arguments)
    assert found.returncode != 0
    errors = [line for line in found.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "begun with lr 0.003125, and now it is 9" in errors[0]
    again = start(run.output.parent, training(run.output, **{**corpus.lists, **QUIET}))
    assert again.returncode == 0 and again.stdout.count("is finished: nothing was done") == 1
    assert before == {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.output.rglob("*") if path.is_file()
    }
