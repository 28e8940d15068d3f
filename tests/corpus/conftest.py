"""A small corpus of noise in VoxCeleb's layout, and the recipe's prepare module."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

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
