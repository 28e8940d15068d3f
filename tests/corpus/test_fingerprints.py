"""Files are told apart by what they hold."""

import os

import numpy as np
import pytest

from speechbrain_cadino.corpus import fingerprints
from speechbrain_cadino.corpus.fingerprints import (
    content_hash,
    file_fingerprints,
    files_digest,
    folder_digest,
    manifest_contents,
)
from speechbrain_cadino.corpus.manifest import Manifest


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in (("a", 40_000), ("b", 40_000), ("small", 100), ("empty", 0)):
        (tmp_path / name).write_bytes(rng.bytes(size))
    return [str(tmp_path / name) for name in ("a", "b", "small", "empty")]


@pytest.mark.parametrize("whole", [True, False])
def test_contents_decide_and_not_names_or_times(files, tmp_path, whole):
    found, _ = file_fingerprints(files, whole)
    assert len(set(found.tolist())) == 4 and "" not in found.tolist()
    (tmp_path / "moved").mkdir()
    os.rename(files[0], tmp_path / "moved/x")
    os.utime(files[1], (0, 0))
    again, _ = file_fingerprints([str(tmp_path / "moved/x"), *files[1:], files[1]], whole)
    assert again.tolist() == [*found.tolist(), found[1]]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("row", range(4))
def test_a_file_replaced_by_another_one(files, row, whole):
    before, status = file_fingerprints(files, whole)[0].tolist(), os.stat(files[row])
    with open(files[row], "wb") as file:
        file.write(np.random.default_rng(1).bytes(status.st_size or 1))
    os.utime(files[row], ns=(status.st_atime_ns, status.st_mtime_ns))
    after = file_fingerprints(files, whole)[0].tolist()
    assert [one != other for one, other in zip(before, after)] == [number == row for number in range(4)]


@pytest.mark.parametrize("place", [0, 5_000, 20_000, 39_999])
def test_of_a_small_corpus_every_byte_counts(files, place):
    before, whole = file_fingerprints(files)
    assert whole
    with open(files[0], "r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    assert file_fingerprints(files, whole)[0][0] != before[0]


def test_of_a_large_corpus_little_is_read(files, monkeypatch):
    monkeypatch.setattr(fingerprints, "WHOLE_BYTES", 80_000)
    assert not file_fingerprints(files)[1] and file_fingerprints(files[1:])[1]
    read, real = [], os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, offset: read.append((size, offset)) or real(file, size, offset))
    file_fingerprints(files[:1], whole=False)
    assert sum(size for size, _ in read) == 4 * 1024 and read[0][1] == 0 and sum(read[-1]) == 40_000


def test_a_file_that_is_not_there(files, tmp_path):
    assert file_fingerprints([str(tmp_path / "absent"), str(tmp_path)])[0].tolist() == [""] * 2
    assert files_digest(files) != files_digest(files[::-1])


def test_the_listing_of_a_folder(tmp_path):
    (tmp_path / "noise/deep").mkdir(parents=True)
    (tmp_path / "noise/a.wav").write_bytes(b"1234")
    (tmp_path / "noise/deep/b.wav").write_bytes(b"12")
    (tmp_path / "noise/deep/up").symlink_to(tmp_path / "noise")
    first = folder_digest(tmp_path / "noise")
    (tmp_path / "noise").rename(tmp_path / "moved")
    (tmp_path / "moved/deep/up").unlink()
    (tmp_path / "moved/deep/up").symlink_to(tmp_path / "moved")
    assert folder_digest(tmp_path / "moved") == first
    (tmp_path / "moved/a.wav").write_bytes(b"123")
    assert folder_digest(tmp_path / "moved") != first
    (tmp_path / "moved/a.wav").rename(tmp_path / "moved/c.wav")
    (tmp_path / "moved/c.wav").write_bytes(b"1234")
    assert folder_digest(tmp_path / "moved") != first
    last = folder_digest(tmp_path / "moved")
    (tmp_path / "moved/c.wav").write_bytes(b"1235")  # of equal length
    assert folder_digest(tmp_path / "moved") != last
    assert folder_digest(tmp_path / "noise") is None


def test_known_contents_are_not_looked_up(files):
    manifest = Manifest(list("abcd"), files, [0] * 4, [9] * 4)
    whole = manifest_contents(manifest)
    assert whole[0].tolist() == [content_hash(path) for path in files] and whole[1]
    manifest.contents = whole[0].copy()
    manifest.contents[1] = ""
    manifest.wavs[0] = "gone"
    assert manifest_contents(manifest)[0].tolist() == whole[0].tolist()
