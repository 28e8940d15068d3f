"""The recipe's prepare.py, and the conversion of m4a files."""

import json
import os
import subprocess
import sys

import pytest

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.utils.errors import UserError
from tests.corpus.conftest import RECIPE


def stamp(path):
    return path.stat().st_mtime_ns, path.stat().st_ino


def test_prepared_corpora_are_read_back_anywhere(prepare, voxceleb, tmp_path):
    (voxceleb / "wav/id0/v0/0.wav").write_text("no audio")
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out/deep", speaker_pattern="/(id.)/")
    assert csv_path == tmp_path / "out/deep/train.csv"
    voxceleb.rename(tmp_path / "moved")
    manifest = read_manifest(csv_path, data_root=tmp_path / "moved")
    assert len(manifest) == 11 and set(manifest.spk_ids.tolist()) == {"id0", "id1", "id2"}
    assert all(os.path.isfile(wav) for wav in manifest.wavs)
    assert "wav/id0/v0/0.wav" in (tmp_path / "out/deep/rejected.csv").read_text()
    assert sorted(os.listdir(tmp_path / "out/deep")) == ["rejected.csv", "train.csv", "train.json"]


def test_the_same_settings_are_not_prepared_twice(prepare, voxceleb, tmp_path, capsys):
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out")
    first = stamp(csv_path)
    assert prepare.prepare_corpus(str(voxceleb), tmp_path / "out", workers=1) == csv_path
    assert stamp(csv_path) == first
    assert "prepared already" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        dict(min_duration=0.5),
        dict(max_duration=1.0, min_duration=0.5),
        dict(speaker_pattern="/(id.)/"),
        dict(session_pattern=None),
        dict(file_list="list.txt"),
        dict(trials=["trials.txt"]),
    ],
)
def test_other_settings_are_prepared_anew(prepare, voxceleb, tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("wav/id0/v0/0.wav\n")
    (tmp_path / "trials.txt").write_text("1 wav/id0/v0/0.wav wav/id0/v0/1.wav\n")
    first = stamp(prepare.prepare_corpus(voxceleb, "out"))
    csv_path = prepare.prepare_corpus(voxceleb, "out", **change)
    assert stamp(csv_path) != first
    count = {"max_duration": 24, "file_list": 1, "trials": 10}
    assert len(read_manifest(csv_path, voxceleb)) == next((count[key] for key in change if key in count), 12)


def test_an_edited_list_or_half_written_settings_are_noticed(prepare, voxceleb, tmp_path):
    file_list = tmp_path / "list.txt"
    file_list.write_text("wav/id0/v0/0.wav\n")
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out", file_list)
    file_list.write_text("wav/id0/v0/0.wav\nwav/id0/v0/1.wav\n")
    assert len(read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out", file_list), voxceleb)) == 2
    (tmp_path / "out/train.json").write_text("{")
    first = stamp(csv_path)
    assert stamp(prepare.prepare_corpus(voxceleb, tmp_path / "out", file_list)) != first
    assert json.loads((tmp_path / "out/train.json").read_text())["min_duration"] == 1.0


def test_missing_lists_and_unwritable_folders(prepare, voxceleb, tmp_path):
    for change in (dict(file_list=tmp_path / "none.txt"), dict(trials=[tmp_path / "none.txt"])):
        with pytest.raises(UserError, match="none.txt cannot be read"):
            prepare.prepare_corpus(voxceleb, tmp_path / "out", **change)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        prepare.prepare_corpus(voxceleb, tmp_path / "file" / "out")


def test_every_option_of_the_command_line_is_an_argument(prepare):
    given = prepare.parse_arguments(
        "--data_folder a --output b --file_list c --trials d e --min_duration 2 --max_duration 3 "
        "--speaker_pattern f --session_pattern g --workers 4".split()
    )
    assert given == dict(
        data_folder="a", save_folder="b", file_list="c", trials=["d", "e"], min_duration=2, max_duration=3,
        speaker_pattern="f", session_pattern="g", workers=4,
    )  # fmt: skip
    short = prepare.parse_arguments(["--data_folder", "a", "--save_folder", "b"])
    assert short["max_duration"] == 60 and short["session_pattern"] == prepare.SESSION_PATTERN


def test_the_command_line_tells_errors_in_one_sentence(tmp_path):
    options = ["--data_folder", tmp_path / "nowhere", "--output", tmp_path / "out"]
    command = [sys.executable, RECIPE / "prepare.py", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: The data folder") and done.stderr.count("\n") == 1


@pytest.fixture
def ffmpeg(tmp_path):
    """A stand-in that copies, refuses what says "no audio" (after writing half of it), and keeps a diary."""
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(
        "#!/usr/bin/env bash\n"
        f"echo \"$*\" >> '{tmp_path / 'diary'}'\n"
        'while [ "$1" != -i ]; do shift; done\n'
        'cp "$2" "${@: -1}" && ! grep -q "no audio" "$2"\n'
    )
    program.chmod(0o755)
    return program


def convert(ffmpeg, *arguments):
    environment = dict(os.environ, PATH=f"{ffmpeg.parent}:{os.environ['PATH']}")
    command = ["bash", RECIPE / "convert_m4a.sh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_m4a_files_are_converted_once_and_failures_named(ffmpeg, tmp_path):
    source = tmp_path / "aac"
    for name in ("id1/v 1/1.m4a", "id1/v 1/2.M4A", "id2/3.aac"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "id2/bad.m4a").write_text("no audio")
    (source / "id2/notes.txt").touch()
    for _ in range(2):  # the second time only the bad one is tried again
        done = convert(ffmpeg, source, tmp_path / "flac")
        assert done.returncode == 1 and "not converted: id2/bad.m4a" in done.stderr
        assert sorted(str(path.relative_to(tmp_path / "flac")) for path in (tmp_path / "flac").rglob("*.*")) == [
            "id1/v 1/1.flac", "id1/v 1/2.flac", "id2/3.flac"
        ]  # fmt: skip
    diary = (tmp_path / "diary").read_text().splitlines()
    assert len(diary) == 5 and all("-ac 1 -ar 16000" in line for line in diary)
    (source / "id2/bad.m4a").unlink()
    assert convert(ffmpeg, source, tmp_path / "wav", "wav", "1").returncode == 0
    assert (tmp_path / "wav/id2/3.wav").read_text() == "id2/3.aac"


def test_conversion_says_what_is_wrong_with_its_arguments(ffmpeg, tmp_path):
    assert "give a folder that exists" in convert(ffmpeg, tmp_path / "nowhere", tmp_path).stderr
    assert "flac or wav" in convert(ffmpeg, tmp_path, tmp_path, "mp3").stderr
