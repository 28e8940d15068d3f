"""Settings of the YAML to sources of noise and rirs."""

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.augmentation.files import noise_from, rirs_from
from speechbrain_cadino.augmentation.noise import NoiseFiles, SimulatedNoise
from speechbrain_cadino.augmentation.rirs import RIRFiles, SimulatedRIRs
from speechbrain_cadino.corpus.store import FileStore, MemoryStore
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """Music of value 0.25 in MUSAN's layout, and a CSV that calls it speech."""
    (tmp_path / "musan/music").mkdir(parents=True)
    soundfile.write(tmp_path / "musan/music/a.wav", np.tile([0.25, -0.25], 400), 16000, subtype="PCM_16")
    (tmp_path / "noise.csv").write_text(f"ID,duration,wav,kind\na,0.05,{tmp_path}/musan/music/a.wav,speech\n")
    return tmp_path


def test_no_path_means_generated():
    assert isinstance(noise_from(), SimulatedNoise) and isinstance(noise_from(None), SimulatedNoise)
    assert isinstance(rirs_from(), SimulatedRIRs)


@pytest.mark.parametrize("path, kind", [("musan", "music"), ("noise.csv", "speech")])
@pytest.mark.parametrize("preload, store", [(False, FileStore), (True, MemoryStore)])
def test_a_folder_or_a_csv(folder, path, kind, preload, store):
    noise = noise_from(str(folder / path), preload)
    piece, found = noise(np.random.default_rng(0), 500)
    assert isinstance(noise, NoiseFiles) and isinstance(noise.store, store) and found == kind
    np.testing.assert_array_equal(np.abs(piece), np.full(500, 0.25, np.float32))
    rirs = rirs_from(folder / path, preload)
    assert isinstance(rirs, RIRFiles) and isinstance(rirs.store, store)
    np.testing.assert_array_equal(rirs(np.random.default_rng(0)), np.tile(np.float32([0.25, -0.25]), 400))


@pytest.mark.parametrize("make", [noise_from, rirs_from])
@pytest.mark.parametrize("path", ["absent", "absent.csv", "empty"])
def test_nothing_there(folder, make, path):
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match=path):
        make(folder / path)
