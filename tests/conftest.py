"""What the tests of training share: eight short noises on disk."""

import logging
import os
import signal

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.corpus.manifest import Manifest

# The first backward starts a thread for each device there is. torch.export adds one of its own, and a process with such
# threads has no children that can train: the tests of killed runs fork. So the first is here.
torch.ones(1, requires_grad=True).sum().backward()

# What is started in the background ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# fsync guards against power cuts, which no test has, and takes a tenth of the time of a short run.
os.fsync = lambda descriptor: None

collect_ignore_glob = ["end_to_end/two_ranks.py"]  # a script that starts a training, not a module with examples


@pytest.fixture(autouse=True)
def seeded():
    """A test draws the same numbers and logs the same lines whichever tests came before it in its process."""
    logging.getLogger().setLevel(logging.WARNING)
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def noises(tmp_path_factory):
    """The manifest of eight files of 0.25 s, each of its own loudness, from four speakers' sessions."""
    folder, rng = tmp_path_factory.mktemp("noises"), np.random.default_rng(0)
    paths = [folder / f"{i}.wav" for i in range(8)]
    for number, path in enumerate(paths):
        soundfile.write(path, rng.uniform(-0.1, 0.1, 4000) * (number + 1), 16000, subtype="PCM_16")
    sessions = [f"session{i // 2}" for i in range(8)]
    return Manifest([path.stem for path in paths], [str(path) for path in paths], [0] * 8, [4000] * 8, None, sessions)
