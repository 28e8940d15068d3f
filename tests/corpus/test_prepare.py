"""The recipe's prepare.py, and the conversion of m4a files."""

import inspect
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.commands.options import given as given_options
from speechbrain_cadino.commands.prepare import command
from speechbrain_cadino.corpus import known, scan
from speechbrain_cadino.corpus.fingerprints import manifest_contents
from speechbrain_cadino.corpus.manifest import read_manifest, write_manifest
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
    assert sorted(os.listdir(tmp_path / "out/deep")) == ["files.csv", "rejected.csv", "train.csv", "train.json"]


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


def counted(monkeypatch):
    """The files that are decoded from now on."""
    looked_at = []
    look = scan.examine
    monkeypatch.setattr(
        scan, "examine", lambda path, **more: looked_at.append(os.path.basename(path)) or look(path, **more)
    )
    return looked_at


def test_added_removed_and_replaced_files_are_noticed(prepare, voxceleb, tmp_path, capsys, monkeypatch):
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out")
    before = read_manifest(csv_path, voxceleb)
    folder, wave = voxceleb / "wav/id0/v0", np.random.default_rng(1).uniform(-0.3, 0.3, 24000)
    (folder / "0.wav").unlink()
    soundfile.write(folder / "1.wav", wave, 16000)  # of equal length
    soundfile.write(folder / "new.flac", wave, 16000)
    looked_at = counted(monkeypatch)
    found = read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out"), voxceleb)
    assert sorted(looked_at) == ["1.wav", "new.flac"], "the others were decoded before"
    assert "Files since the last preparation: 1 added, 1 removed, 1 replaced." in capsys.readouterr().out
    assert set(before.ids) ^ set(found.ids) == {"wav/id0/v0/0.wav", "wav/id0/v0/new.flac"}
    contents = [dict(zip(manifest.ids, manifest.contents)) for manifest in (before, found)]
    changed = {name for name in set(before.ids) & set(found.ids) if contents[0][name] != contents[1][name]}
    assert changed == {"wav/id0/v0/1.wav"}
    prepare.prepare_corpus(voxceleb, tmp_path / "out")
    assert "prepared already" in capsys.readouterr().out


def test_files_of_equal_length_and_time_that_change_places_are_noticed(prepare, voxceleb, tmp_path, capsys):
    folder = voxceleb / "wav/id0/v0"
    for name in ("0.wav", "1.wav"):
        wave = np.random.default_rng(int(name[0])).uniform(-0.3, 0.3, 24000)
        soundfile.write(folder / name, wave, 16000)
        os.utime(folder / name, ns=(1, 1))
    before = read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out"), voxceleb)
    (folder / "0.wav").rename(folder / "x")
    (folder / "1.wav").rename(folder / "0.wav")
    (folder / "x").rename(folder / "1.wav")
    found = read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out"), voxceleb)
    assert "2 replaced" in capsys.readouterr().out
    one, other = (dict(zip(manifest.ids, manifest.contents)) for manifest in (before, found))
    assert one["wav/id0/v0/0.wav"] == other["wav/id0/v0/1.wav"] != one["wav/id0/v0/1.wav"]


def test_what_a_csv_says_of_contents_is_not_believed(prepare, voxceleb, tmp_path):
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out")
    true = read_manifest(csv_path, voxceleb)
    false = true.subset(np.arange(len(true)))
    false.contents = false.contents[::-1]
    write_manifest(false, tmp_path / "false.csv", voxceleb)
    again = prepare.prepare_corpus(voxceleb, tmp_path / "again", train_csv=tmp_path / "false.csv")
    assert read_manifest(again, voxceleb).contents.tolist() == true.contents.tolist()


