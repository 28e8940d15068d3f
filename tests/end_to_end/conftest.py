"""A corpus of 24 seconds, settings of the smallest size, and the scripts run as a user would, without a new Python."""

import contextlib
import io
import logging
import multiprocessing
import os
import re
import runpy
import signal
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import soundfile
import torch
import yaml

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.table import LabelTable
from speechbrain_cadino.training.brain import CadinoBrain

RECIPE = Path(__file__).parents[2] / "recipes/VoxCeleb/SSL_CADINO"
EPOCHS = 2
STEPS = 4  # in an epoch
TINY = dict(
    number_of_epochs=EPOCHS,
    warmup_epochs=1,
    batch_size=4,
    n_mels=20,
    embedding_dim=8,
    n_prototypes=16,
    freeze_last_layer_epochs=0,
    evaluate_every=1,
    retrieval_utterances=0,  # test_small.py has it
    crops=dict(global_seconds=0.4, local_seconds=0.2),
    embedding_model=dict(channels=[8, 8, 8, 8, 24], attention_channels=4, res2net_scale=2, se_channels=4),
    head=dict(hidden_dim=12, bottleneck_dim=6),
    loader_options=dict(num_workers=0),
)


class Outcome(NamedTuple):
    """How a script ended: exit status, and what it printed."""

    status: int
    out: str
    err: str

    def error(self):
        """The one sentence of a script that had to stop; fails if it was not one sentence."""
        assert self.status == 1 and "Traceback" not in self.out + self.err
        *_, last = lines = self.err.splitlines()
        assert last.startswith("error: ") and sum(line.startswith("error: ") for line in lines) == 1
        assert len(last) < 500
        return last


class Corpus(NamedTuple):
    """A folder with ``wav``, ``train_files.txt`` and ``trials.txt``, and the names of the files for training."""

    folder: Path
    names: list

    @property
    def lists(self):
        """The settings that name it in dino.yaml."""
        files = dict(data_folder="wav", file_list="train_files.txt", development_trials="trials.txt")
        return {name: self.folder / path for name, path in files.items()}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Sums are the same bit for bit only with the same number of threads; forked processes need a single one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_corpus(folder, talkers, utterances, samples, training, pairs):
    """Talkers of two sessions, a pulse train each, in noise; the first ``training`` files are for training."""
    rng = np.random.default_rng(0)
    names = [f"talker{t}/s{s}/{u}.wav" for t in range(talkers) for s in range(2) for u in range(utterances)]
    for name in names:
        path = folder / "wav" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pulses = np.sin(np.pi * (80 + 30 * int(name[6])) * np.arange(samples) / 16000) ** 8
        soundfile.write(path, 0.1 * pulses + 0.01 * rng.standard_normal(samples), 16000, subtype="PCM_16")
    (folder / "train_files.txt").write_text("\n".join(names[:training]))
    (folder / "trials.txt").write_text("".join(f"{label} {names[a]} {names[b]}\n" for label, a, b in pairs))
    return Corpus(folder, names[:training])


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Six talkers, the first four for training."""
    pairs = [(1, 16, 18), (1, 20, 22), (0, 16, 20), (0, 17, 22), (0, 19, 21)]
    return make_corpus(tmp_path_factory.mktemp("corpus"), 6, 2, 16000, training=16, pairs=pairs)


def options(settings):
    """Settings as options of a command line."""
    texts = {
        name: yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
        for name, value in settings.items()
        if not isinstance(value, Path)
    }
    return [text for name, value in settings.items() for text in (f"--{name}", texts.get(name, str(value)))]


def training(output, hparams="hparams/dino.yaml", **settings):
    """The arguments of train.py for a run of the smallest size."""
    return [hparams, "--device", "cpu", *options({**TINY, "output_folder": output, **settings})]


def run_script(script, *arguments, plots=False):
    """Run a script of the recipe in this process, from its own folder, and leave the process as it was.

    Without ``plots``, what takes longer than training at this size is left out: the plot, the report and the list of
    installed packages.
    """
    out, err = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(sys, "argv", [script, *map(str, arguments)]))
        stack.enter_context(mock.patch.object(sys, "path", [str(RECIPE), *sys.path]))
        stack.enter_context(pytest.MonkeyPatch.context()).chdir(RECIPE)
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        if not plots:
            stack.enter_context(mock.patch("speechbrain_cadino.training.history.History.plot"))
            stack.enter_context(mock.patch("speechbrain_cadino.dlg_lc.brain.DLGLCBrain._draw"))
            stack.enter_context(mock.patch("speechbrain_cadino.report.report_or_warn"))
            stack.enter_context(mock.patch("speechbrain.utils.logger.get_environment_description", lambda: ""))
        try:
            runpy.run_path(str(RECIPE / script), run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = stop.code
        finally:
            root.handlers[:], sys.excepthook = handlers, hook
            root.setLevel(level)
    # Runs of spaces become one: how wide a table's columns are is no concern of these tests.
    return Outcome(status, re.sub(" +", " ", out.getvalue()), err.getvalue())


def run_until_killed(kill, *arguments):
    """Run train.py in a forked process; ``kill()``, called there first, sees to it that it gets SIGKILL."""

    def child():
        torch.set_num_threads(1)  # makes PyTorch's pool anew: threads that do so at once can find none
        kill()
        run_script("train.py", *arguments)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(120)
    return process.exitcode


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def when_a_step_begins(step):
    """Patch the Brain to be killed at an optimiser step, in this process alone."""

    def patch():
        def on_fit_batch_start(self, batch, should_step):
            if self.optimizer_step == step:
                die()

        CadinoBrain.on_fit_batch_start = on_fit_batch_start

    return patch


def while_it_clusters():
    mock.patch.object(Clustering, "__call__", die).start()


def when_the_table_is_written():
    mock.patch.object(LabelTable, "write", die).start()


def weights(output, names=("student", "teacher", "dino_loss")):
    """What the newest checkpoint of a run holds of some recoverables."""
    newest = max((output / "save").glob("CKPT*"), key=lambda folder: folder.stat().st_mtime_ns)
    return {name: dict(torch.load(newest / f"{name}.ckpt", map_location="cpu")) for name in names}


def assert_same_weights(one, other, **names):
    torch.testing.assert_close(weights(one, **names), weights(other, **names), rtol=0, atol=0)


@pytest.fixture(scope="session")
def whole(corpus, tmp_path_factory):
    """A run from beginning to end with all that it leaves: its output folder and its outcome."""
    output = tmp_path_factory.mktemp("whole") / "run"
    outcome = run_script("train.py", *training(output, **corpus.lists), plots=True)
    assert outcome.status == 0, outcome
    return output, outcome
