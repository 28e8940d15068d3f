"""A folder of the hub's local cache, whose files are links into ``blobs``, loaded without network."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.inference import SpeakerEncoder
from speechbrain_cadino.publish.card import write_card

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOAD = """
import socket, sys
def refuse(*args, **options): raise OSError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from huggingface_hub import snapshot_download
cache, wav, result = sys.argv[1:]
folder = snapshot_download("somebody/encoder", local_files_only=True, cache_dir=cache)
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain_cadino.inference import SpeakerEncoder
ours = SpeakerEncoder.from_folder(folder)
plain = EncoderClassifier.from_hparams(source=folder)
wave = plain.load_audio(wav).unsqueeze(0)
np.savez(result, ours=ours.encode_files([wav]), plain=plain.encode_batch(wave)[:, 0], threshold=ours.threshold)
"""


def as_cached(folder, cache):
    """Lay a folder out as ``hf download`` does."""
    repository = cache / "models--somebody--encoder"
    snapshot = repository / "snapshots" / COMMIT
    for made in (snapshot, repository / "blobs", repository / "refs"):
        made.mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    for path in folder.iterdir():
        blob = hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copy(path, repository / "blobs" / blob)
        (snapshot / path.name).symlink_to(f"../../blobs/{blob}")
    return snapshot


def test_from_the_local_cache(encoder_folder, tmp_path):
    write_card(encoder_folder)
    wav = tmp_path / "a.wav"
    soundfile.write(wav, 0.1 * np.random.default_rng(0).standard_normal(20001), 16000, subtype="PCM_16")
    wanted = SpeakerEncoder.from_folder(encoder_folder).encode_files([wav]).numpy()
    snapshot = as_cached(encoder_folder, tmp_path / "cache")
    assert all(path.is_symlink() for path in snapshot.iterdir()) and (snapshot / "README.md").is_file()
    before = {path: path.lstat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")}
    shutil.rmtree(encoder_folder)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    arguments = [str(tmp_path / "cache"), str(wav), str(tmp_path / "result.npz")]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "result.npz")
    np.testing.assert_allclose(found["ours"], wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["plain"], wanted, rtol=0, atol=1e-4)
    assert found["threshold"] == pytest.approx(0.31)
    assert {path: path.lstat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")} == before
