"""Noise and room responses: found in folders, written and read as CSV."""

import numpy as np
import pytest
import soundfile
from speechbrain.dataio.dataio import load_data_csv

from speechbrain_cadino.augmentation.data import (
    noise_manifest,
    read_augmentation_data,
    rir_manifest,
    write_augmentation_csv,
)
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def musan(tmp_path):
    folder = tmp_path / "speech" / "musan"  # what lies above the given folder says nothing about the kind
    rng = np.random.default_rng(0)
    lengths = {"noise/free/a.wav": 8000, "music/b.wav": 16000, "speech/uk/c.wav": 4000, "other/d.wav": 24000}
    for name, length in lengths.items():
        (folder / name).parent.mkdir(parents=True)
        soundfile.write(folder / name, rng.uniform(-0.1, 0.1, length), 8000 if name == "music/b.wav" else 16000)
    return folder


def test_kinds_and_lengths_of_a_folder(musan):
    data = noise_manifest(musan)
    assert [wav.removeprefix(f"{musan}/") for wav in data.wavs] == [
        "music/b.wav", "noise/free/a.wav", "other/d.wav", "speech/uk/c.wav"
    ]  # fmt: skip
    assert data.kinds.tolist() == ["music", "noise", "noise", "speech"]
    assert data.durations.tolist() == [2, 0.5, 1.5, 0.25]
    assert data.starts.tolist() == [0] * 4 and data.stops.tolist() == [32000, 8000, 24000, 4000]


def test_room_responses_are_all_of_one_kind(musan):
    assert rir_manifest(musan).kinds.tolist() == ["rir"] * 4


@pytest.mark.parametrize("scan", [noise_manifest, rir_manifest])
def test_csv_and_back(tmp_path, musan, scan):
    data = scan(musan)
    write_augmentation_csv(data, tmp_path / "a.csv", data_root=musan)
    assert "$data_root/music/b.wav" in (tmp_path / "a.csv").read_text()
    for one, other in zip(data, read_augmentation_data(tmp_path / "a.csv", musan)):
        np.testing.assert_array_equal(one, other)
    theirs = load_data_csv(tmp_path / "a.csv", {"data_root": str(musan)})
    assert [row["wav"] for row in theirs.values()] == data.wavs.tolist()


def test_speechbrains_csv_without_kinds(tmp_path, musan):
    lines = ["ID, duration, wav, wav_format, wav_opts"]
    lines += [f"n{i}, 99, {musan}/{name}, wav, " for i, name in enumerate(["other/d.wav", "music/b.wav"])]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    data = read_augmentation_data(tmp_path / "a.csv")
    assert data.kinds.tolist() == ["speech", "music"]  # a CSV has no folder below which to look
    assert data.durations.tolist() == [1.5, 2]


def test_an_unknown_kind_is_told(tmp_path, musan):
    (tmp_path / "a.csv").write_text(f"ID,duration,wav,kind\nn,1,{musan}/music/b.wav,jazz\n")
    with pytest.raises(UserError, match="a.csv has the kind 'jazz'"):
        read_augmentation_data(tmp_path / "a.csv")


def test_bad_files_are_left_out_and_counted(musan, caplog):
    (musan / "noise/text.wav").write_text("no audio")
    soundfile.write(musan / "noise/empty.wav", np.zeros(0), 16000)
    assert len(noise_manifest(musan).wavs) == 4
    assert "2 of 6 files" in caplog.text and "empty.wav" in caplog.text


def test_folders_without_audio(tmp_path):
    with pytest.raises(UserError, match="nowhere is not a folder"):
        noise_manifest(tmp_path / "nowhere")
    with pytest.raises(UserError, match="No audio"):
        rir_manifest(tmp_path)
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(UserError, match="No file in .*text.wav"):
        rir_manifest(tmp_path)


@pytest.mark.parametrize("scan", [noise_manifest, rir_manifest])
def test_silent_files_are_left_out_and_told(musan, scan, caplog, monkeypatch):
    soundfile.write(musan / "noise/zeros.wav", np.zeros(8000), 16000)
    soundfile.write(musan / "noise/offset.wav", np.full(8000, 0.25), 16000)
    soundfile.write(musan / "noise/one_sample.wav", [0.5], 16000)
    found = scan(musan)
    assert len(found.wavs) == 5 and any("one_sample" in wav for wav in found.wavs)
    assert "2 of 7 files" in caplog.text and "offset.wav is silent" in caplog.text
    monkeypatch.setattr("speechbrain_cadino.augmentation.silence.LOOK_AT", 0)
    assert len(scan(musan).wavs) == 7, "a large folder is not decoded beforehand"


def test_silent_files_and_rows_that_end_late_in_a_csv(tmp_path, musan, caplog):
    soundfile.write(musan / "noise/zeros.wav", np.zeros(8000), 16000)
    rows = ["noise/zeros.wav,0,8000", "music/b.wav,0,32000", "other/d.wav,0,99000", "none.wav,0,9000"]
    lines = [f"n{i},$data_root/{row}" for i, row in enumerate(rows)]
    (tmp_path / "a.csv").write_text("\n".join(["ID,wav,start,stop", *lines]))
    data = read_augmentation_data(tmp_path / "a.csv", musan)
    assert data.stops.tolist() == [32000, 24000] and data.kinds.tolist() == ["music", "speech"]
    assert "3 of 5 files" in caplog.text and "none.wav" in caplog.text


def test_nothing_but_silence(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 16000)
    with pytest.raises(UserError, match="No file in .* is usable: .*a.wav is silent"):
        rir_manifest(tmp_path)
    (tmp_path / "a.csv").write_text(f"ID,wav\na,{tmp_path}/a.wav\n")
    with pytest.raises(UserError, match="No file in .*a.csv is usable: .*a.wav is silent"):
        read_augmentation_data(tmp_path / "a.csv")
    (tmp_path / "a.wav").rename(tmp_path / "a.amr")
    with pytest.raises(UserError, match="All 1 audio files .* are .amr"):
        rir_manifest(tmp_path)
