import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus import store
from speechbrain_cadino.corpus.audio import AudioError
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.store import FileStore, MemoryStore
from speechbrain_cadino.utils import memory
from speechbrain_cadino.utils.errors import UserError


def test_memory_gives_the_bits_of_16_bit_files(manifest):
    files, kept = FileStore(manifest), MemoryStore(manifest)
    assert len(files) == len(kept) == len(manifest)
    for utterance, length in enumerate(files.lengths.tolist()):
        for start, stop in ((0, length), (length // 3, length // 2 + 1), (length - 1, length)):
            expected = files.read(utterance, start, stop)
            found = kept.read(utterance, start, stop)
            assert len(expected) == stop - start and found.dtype == np.float32 and (found == expected).all()


def test_rows_begin_at_their_start(manifest):
    whole, _ = soundfile.read(manifest.wavs[2], dtype="float32")
    assert (FileStore(manifest).read(2, 5, 25) == whole[15:35]).all()


def test_memory_rounds_finer_files_to_16_bits(tmp_path):
    wave = np.array([0.1, -0.2, 0.99999, -1.0, 1.0], np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 16000, subtype="FLOAT")
    found = MemoryStore(Manifest(["a"], [str(tmp_path / "a.wav")], [0], [5])).read(0, 0, 5)
    assert np.abs(found - np.minimum(wave, 32767 / 32768)).max() <= 0.5 / 32768


@pytest.mark.parametrize("kind", [FileStore, MemoryStore])
def test_bad_files_are_found_when_read(damaged, kind):
    damaged.stops[5] = 10000  # the file has 6000
    utterances = kind(damaged)
    for bad in (3, 7):
        with pytest.raises(AudioError, match=f"{bad}.wav"):
            utterances.read(bad, 0, 100)
    for start, stop in ((5000, 8000), (7000, 8000), (0, 10000)):
        with pytest.raises(AudioError, match="5.wav"):
            utterances.read(5, start, stop)
    assert len(utterances.read(6, 0, 6000)) == 6000


def test_too_large_a_corpus_is_refused_before_reading(manifest, monkeypatch):
    monkeypatch.setattr(store, "MEMORY_FRACTION", 1e-9)
    with pytest.raises(UserError, match="set preload to False"):
        MemoryStore(manifest)


def test_every_rank_of_the_machine_counts(manifest, monkeypatch):
    needed = 2 * int((manifest.stops - manifest.starts).sum())
    monkeypatch.setattr(store, "MEMORY_FRACTION", 1.0)
    monkeypatch.setattr(memory, "available_memory", lambda: 2 * needed)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    MemoryStore(manifest)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(UserError, match="on 3 ranks takes .* set preload to False"):
        MemoryStore(manifest)


@pytest.mark.parametrize("peak", [0.01, 0.9, 1.0, 1.5, 40.0])
@pytest.mark.parametrize("rate", [16000, 8000])
def test_memory_is_what_the_files_are_beyond_full_scale_too(tmp_path, peak, rate):
    wave = np.random.default_rng(0).uniform(-1, 1, 4000)
    wave *= peak / np.abs(wave).max()
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    length = 4000 * 16000 // rate
    manifest = Manifest(["a"], [str(tmp_path / "a.wav")], [0], [length])
    wanted = FileStore(manifest).read(0, 0, length)
    found = MemoryStore(manifest).read(0, 0, length)
    assert found.dtype == np.float32 and np.abs(wanted).max() > 0.8 * peak
    assert np.abs(found - wanted).max() <= 1.01 * max(np.abs(wanted).max(), 1) / 32767


@pytest.mark.parametrize("kind", [FileStore, MemoryStore])
def test_a_row_that_ends_after_its_file_is_told(tmp_path, kind):
    soundfile.write(tmp_path / "a.wav", np.full(4000, 0.1), 16000)
    store = kind(Manifest(["a", "b"], [str(tmp_path / "a.wav")] * 2, [0, 0], [9000, 4100]))
    with pytest.raises(AudioError, match="a.wav ends at 0.25 s, its row at 0.56 s: correct its row"):
        store.read(0, 0, 9000)
    assert len(store.read(1, 0, 4100)) == 4000, "rounding"