@pytest.mark.parametrize("whole", [True, False])
def test_what_the_files_of_a_csv_hold_is_kept(prepare, voxceleb, tmp_path, monkeypatch, whole):
    """Not read anew unless size or time of the last change differ; of much audio, pieces are."""
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out")
    monkeypatch.setattr(known, "WHOLE_BYTES", 10**9 if whole else 10**4)
    read, hash_of = [], known.content_hash
    monkeypatch.setattr(known, "content_hash", lambda wav, whole: read.append((wav, whole)) or hash_of(wav, whole))

    def prepared():
        read.clear()
        path = prepare.prepare_corpus(voxceleb, tmp_path / "again", train_csv=csv_path)
        return read_manifest(path, voxceleb)

    first = prepared()
    assert len(read) == 12 and {how for _, how in read} == {whole}
    contents, how = manifest_contents(first)
    assert how == whole and contents.tolist() == [hash_of(wav, whole) for wav in first.wavs.tolist()]
    assert manifest_contents(first, True)[0].tolist() == [hash_of(wav) for wav in first.wavs.tolist()]
    prepared()
    assert read == []
    wav = voxceleb / "wav/id0/v0/0.wav"
    samples, rate = soundfile.read(wav)
    soundfile.write(wav, samples[::-1], rate)
    assert prepared().contents.tolist() != first.contents.tolist() and read == [(str(wav), whole)]
    (tmp_path / "list.txt").write_text("1 wav/id1/v0/0.wav wav/id1/v0/1.wav")  # other settings, the same files
    path = prepare.prepare_corpus(voxceleb, tmp_path / "again", train_csv=csv_path, trials=[tmp_path / "list.txt"])
    assert len(read) == 1 and len(read_manifest(path, voxceleb)) == 10


def test_a_file_whose_time_alone_has_changed_makes_the_same_corpus(prepare, voxceleb, tmp_path, monkeypatch):
    before = prepare.prepare_corpus(voxceleb, tmp_path / "out").read_bytes()
    os.utime(voxceleb / "wav/id0/v0/0.wav", ns=(1, 1))
    looked_at = counted(monkeypatch)
    assert prepare.prepare_corpus(voxceleb, tmp_path / "out").read_bytes() == before and looked_at == ["0.wav"]


@pytest.mark.parametrize("change", [dict(min_duration=0.5), dict(max_duration=1.0, min_duration=0.5)])
def test_other_durations_decode_all_and_other_lists_nothing(prepare, voxceleb, tmp_path, monkeypatch, change):
    prepare.prepare_corpus(voxceleb, tmp_path / "out")
    (tmp_path / "list.txt").write_text("wav/id0/v0/0.wav\n")
    looked_at = counted(monkeypatch)
    prepare.prepare_corpus(voxceleb, tmp_path / "out", tmp_path / "list.txt")
    assert looked_at == []
    prepare.prepare_corpus(voxceleb, tmp_path / "out", **change)
    assert len(looked_at) == 12


def test_a_damaged_record_is_made_anew(prepare, voxceleb, tmp_path, monkeypatch):
    for text in ("", "wav,size\n", "wav,size,changed,content,pieces,reasons\na,b,c,d,e,f\n"):
        prepare.prepare_corpus(voxceleb, tmp_path / "out")
        (tmp_path / "out/files.csv").write_text(text)
        (tmp_path / "out/train.csv").unlink()
        looked_at = counted(monkeypatch)
        assert len(read_manifest(prepare.prepare_corpus(voxceleb, tmp_path / "out"), voxceleb)) == 12 == len(looked_at)


