"""Ctrl-C, SIGTERM and a disk that takes no more: one line, the status, and the same command goes on."""

import contextlib
import multiprocessing.pool
import os
import re
import resource
import signal
import subprocess
import sys
import time
from unittest import mock

import pytest
import torch

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.encoder import embed, export
from speechbrain_cadino.training.brain import CadinoBrain
from speechbrain_cadino.training.development import DevelopmentList
from tests.end_to_end.conftest import RECIPE, STEPS, assert_same_weights, run_script, training
from tests.end_to_end.test_resume import rows
from tests.end_to_end.test_two_ranks import free_port

SIGNALS = [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]


def send(signum):
    os.kill(os.getpid(), signum)
    time.sleep(0.01)  # the handler comes between two instructions


def before(owner, name, act, times=1):
    """Patch a function so that ``act`` is called before its ``times``-th call."""
    original, calls = getattr(owner, name), []

    def patched(*arguments, **settings):
        calls.append(1)
        if len(calls) == times:
            act()
        return original(*arguments, **settings)

    mock.patch.object(owner, name, patched).start()


def forked(patch, script, *arguments):
    """Run a script in a forked process that ``patch()`` has changed; its outcome."""

    def child(pipe):
        torch.set_num_threads(1)  # as in `run_until_killed`
        patch()
        pipe.send(run_script(script, *arguments))

    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=child, args=[theirs])
    process.start()
    assert ours.poll(200)
    outcome = ours.recv()
    process.join(20)
    assert process.exitcode == 0
    return outcome


def last_line(outcome, status):
    """What a program that was stopped says, one line."""
    assert outcome.status == status and "Traceback" not in outcome.out + outcome.err, outcome
    lines = outcome.err.strip().splitlines()
    assert sum("the same command goes on" in line for line in lines) == 1
    return lines[-1]


@pytest.mark.parametrize("signum, status, name", SIGNALS)
@pytest.mark.parametrize(
    "call, told",
    [
        (2, "stopped at step 2 of epoch 1, saved"),
        (STEPS, f"stopped at step {STEPS} of epoch 1, saved"),
        (STEPS + 3, "stopped at step 3 of epoch 2, saved"),
    ],
)
def test_in_a_step(whole, corpus, tmp_path, signum, status, name, call, told):
    arguments = training(tmp_path / "run", **corpus.lists)
    patch = lambda: before(CadinoBrain, "on_fit_batch_start", lambda: send(signum), call)  # noqa: E731
    outcome = forked(patch, "train.py", *arguments)
    assert last_line(outcome, status) == f"{told} ({name}): the same command goes on."
    again = run_script("train.py", *arguments)
    assert again.status == 0
    assert_same_weights(whole[0], tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole[0])


@pytest.mark.parametrize(
    "owner, name, times, told",
    [
        (DevelopmentList, "evaluation", 1, "stopped in the evaluation of epoch 1, its steps saved"),
        (DevelopmentList, "evaluation", 3, "stopped"),  # of the exported encoder
        (embed, "_forward", 1, "stopped in the evaluation of epoch 1, its steps saved"),
        (export, "_check", 1, "stopped"),
    ],
)
def test_between_the_steps(whole, corpus, tmp_path, owner, name, times, told):
    arguments = training(tmp_path / "run", **corpus.lists)
    outcome = forked(lambda: before(owner, name, lambda: send(signal.SIGINT), times), "train.py", *arguments)
    assert last_line(outcome, 130) == f"{told} (Ctrl-C): the same command goes on."
    assert not (tmp_path / "run/encoder").exists() and not list((tmp_path / "run").glob(".*"))
    assert run_script("train.py", *arguments).status == 0
    assert_same_weights(whole[0], tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole[0])


def test_while_it_clusters(corpus, tmp_path):
    clusters = dict(cluster_start_epoch=1, cluster_every=1, n_clusters=3)
    arguments = training(tmp_path / "run", "hparams/ca_dino.yaml", **corpus.lists, **clusters)
    outcome = forked(lambda: before(Clustering, "__call__", lambda: send(signal.SIGTERM)), "train.py", *arguments)
    assert last_line(outcome, 143) == "stopped (SIGTERM): the same command goes on."
    assert run_script("train.py", *arguments).status == 0


@pytest.mark.parametrize("script", ["verify.py", "prepare.py"])
def test_the_other_scripts(whole, corpus, tmp_path, script):
    arguments = {
        "verify.py": ["--encoder", whole[0] / "encoder", "--data_folder", corpus.lists["data_folder"]]
        + ["--trials", corpus.lists["development_trials"], "--output_folder", tmp_path / "out"],
        "prepare.py": ["--data_folder", corpus.lists["data_folder"], "--save_folder", tmp_path / "out"],
    }[script]
    patch = {
        "verify.py": lambda: before(embed, "_forward", lambda: send(signal.SIGINT)),
        "prepare.py": lambda: before(multiprocessing.pool.ThreadPool, "imap", lambda: send(signal.SIGINT)),
    }[script]
    assert last_line(forked(patch, script, *arguments), 130) == "stopped (Ctrl-C): the same command goes on."
    assert run_script(script, *arguments).status == 0


