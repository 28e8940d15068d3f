"""From audio on disk to a manifest."""

import csv

import numpy as np
import pytest
import soundfile

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.corpus.listing import list_folder, read_file_list
from speechbrain_cadino.corpus.scan import scan_corpus, write_rejected
from speechbrain_cadino.utils.errors import UserError

FILES = [f"wav/id{i}/v{j}/{k}.wav" for i in range(3) for j in range(2) for k in range(2)]


def test_voxcelebs_folders_need_no_setting(voxceleb):
    manifest, rejected, out, files = scan_corpus(voxceleb)
    assert list(files) == FILES and all(len(file.content) == 16 for file in files.values())
    assert manifest.ids.tolist() == FILES and rejected == [] and not out.mask.any()
    assert manifest.wavs.tolist() == [f"{voxceleb}/{name}" for name in FILES]
    assert manifest.starts.tolist() == [0] * 12 and manifest.stops.tolist() == [24000] * 12
    assert manifest.sessions.tolist() == [name[4:10] for name in FILES]
    assert manifest.spk_ids is None


def test_speakers_and_sessions_come_from_patterns(voxceleb, caplog):
    manifest = scan_corpus(voxceleb / "wav", speaker_pattern="^([^/]+)/", session_pattern=r"/(v\d)/").manifest
    assert manifest.spk_ids.tolist() == [name[4:7] for name in FILES]
    assert manifest.sessions.tolist() == [name[8:10] for name in FILES]
    assert scan_corpus(voxceleb, session_pattern=None).manifest.sessions is None
    with caplog.at_level("WARNING"):
        assert scan_corpus(voxceleb, speaker_pattern=r"(id1)/").manifest.spk_ids is None
    assert "does not match every path" in caplog.text and "the speakers are taken as not known" in caplog.text


def test_a_flat_folder_has_no_sessions(voxceleb):
    manifest = scan_corpus(voxceleb / "wav" / "id0" / "v0").manifest
    assert manifest.ids.tolist() == ["0.wav", "1.wav"] and manifest.sessions is None


def test_only_the_listed_files(voxceleb, tmp_path):
    file_list = tmp_path / "list.txt"
    file_list.write_text("\nid2/v0/1.wav\r\nid0/v0/0.wav  \nid2/v0/1.wav\nid9/none.wav\n")
    manifest, rejected, *_ = scan_corpus(voxceleb / "wav", file_list)
    assert manifest.ids.tolist() == ["id2/v0/1.wav", "id0/v0/0.wav"]
    assert [(path, "No such file" in reason) for path, reason in rejected] == [("id9/none.wav", True)]


def test_utterances_of_the_trials_are_left_out(voxceleb, tmp_path):
    (tmp_path / "t.txt").write_text("1 id0/v0/0.wav id0/v1/1.wav\n")
    manifest, _, out, _ = scan_corpus(voxceleb, trials=[tmp_path / "t.txt"])
    assert set(FILES) - set(manifest.ids.tolist()) == {"wav/id0/v0/0.wav", "wav/id0/v1/1.wav"} and out.mask.sum() == 2
    (tmp_path / "t.txt").write_text("".join(f"1 {name} {name}\n" for name in FILES))
    with pytest.raises(UserError, match="trial lists name every file"):
        scan_corpus(voxceleb, trials=[tmp_path / "t.txt"])


@pytest.mark.parametrize("workers", [1, 3])
def test_bad_files_are_rejected_and_the_others_kept(voxceleb, tmp_path, workers):
    (voxceleb / "wav/id0/v0/0.wav").write_text("no audio")
    soundfile.write(voxceleb / "wav/id1/v0/0.wav", np.zeros(20000), 16000)
    soundfile.write(voxceleb / "wav/id1/v0/1.wav", np.ones(100), 16000)
    (voxceleb / "wav/id2/v0/5.m4a").touch()
    (voxceleb / "wav/id2/v0/1.m4a").touch()  # converted already: 1.wav lies beside it
    manifest, rejected, *_ = scan_corpus(voxceleb, workers=workers)
    assert len(manifest) == 9
    assert [path for path, _ in rejected] == [f"wav/{name}" for name in (
        "id0/v0/0.wav", "id1/v0/0.wav", "id1/v0/1.wav", "id2/v0/5.m4a")]  # fmt: skip
    write_rejected(rejected, tmp_path / "rejected.csv")
    with open(tmp_path / "rejected.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["wav", "reason"]] + [list(row) for row in rejected]


def test_long_files_become_numbered_pieces(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.3, 0.3, 5 * 16000)
    soundfile.write(tmp_path / "long.wav", wave, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", wave[:16000], 16000)
    manifest = scan_corpus(tmp_path, max_duration=2).manifest
    assert manifest.ids.tolist() == ["long.wav#0", "long.wav#1", "long.wav#2", "short.wav"]
    assert manifest.durations.sum() == 6
    rows = [manifest[i] for i in range(3)]
    pieces = [read_audio(row["wav"], row["start"], row["stop"]) for row in rows]
    np.testing.assert_allclose(np.concatenate(pieces), wave, atol=1e-6)


def test_settings_and_folders_that_are_no_good(voxceleb, tmp_path):
    for minimum, maximum in [(2, 1), (-1, 5), (1, float("inf")), (float("nan"), 5)]:
        with pytest.raises(UserError, match="min_duration"):
            scan_corpus(voxceleb, min_duration=minimum, max_duration=maximum)
    with pytest.raises(UserError, match="nowhere does not exist"):
        scan_corpus(tmp_path / "nowhere")
    with pytest.raises(UserError, match="None of 12 files .* 12 for this: shorter than 2 s"):
        scan_corpus(voxceleb, min_duration=2)
    (tmp_path / "blank.txt").write_text("\n\n")
    for name, words in [("blank.txt", "is empty"), ("none.txt", "cannot be read")]:
        with pytest.raises(UserError, match=f"{name} {words}"):
            read_file_list(tmp_path / name)


def test_find_audio_is_sorted_and_passes_over_other_files(tmp_path):
    for name in ("b/2.FLAC", "b/1.wav", "a.opus", "notes.txt", "b/._1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = list_folder(tmp_path)
    assert listing.paths == ["a.opus", "b/1.wav", "b/2.FLAC"] and listing.ignored == {".txt": 1, "hidden": 1}


def test_find_audio_follows_links_but_not_round_and_round(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/1.wav").touch()
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/linked").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/up").symlink_to(tmp_path / "corpus")
    assert list_folder(tmp_path / "corpus").paths == ["linked/1.wav"]


def test_a_folder_of_m4a_alone_is_told_what_to_do(tmp_path):
    with pytest.raises(UserError, match="No audio"):
        list_folder(tmp_path)
    for name in ("1.m4a", "2.aac"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="All 2 audio files .*convert_m4a.sh"):
        scan_corpus(tmp_path)