def test_a_csv_is_filtered_and_compared_with_its_files(prepare, voxceleb, tmp_path, capsys):
    names = [f"wav/id{i}/v0/0.wav" for i in range(3)]
    lines = [f"u{i},1.5,$data_root/{name},0,{24000 + 16000 * (i == 2)},s{i}" for i, name in enumerate(names)]
    (tmp_path / "given.csv").write_text("\n".join(["ID,duration,wav,start,stop,spk_id", *lines]))
    (tmp_path / "trials.txt").write_text("1 id1/v0/0.wav id1/v0/0.wav\n")
    given = dict(train_csv=tmp_path / "given.csv", trials=[tmp_path / "trials.txt"])
    csv_path = prepare.prepare_corpus(voxceleb, tmp_path / "out", **given)
    found = read_manifest(csv_path, voxceleb)
    assert found.ids.tolist() == ["u0", "u2"] and found.stops.tolist() == [24000, 24000]
    assert found.spk_ids.tolist() == ["s0", "s2"] and found.sessions.tolist() == ["id0/v0", "id2/v0"]
    assert "1 files left out for the trials; 1 set aside" in capsys.readouterr().out
    assert "ends after its file" in (tmp_path / "out/rejected.csv").read_text()
    first = stamp(csv_path)
    assert stamp(prepare.prepare_corpus(voxceleb, tmp_path / "out", **given)) == first
    os.utime(voxceleb / names[0], ns=(1, 1))
    assert stamp(prepare.prepare_corpus(voxceleb, tmp_path / "out", **given)) != first
    with pytest.raises(UserError, match="train_csv, .*given.csv, and a file_list"):
        prepare.prepare_corpus(voxceleb, tmp_path / "out", "list.txt", **given)
    (tmp_path / "trials.txt").write_text("".join(f"1 {name} {name}\n" for name in names))
    with pytest.raises(UserError, match="name every utterance of .*given.csv"):
        prepare.prepare_corpus(voxceleb, tmp_path / "out", **given)


def test_what_was_ignored_and_what_a_list_did_is_said(prepare, voxceleb, tmp_path, capsys):
    (voxceleb / "notes.txt").touch()
    (voxceleb / "wav/noname").touch()
    (voxceleb / "a.amr").touch()
    (tmp_path / "trials.txt").write_text("1 elsewhere/x.wav elsewhere/y.wav\n")
    prepare.prepare_corpus(voxceleb, tmp_path / "out", trials=[tmp_path / "trials.txt"])
    out = capsys.readouterr().out
    assert "not those of audio: 1 .txt, 1 without suffix." in out
    assert f"No training file is named by the trial list {tmp_path}/trials.txt" in out
    assert "a.amr" in (tmp_path / "out/rejected.csv").read_text() and "1 set aside" in out


def test_missing_lists_and_unwritable_folders(prepare, voxceleb, tmp_path):
    for change in (dict(file_list=tmp_path / "none.txt"), dict(trials=[tmp_path / "none.txt"])):
        with pytest.raises(UserError, match="none.txt cannot be read"):
            prepare.prepare_corpus(voxceleb, tmp_path / "out", **change)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        prepare.prepare_corpus(voxceleb, tmp_path / "file" / "out")


def parsed(arguments):
    """What of a command line goes to `prepare_corpus`."""
    return given_options(command.make_context("prepare", arguments).params)


def help_of(command):
    return command.make_context("prepare", [], resilient_parsing=True).get_help()


def test_every_option_of_the_command_line_is_an_argument(prepare):
    given = parsed(
        "--data_folder a --output b --file_list c --trials d e --min_duration 2 --max_duration 3 "
        "--speaker_pattern f --session_pattern g --workers 4 --train_csv h --trial_folders i j".split()
    )
    assert given == dict(
        data_folder="a", save_folder="b", file_list="c", trials=("d", "e"), min_duration=2, max_duration=3,
        speaker_pattern="f", session_pattern="g", workers=4, train_csv="h", trial_folders=("i", "j"),
    )  # fmt: skip
    assert parsed("--data_folder a --save_folder b".split()) == dict(data_folder="a", save_folder="b")
    defaults = inspect.signature(prepare.prepare_corpus).parameters
    told = dict(re.findall(r"--(\w+) FLOAT.*?\[default: ([\d.]+)\]", help_of(command), re.DOTALL))
    assert told == {name: f"{defaults[name].default:g}" for name in ("min_duration", "max_duration")}


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
