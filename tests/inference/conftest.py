"""A tiny exported encoder and a few files of speech-like noise."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.encoder.export import export_encoder
from tests.encoder.conftest import tiny_encoder


@pytest.fixture(scope="session")
def net():
    torch.manual_seed(0)
    return tiny_encoder()


@pytest.fixture(scope="session")
def mean():
    return np.random.default_rng(0).standard_normal(12).astype(np.float32)


@pytest.fixture(scope="session")
def folder(tmp_path_factory, net, mean):
    return export_encoder(net, tmp_path_factory.mktemp("exported") / "encoder", mean, threshold=0.4)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder with a.wav, b.flac, ... of six lengths, rates and formats, and four bad files."""
    data, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    files = [("a.wav", 16000, 1), ("b.flac", 8000, 1), ("c.ogg", 44100, 2)]
    files += [("d.wav", 48000, 2), ("e.opus", 48000, 1), ("f.wav", 16000, 1)]
    for number, (name, rate, channels) in enumerate(files):
        # Noise through a filter of its own, so that files differ as voices do.
        noise = rng.standard_normal((int(rate * (0.5 + 0.3 * number)), channels))
        colour = np.cumsum(noise, axis=0) if number % 2 else noise
        settings = dict(format="OGG", subtype="OPUS") if name.endswith("opus") else {}
        soundfile.write(data / name, 0.3 * colour / np.abs(colour).max(), rate, **settings)
    soundfile.write(data / "silent.wav", np.zeros(16000), 16000)
    soundfile.write(data / "short.wav", 0.1 * rng.standard_normal(800), 16000)
    (data / "empty.wav").write_bytes(b"")
    (data / "text.wav").write_text("not audio")
    return data
