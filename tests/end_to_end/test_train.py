"""A run of train.py: what it prints and leaves, and what must not change the weights."""

import csv
import json
import re

import torch
from hyperpyyaml import load_hyperpyyaml

from speechbrain_cadino.dino.brain import DINOBrain
from tests.end_to_end.conftest import EPOCHS, STEPS, assert_same_weights, run_script, training, weights


def read_rows(output):
    with open(output / "epochs.csv") as file:
        return list(csv.DictReader(file))


def metrics(text):
    """The cells of a table's last row."""
    return [cell.strip() for cell in text.strip().splitlines()[-1].strip("|").split("|")]


def test_what_a_run_prints(whole):
    output, outcome = whole
    table, _, rest = outcome.out.partition("| epoch |")[2].partition("\n\nThe encoder to keep")
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:] if line.startswith("|")] == ["1", "2"]
    assert "EER %" in table.splitlines()[0]
    assert re.search(r"\| encoder \| EER % \| minDCF\(0.01\) \| minDCF\(0.05\) \|", rest)
    assert outcome.out.rstrip().endswith(
        f"The encoder is in {output}/encoder: SpeakerEncoder.from_folder loads it, and SpeechBrain's from_hparams.\n\n"
        f"What the run looks like: {output}/report.html"
    )
    assert "16 utterances, 0.00 h" in outcome.out
    assert "Did it learn? CANNOT TELL: 16 utterances, under 100; " in outcome.out
    line = r"epoch: [12] of 2, (?:(?:\d+ s left|time left not known), )?lr: [\d.]+ "
    line += r"- train loss: [\d.]+, .* - valid EER %: [\d.]+"
    log = (output / "log.txt").read_text()
    assert len(re.findall(line, log)) == EPOCHS
    assert len(re.findall(rf"Saved the checkpoint {output}/save/CKPT\S+\n", log)) == EPOCHS


def test_the_screen_has_one_line_an_epoch_in_plain_words(whole):
    _, outcome = whole
    told, _, rest = outcome.out.partition("epoch 1 of 2")
    first, second, *_ = f"epoch 1 of 2{rest}".splitlines()
    figures = r"DINO loss [\d.]+ \(2\.77 by chance\), EER [\d.]+ %"
    assert re.fullmatch(rf"epoch 1 of 2, (\d+ s left|time left not known): {figures}", first)
    assert re.fullmatch(rf"epoch 2 of 2: {figures}", second)
    for chatter in ("Going into epoch", "Beginning experiment", "Saved the checkpoint", "train loss", "Gradscaler",
                    "Run option", "quirks", "speechbrain.", "speechbrain_cadino."):  # fmt: skip
        assert chatter not in outcome.out
    assert f"{STEPS}/{STEPS} [" not in outcome.err  # no bar where there is no terminal


def test_the_log_has_the_details_and_no_other_packages(whole):
    log = (whole[0] / "log.txt").read_text()
    origins = set(re.findall(r"^[\d-]+ [\d:,]+ - (\w+)[\w.]* - (\w+) - ", log, re.MULTILINE))
    assert ("speechbrain", "INFO") in origins and ("speechbrain_cadino", "INFO") in origins
    assert not [origin for origin in origins if origin[1] == "DEBUG" and origin[0] != "speechbrain_cadino"]
    assert "Going into epoch 2" in log and "Beginning experiment" in log


def test_asked_for_it_speechbrain_is_heard(corpus, tmp_path):
    outcome = run_script("train.py", *training(tmp_path / "run", **corpus.lists, verbose=True))
    assert outcome.status == 0, outcome
    assert "speechbrain.utils.epoch_loop - Going into epoch 1\n" in outcome.out
    assert "speechbrain_cadino.training.checkpoints - Saved the checkpoint" in outcome.out
    assert "speechbrain_cadino.training.telling - epoch 2 of 2: DINO loss" in outcome.out
    assert outcome.err.count(f"{STEPS}/{STEPS} [") >= EPOCHS  # the bars come to their ends
    quiet = run_script("train.py", *training(tmp_path / "run", **corpus.lists))  # free to change, nothing to train
    assert quiet.status == 0 and "nothing was done" in quiet.out


def test_what_a_run_leaves(whole):
    output, _ = whole
    expected = {"corpus", "encoder", "env.log", "epochs.csv", "epochs.png", "hyperparams.yaml", "log.txt", "save"}
    assert {path.name for path in output.iterdir()} == expected | {
        "run.json", "tensorboard", "train.py", "train_log.txt", "utterances.npz", "report.html", "report.npz",
    }  # fmt: skip
    rows = read_rows(output)
    assert [row["epoch"] for row in rows] == ["1", "2"] and all(0 <= float(row["EER %"]) <= 100 for row in rows)
    assert (output / "epochs.png").read_bytes().startswith(b"\x89PNG")
    assert list((output / "tensorboard").glob("events*"))
    assert len(list((output / "save").glob("CKPT*"))) == EPOCHS
    info = json.loads((output / "encoder" / "encoder.json").read_text())["info"]
    assert info["epochs"] == EPOCHS and info["utterances"] == 16 and "EER %" in info["development list"]
    listed = (output / "corpus" / "train.csv").read_text()
    assert "talker3" in listed and "talker4" not in listed


