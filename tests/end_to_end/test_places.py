"""Output where it must not go: one sentence from each script, and nothing written."""

import os

import pytest

from tests.end_to_end.conftest import options, run_script, training


def listing(folder):
    return sorted((path, sorted(names)) for path, _, names in os.walk(folder))


@pytest.mark.parametrize("inside", ["save", "encoder", "iteration_1", "corpus", "encoder/new", "new"])
def test_in_another_run(corpus, whole, inside):
    run, before = whole[0], listing(whole[0])
    sentence = run_script("train.py", *training(run / inside, **corpus.lists)).error()
    assert f"output_folder is {run / inside}, which lies in the" in sentence
    sentence = run_script("demo.py", "--output_folder", run / inside).error()
    assert f"output_folder is {run / inside}, which lies in the" in sentence
    sentence = run_script("prepare.py", "--data_folder", corpus.folder / "wav", "--save_folder", run / inside).error()
    assert f"--save_folder is {run / inside}, which lies in the" in sentence
    if inside != "new":
        arguments = ["--data_folder", corpus.folder / "wav", "--trials", corpus.folder / "trials.txt"]
        arguments += ["--encoder", run / "encoder", "--output_folder", run / inside]
        assert f"--output_folder is {run / inside}, which lies in" in run_script("verify.py", *arguments).error()
    assert listing(run) == before


def test_in_or_around_the_data(corpus, tmp_path):
    wav = corpus.folder / "wav"
    before = listing(corpus.folder)
    for output in (wav, wav / "new", wav / "talker0"):
        whole_folder = {**corpus.lists, "file_list": None}
        assert "data_folder" in run_script("train.py", *training(output, **whole_folder)).error()
        noise = dict(noise_folder=str(wav), data_folder=str(tmp_path))
        assert "noise_folder" in run_script("train.py", *training(output, **noise)).error()
        noise = dict(rir_folder=str(wav), data_folder=str(tmp_path))
        assert "rir_folder" in run_script("train.py", *training(output, **noise)).error()
        assert "--data_folder" in run_script("prepare.py", *options(dict(data_folder=wav, save_folder=output))).error()
        scores = dict(data_folder=wav, encoder=tmp_path, output_folder=output, trials=corpus.folder / "trials.txt")
        said = "--data_folder" if output == wav else "holds no encoder"  # it reads what lists name, and may write there
        assert said in run_script("verify.py", *options(scores)).error()
    for output in (wav, corpus.folder):
        assert "data_folder" in run_script("train.py", *training(output, **corpus.lists)).error(), (
            "a list, but around it"
        )
    assert listing(corpus.folder) == before


def test_a_csv_that_the_run_would_replace(corpus, tmp_path):
    run_script("prepare.py", *options(dict(data_folder=corpus.folder / "wav", save_folder=tmp_path / "run/corpus")))
    before = (tmp_path / "run/corpus/train.csv").read_bytes()
    settings = dict(data_folder=corpus.folder / "wav", train_csv=tmp_path / "run/corpus/train.csv")
    sentence = run_script("train.py", *training(tmp_path / "run", **settings)).error()
    assert "train.csv, which the run in" in sentence and (tmp_path / "run/corpus/train.csv").read_bytes() == before
