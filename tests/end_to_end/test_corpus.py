"""What train.py trains on: never the trials' utterances, whichever way the data comes in, and nothing misread."""

import csv
import shutil

import pytest

from speechbrain_cadino.corpus.manifest import read_manifest
from tests.end_to_end.conftest import run_script, training

TESTED = ["talker4/s0/0.wav", "talker4/s1/0.wav", "talker5/s0/0.wav", "talker5/s1/0.wav"]
LIST = [("1", 0, 1), ("0", 0, 2), ("1", 2, 3)]


@pytest.fixture
def data(corpus, tmp_path):
    """A copy of the corpus' audio in ``wav``, and the trial list ``t.txt`` of TESTED, names after ``start``."""
    shutil.copytree(corpus.folder / "wav", tmp_path / "wav")
    return tmp_path


def write_trials(path, form, **names):
    lines = [(label, *(form.format(TESTED[i], **names) for i in pair)) for label, *pair in LIST]
    path.write_bytes(b"\xef\xbb\xbf" + "".join(" ".join(line) + "\r\n" for line in lines).encode())
    return path


def prepared(folder, **settings):
    """The names of the training utterances of a run that ends for want of a batch, before any training."""
    arguments = training(folder / "run", batch_size=1000, **settings)
    outcome = run_script("train.py", *arguments)
    assert "do not fill one batch of 1000" in outcome.error()
    wavs = read_manifest(folder / "run/corpus/train.csv", "").wavs.tolist()
    return sorted("/".join(wav.split("/")[-3:]) for wav in wavs), outcome.out


def everything(folder):
    return sorted(str(path.relative_to(folder / "wav")) for path in (folder / "wav").rglob("*.wav"))


def way(kind, folder):
    """Settings by which all the audio of ``folder`` comes in, the trials' included."""
    if kind == "folder":
        return dict(data_folder=folder / "wav")
    if kind == "list":
        (folder / "files.txt").write_text("".join(f"./{name}\n" for name in everything(folder)))
        return dict(data_folder=folder / "wav", file_list=folder / "files.txt")
    with open(folder / "all.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ID", "duration", "wav", "start", "stop", "spk_id"])
        for number, name in enumerate(everything(folder)):
            rows.writerow(
                [f"u{number}", 1.0, f"$data_root/{name}", "0.0", 0.99 if kind == "csv in seconds" else 16000, ""]
            )
    return dict(data_folder=folder / "wav", train_csv=folder / "all.csv")


@pytest.mark.parametrize("kind", ["folder", "list", "csv", "csv in seconds"])
def test_the_trials_never_train_whichever_way_the_data_comes_in(data, kind):
    trials = write_trials(data / "t.txt", "{}")
    names, out = prepared(data, **way(kind, data), development_trials=trials)
    assert names == sorted(set(everything(data)) - set(TESTED)) and "4 files left out for the trials" in out


@pytest.mark.parametrize("form", ["{folder}/wav/{}", "wav/{}", "../wav/{}", "./x/../{}", "{link}/{}"])
@pytest.mark.parametrize("kind", ["folder", "csv"])
def test_whatever_the_lists_names_start_from(data, kind, form):
    (data / "linked").symlink_to(data / "wav")
    trials = write_trials(data / "t.txt", form, folder=data, link=data / "linked")
    names, _ = prepared(data, **way(kind, data), held_out_trials=[str(trials)])
    assert names == sorted(set(everything(data)) - set(TESTED))


def test_a_list_of_another_corpus_is_a_sentence_and_no_error(data):
    trials = write_trials(data / "t.txt", "elsewhere/no{}")
    names, out = prepared(data, **way("folder", data), held_out_trials=[str(trials)])
    assert names == everything(data) and f"No training file is named by the trial list {trials}" in out


def test_a_filterbank_at_8_khz(corpus, tmp_path):
    arguments = training(tmp_path / "run", **corpus.lists, compute_features=dict(sample_rate=8000, f_max=4000))
    assert "sample_rate 8000, but all audio is read at 16000 Hz" in run_script("train.py", *arguments).error()
