"""A small corpus of noise in VoxCeleb's layout, and the recipe's prepare module."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.manifest import Manifest

SAMPLES = [1, 700, 3000, 4000, 5000, 8000, 20000, 40000, 64000, 16000, 17000]
RECIPE = Path(__file__).parents[2] / "recipes" / "VoxCeleb" / "SSL_CADINO"


@pytest.fixture
def voxceleb(tmp_path):
    """Folder ``vox`` with wav/id0..id2 / v0, v1 / 0.wav, 1.wav: twelve files of 1.5 s."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "vox"
    for speaker in range(3):
        for session in range(2):
            parent = folder / "wav" / f"id{speaker}" / f"v{session}"
            parent.mkdir(parents=True)
            for utterance in range(2):
                soundfile.write(parent / f"{utterance}.wav", rng.uniform(-0.3, 0.3, 24000), 16000)
    return folder


@pytest.fixture(scope="session")
def prepare():
    """The module recipes/VoxCeleb/SSL_CADINO/prepare.py."""
    spec = importlib.util.spec_from_file_location("ssl_cadino_prepare", RECIPE / "prepare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_corpus(folder, lengths, first=0, rate=16000):
    """One 16-bit wav a length; rows that leave out ``first`` samples at the start."""
    rng = np.random.default_rng(0)
    paths = [str(folder / f"{i}.wav") for i in range(len(lengths))]
    for path, length in zip(paths, lengths):
        soundfile.write(path, rng.uniform(-0.5, 0.5, length + first), rate, subtype="PCM_16")
    stops = [length + first for length in lengths]
    return Manifest([str(i) for i in range(len(lengths))], paths, [first] * len(lengths), stops)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    """Utterances of 1 to 64000 samples, each beginning 10 samples into its file."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), SAMPLES, first=10)


@pytest.fixture()
def damaged(tmp_path):
    """Twelve utterances, of which 3 is absent and 7 is no audio."""
    manifest = write_corpus(tmp_path, [6000] * 12)
    (tmp_path / "3.wav").unlink()
    (tmp_path / "7.wav").write_bytes(b"not audio")
    return manifest