def test_verify_finds_what_training_found(whole, corpus, tmp_path):
    output, outcome = whole
    arguments = ["--data_folder", corpus.folder / "wav", "--trials", corpus.folder / "trials.txt"]
    found = run_script("verify.py", "--encoder", output / "encoder", "--output_folder", tmp_path, *arguments)
    assert found.status == 0, found
    told = outcome.out.partition("The encoder to keep")[2].partition("\n\n")[0].partition("\nspeechbrain")[0]
    assert metrics((tmp_path / "metrics.md").read_text())[2:5] == metrics(told)[-3:]
    assert re.sub(" +", " ", (tmp_path / "metrics.md").read_text()) in found.out
    assert len((tmp_path / "scores_trials.txt").read_text().splitlines()) == 5


def test_a_run_without_trials_and_pictures_learns_the_same(whole, corpus, tmp_path):
    output = tmp_path / "run"
    settings = {**corpus.lists, "development_trials": None, "train_loggers": {"tensorboard": None}}
    outcome = run_script("train.py", *training(output, **settings))
    assert outcome.status == 0, outcome
    assert_same_weights(whole[0], output)
    assert "EER" not in outcome.out + (output / "epochs.csv").read_text()
    assert not (output / "tensorboard").exists()
    exported = [torch.load(folder / "encoder/embedding_model.ckpt") for folder in (whole[0], output)]
    torch.testing.assert_close(*exported, rtol=0, atol=0)


def test_workers_and_preload_change_nothing(whole, corpus, tmp_path):
    output = tmp_path / "run"
    settings = dict(**corpus.lists, loader_options=dict(num_workers=2), preload=True)
    assert run_script("train.py", *training(output, **settings)).status == 0
    assert_same_weights(whole[0], output)


def test_the_csv_of_speechbrains_own_preparation(whole, corpus, tmp_path):
    """Two pieces a file, each with the whole file's duration, and a speaker, which must not matter."""
    lines = ["ID,duration,wav,start,stop,spk_id"]
    for name in corpus.names:
        talker, session, file = name.removesuffix(".wav").split("/")
        for start, stop in ((0.0, 0.5), (0.5, 1.0)):
            piece = f"{talker}--{session}--{file}_{start}_{stop}"
            lines.append(f"{piece},1.0,$data_root/{name},{int(16000 * start)},{int(16000 * stop)},{talker}")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    settings = {**corpus.lists, "file_list": None, "train_csv": tmp_path / "train.csv"}
    outcome = run_script("train.py", *training(tmp_path / "run", **settings))
    assert outcome.status == 0, outcome
    assert "corpus is prepared" not in outcome.out and "0 files left out for the trials; 0 set aside" in outcome.out
    assert_same_weights(whole[0], tmp_path / "run")


def test_no_utterance_of_a_trial_list_is_trained_on(corpus, tmp_path):
    # A batch of more than there can be: the corpus is prepared, and nothing trained.
    (tmp_path / "more.txt").write_text("1 talker0/s0/0.wav talker0/s1/0.wav\n0 talker0/s0/0.wav talker1/s0/0.wav\n")
    lists = dict(development_trials=corpus.folder / "trials.txt", held_out_trials=[str(tmp_path / "more.txt")])
    settings = {**corpus.lists, "file_list": None, **lists, "batch_size": 64}
    outcome = run_script("train.py", *training(tmp_path / "run", **settings))
    assert "do not fill one batch" in outcome.error()
    listed = (tmp_path / "run/corpus/train.csv").read_text()
    assert "talker0/s0/1.wav" in listed
    for absent in ("talker0/s0/0.wav", "talker0/s1/0.wav", "talker1/s0/0.wav", "talker4/s0/0.wav"):
        assert absent not in listed


def test_the_weights_are_good(whole):
    found = weights(whole[0])
    assert all(value.isfinite().all() for part in found.values() for value in part.values())
    differ = [not torch.equal(value, found["teacher"][f"model.{name}"]) for name, value in found["student"].items()]
    assert sum(differ) > 20


def test_the_whole_settings_are_saved(whole):
    """What plain HyperPyYAML reads, without the bases: with the command line's values, and the comments."""
    text = (whole[0] / "hyperparams.yaml").read_text()
    settings = load_hyperpyyaml(text)
    assert "base" not in settings and settings["brain_class"] is DINOBrain
    assert (settings["output_folder"], settings["embedding_dim"], settings["epoch_counter"].limit) == (
        str(whole[0]),
        8,
        2,
    )
    assert re.search(r"^embedding_dim: 8 +# from the command line$", text, re.MULTILINE)
    assert "    n_local: 4                    # A\n" in text and "# --- DINO\n" in text
