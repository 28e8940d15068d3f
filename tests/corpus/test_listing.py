"""Which files of a folder or list are looked at, in which order, and what is said of the others."""

import os

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.listing import list_folder, list_paths, read_file_list
from speechbrain_cadino.corpus.manifest import read_manifest, write_manifest
from speechbrain_cadino.corpus.scan import scan_corpus
from speechbrain_cadino.corpus.suffixes import AUDIO_SUFFIXES, UNREADABLE_SUFFIXES
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.text import in_words

WAVE = np.random.default_rng(0).uniform(-0.3, 0.3, 24000)


def make(folder, *names):
    for name in names:
        path = os.path.join(os.fsencode(folder), name if isinstance(name, bytes) else os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:  # soundfile takes no name that is not UTF-8
            soundfile.write(file, WAVE, 16000, format="WAV")


FORMATS = {
    "wav": "WAV", "flac": "FLAC", "ogg": "OGG", "mp3": "MP3", "sph": "NIST", "nist": "NIST", "aiff": "AIFF",
    "aifc": "AIFF", "au": "AU", "snd": "AU", "w64": "W64", "rf64": "RF64", "caf": "CAF", "voc": "VOC", "avr": "AVR",
    "ircam": "IRCAM", "sf": "IRCAM", "paf": "PAF", "svx": "SVX", "pvf": "PVF", "htk": "HTK", "mat4": "MAT4",
    "mat5": "MAT5", "wavex": "WAVEX", "mp2": "MP3", "sds": "SDS", "WAV": "WAV", "Flac": "FLAC",
}  # fmt: skip


def test_every_format_of_libsndfile_is_used(tmp_path):
    for suffix, format_ in FORMATS.items():
        soundfile.write(tmp_path / f"{format_}.{suffix}", WAVE, 16000, format=format_)
    scan = scan_corpus(tmp_path)
    assert scan.rejected == [] and len(scan.manifest) == len(FORMATS)
    assert np.abs(scan.manifest.durations - 1.5).max() < 0.1


def test_what_libsndfile_cannot_read_is_listed_with_the_reason(tmp_path):
    make(tmp_path, "good.wav")
    for suffix in UNREADABLE_SUFFIXES:
        (tmp_path / f"a{suffix.upper()}").write_bytes(b"whatever" * 100)
    (tmp_path / "good.wma").touch()  # converted already
    rejected = dict(scan_corpus(tmp_path).rejected)
    assert len(rejected) == len(UNREADABLE_SUFFIXES)
    assert all("convert it" in reason for reason in rejected.values())
    assert "a.AMR" in rejected and "a.RAW" in rejected and "has no header" in rejected["a.VOX"]
    assert not set(UNREADABLE_SUFFIXES) & set(AUDIO_SUFFIXES)
    assert list_folder(tmp_path).ignored == {"converted already": 1}


@pytest.mark.parametrize("suffix", [".m4a", ".wma", ".raw"])
def test_none_but_such_as_must_be_converted(tmp_path, suffix):
    (tmp_path / f"a{suffix}").touch()
    with pytest.raises(UserError, match=f"All 1 audio files .* are {suffix}, .*convert"):
        list_folder(tmp_path)


def test_other_files_are_counted(tmp_path):
    make(tmp_path, "a.wav")
    for name in ("b", "c", "notes.txt", "d.zip", ".DS_Store", "x/README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert in_words(list_folder(tmp_path).ignored) == "3 without suffix, 1 .txt, 1 .zip, 1 hidden"
    (tmp_path / "a.wav").unlink()
    with pytest.raises(UserError, match="No audio .*, only 3 without suffix, 1 .txt"):
        list_folder(tmp_path)


NAMES = [
    'co,mma "quoted".wav',
    "# hash.wav",
    " blank.wav",
    "blank /1 .wav",
    "\u00e9\U0001f600.wav",
    "a.wav",
    "A.WAV",
    "-x.wav",
]


def test_strange_names_come_through_the_csv(tmp_path):
    make(tmp_path / "data", *NAMES)
    manifest = scan_corpus(tmp_path / "data").manifest
    assert manifest.ids.tolist() == sorted(NAMES)
    write_manifest(manifest, tmp_path / "train.csv", tmp_path / "data")
    found = read_manifest(tmp_path / "train.csv", tmp_path / "data")
    assert found.ids.tolist() == sorted(NAMES) and found.wavs.tolist() == manifest.wavs.tolist()
    assert all(os.path.isfile(wav) for wav in found.wavs)


BAD_NAMES = {b"caf\xe9.wav": "caf\\xe9.wav", b"d\xe9r/1.wav": "d\\xe9r/1.wav", b"a\nb.wav": "a\\nb.wav"}


def test_names_that_cannot_be_written_are_set_aside(tmp_path):
    make(tmp_path, "good.wav", *BAD_NAMES)
    scan = scan_corpus(tmp_path)
    assert scan.manifest.ids.tolist() == ["good.wav"]
    assert {path for path, _ in scan.rejected} == set(BAD_NAMES.values())
    assert all("rename it" in reason for _, reason in scan.rejected)


def test_such_names_in_a_list(tmp_path):
    make(tmp_path, "good.wav", b"caf\xe9.wav")
    (tmp_path / "list").write_bytes(b"caf\xe9.wav\n\xef\xbb\xbfgood.wav\ngood.wav")
    scan = scan_corpus(tmp_path, tmp_path / "list")
    assert scan.manifest.ids.tolist() == ["good.wav"] and len(scan.rejected) == 2


def test_blanks_at_the_ends_of_a_line_belong_to_a_name_that_is_there(tmp_path):
    make(tmp_path, "a.wav", " b.wav")
    (tmp_path / "list").write_text(" a.wav \n b.wav\n c.wav\n")
    assert read_file_list(tmp_path / "list", tmp_path) == ["a.wav", " b.wav", "c.wav"]
    (tmp_path / "list").write_text("a\x0bb.wav\u2028c.wav\n")  # no line ends
    assert read_file_list(tmp_path / "list") == ["a\x0bb.wav\u2028c.wav"]


def test_one_file_counts_once(tmp_path):
    make(tmp_path, "a.wav", "b.wav")
    (tmp_path / "c.wav").symlink_to(tmp_path / "a.wav")
    os.link(tmp_path / "b.wav", tmp_path / "d.wav")
    (tmp_path / "dead.wav").symlink_to(tmp_path / "gone.wav")
    listing = list_folder(tmp_path)
    assert listing.paths == ["a.wav", "b.wav"] and len(listing.sizes) == len(listing.changed) == 2
    assert listing.rejected == [
        ("dead.wav", "cannot be opened (No such file or directory)"),
        ("c.wav", "is the same file as a.wav"),
        ("d.wav", "is the same file as b.wav"),
    ]
    paths = ["b.wav", "./a.wav", "a.wav", str(tmp_path / "b.wav"), "d.wav"]
    assert list_paths(paths, tmp_path).paths == ["b.wav", "./a.wav"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_disks_order_does_not_matter(tmp_path, monkeypatch, order):
    make(tmp_path / "data", "b/1.wav", "c/2.wav", "a.wav")
    (tmp_path / "data/a_link").symlink_to(tmp_path / "data/b")
    make(tmp_path / "outside", "3.wav")
    for name in ("z", "y"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "outside")
    scandir = os.scandir

    class InOrder(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", lambda path: InOrder(sorted(scandir(path), key=lambda e: e.name)[::order]))
    assert list_folder(tmp_path / "data").paths == ["a.wav", "b/1.wav", "c/2.wav", "y/3.wav"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    make(tmp_path, "a.wav", "closed/b.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list_folder(tmp_path).rejected == [("closed", "the folder cannot be listed (Permission denied)")]


def test_a_data_folder_that_is_not_utf_8(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"d\xe9")
    make(os.fsdecode(folder), "a.wav")
    with pytest.raises(UserError, match="path of the data folder is not UTF-8"):
        scan_corpus(os.fsdecode(folder))