def limit_files():
    """A disk that takes no large files stands for one that takes none."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("moment", ["checkpoint", "from the start"])
def test_a_disk_that_takes_no_more(corpus, tmp_path, moment):
    arguments = training(tmp_path / "run", **corpus.lists)
    patch = limit_files if moment == "from the start" else lambda: before(CadinoBrain, "on_stage_end", limit_files)
    outcome = forked(patch, "train.py", *arguments)
    sentence = outcome.error()
    assert (
        "cannot be written, a file may not become so large here" in sentence and "the same command goes on" in sentence
    )
    assert not list((tmp_path / "run/save").glob("CKPT*"))
    assert run_script("train.py", *arguments).status == 0


def start(command, **settings):
    """A process in a group of its own, as a terminal gives a signal to."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=RECIPE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, **settings,
    )  # fmt: skip


def wait_for(path, process):
    deadline = time.time() + 150
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.time() < deadline
        time.sleep(0.05)


def nobody_is_left(group):
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return False


LONG = dict(number_of_epochs=200, evaluate_every=1000, keep_checkpoints=10)


@pytest.mark.parametrize("signum, status, name", SIGNALS)
def test_a_terminal_stops_main_and_worker_processes(corpus, tmp_path, signum, status, name):
    settings = {**corpus.lists, **LONG, "development_trials": None, "loader_options": dict(num_workers=4)}
    process = start([sys.executable, "train.py", *training(tmp_path / "run", **settings), "--noprogressbar"])
    wait_for(tmp_path / "run/epochs.csv", process)
    began = time.time()
    os.killpg(process.pid, signum)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status and "Traceback" not in out + err, err
    assert re.fullmatch(
        rf"stopped (at step \d of|after) epoch \d+, saved \({name}\): .* goes on\.", err.splitlines()[-1]
    )
    assert nobody_is_left(process.pid)
    assert time.time() - began < 15  # PyTorch alone would wait 5 s for each worker


@pytest.mark.parametrize("signum, all_of_them", [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_two_ranks(corpus, tmp_path, signum, all_of_them):
    """A terminal reaches torchrun and the ranks; a job's manager torchrun alone, which tells the ranks."""
    settings = {**corpus.lists, **LONG, "development_trials": None}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}"]
    arguments = training(tmp_path / "run", **settings)
    process = start([*launcher, "train.py", *arguments, "--noprogressbar", "--distributed_backend", "gloo"])
    wait_for(tmp_path / "run/epochs.csv", process)
    (os.killpg if all_of_them else os.kill)(process.pid, signum)
    _, err = process.communicate(timeout=100)
    ours = [line for line in err.splitlines() if line.startswith("stopped ")]
    assert len(ours) == 1 and ", saved " in ours[0] and process.returncode, err
    assert (
        'File "' not in err.replace("torch/distributed", "").partition("SignalException")[0].partition("Traceback")[0]
    )
    assert nobody_is_left(process.pid)
    assert list((tmp_path / "run/save").glob("CKPT*"))


# Sends itself a signal when it begins to import a module; or says when it begins, for somebody else to send one.
IMPORTING = """
import os, runpy, sys
script, module, signum, *sys.argv[1:] = sys.argv[1:]
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), int(signum))
sys.meta_path.insert(0, Finder())
sys.argv[0] = script
sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
print("begun", flush=True)
runpy.run_path(script, run_name="__main__")
"""
BENCHMARKS = RECIPE.parents[2] / "benchmarks"


LISTS = ["--encoder", "e", "--data_folder", "d", "--trials", "t"]
PACKAGE = RECIPE.parents[2] / "speechbrain_cadino/__main__.py"


@pytest.mark.parametrize("signum, status, name", SIGNALS)
@pytest.mark.parametrize(
    "script, module, arguments",
    [
        ("train.py", "speechbrain", ["--help"]),
        ("train.py", "torch", ["--help"]),
        ("train.py", "speechbrain_cadino.training.experiment", ["--help"]),
        ("verify.py", "click", ["--help"]),
        ("verify.py", "numpy", LISTS),  # a command imports what is heavy when it runs
        ("demo.py", "speechbrain_cadino.verification.scoring", ["--help"]),
        ("prepare.py", "numpy", ["--help"]),
        (str(BENCHMARKS / "sweep.py"), "sweep_table", ["--help"]),
        (str(PACKAGE), "click", ["--help"]),
        (str(PACKAGE), "numpy", ["verify", *LISTS]),
        (str(PACKAGE), "numpy", ["embed", "d", "--encoder", "e", "-o", "x.csv"]),
    ],
)
def test_while_it_imports(script, module, arguments, signum, status, name):
    process = start([sys.executable, "-c", IMPORTING, script, module, str(int(signum)), *arguments])
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, "begun\n", f"stopped ({name}): the same command goes on.\n")


@pytest.mark.parametrize("seconds", [0.3, 1, 3])
def test_some_time_after_it_began(corpus, tmp_path, seconds):
    arguments = training(tmp_path / "run", **{**corpus.lists, **LONG})
    process = start([sys.executable, "-c", IMPORTING, "train.py", "no module", "0", *arguments])
    assert process.stdout.readline() == "begun\n"
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.splitlines()[-1].endswith("(Ctrl-C): the same command goes on."), err
    assert "Traceback" not in err and nobody_is_left(process.pid)
