"""small.yaml and its kin: nothing but a folder, numbers that follow its size, and a verdict at the end."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
from hyperpyyaml import load_hyperpyyaml

from tests.end_to_end.conftest import assert_same_weights, options, run_script

# The smallest network; what follows the corpus' size is left as it is.
NET = dict(
    n_mels=20,
    embedding_dim=8,
    embedding_model=dict(channels=[8, 8, 8, 8, 24], attention_channels=4, res2net_scale=2, se_channels=4),
    device="cpu",
)
SHORT = dict(number_of_epochs=2)
HEAD = dict(head=dict(hidden_dim=12, bottleneck_dim=6))
AUTO = ("batch_size", "number_of_epochs", "warmup_epochs", "n_prototypes", "global_seconds", "local_seconds")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Twenty files of about a second in no layout: other rates, two channels, names with blanks."""
    where, rng = tmp_path_factory.mktemp("any folder"), np.random.default_rng(0)
    for number in range(20):
        rate = (8000, 16000, 44100)[number % 3]
        wave = 0.1 * rng.standard_normal((int(rate * rng.uniform(1.05, 1.4)), 1 + number % 2))
        path = where / ("a folder" if number % 4 else "") / f"{number} some name.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, wave, rate)
    return where


def train(hparams, folder, output, **settings):
    settings = {"data_folder": folder, "output_folder": output, **NET, **settings}
    return run_script("train.py", f"hparams/{hparams}.yaml", *options(settings))


def rows(output):
    with open(output / "epochs.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def small(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("small") / "run"
    outcome = train("small", folder, output, **SHORT, **HEAD)
    assert outcome.status == 0, outcome
    return output, outcome


def test_a_folder_is_all_it_takes(small):
    output, outcome = small
    assert (output / "encoder").is_dir() and len(rows(output)) == 3
    assert "20 utterances of 20 files" in outcome.out and "2 optimiser steps" in outcome.out
    assert re.search(r"The corpus: 0\.01 h", outcome.out)
    assert re.search(r"about 0\.\d+ GB needed, [\d.]+ GB free", outcome.out)
    assert "n_prototypes 256" in outcome.out and "batch_size 16" in outcome.out


def test_the_log_says_which_epoch_of_how_many(small):
    lines = (small[0] / "train_log.txt").read_text().splitlines()
    assert lines[0].startswith("epoch: 0 - valid half_retrieval: ")
    assert [line.split(",")[0] for line in lines[1:]] == ["epoch: 1 of 2", "epoch: 2 of 2"]
    assert re.match(r"epoch: 1 of 2, (\d+ s left|time left not known), lr: ", lines[1])
    assert lines[2].startswith("epoch: 2 of 2, lr: ")


def test_what_cannot_succeed_is_said_before_and_after(small):
    output, outcome = small
    before, after = outcome.out.split("\nepoch 1 of 2")
    assert "At its end nobody will be able to tell whether it learned: 20 utterances" in before
    assert "Did it learn? CANNOT TELL" in after and "What to change:" in after
    assert "LEARNED:" not in after


def test_half_retrieval_is_a_column_from_epoch_0_on(small):
    found = rows(small[0])
    assert [row["epoch"] for row in found] == ["0", "1", "2"]
    for row in found:
        assert 0 <= float(row["half_retrieval"]) <= 1 and 0 <= float(row["half_rank"]) <= 1


def test_the_runs_settings_have_the_numbers(small):
    text = (small[0] / "hyperparams.yaml").read_text()
    assert "auto" not in re.sub("#.*", "", text)
    settings = load_hyperpyyaml(text)
    assert [settings[name] for name in ("batch_size", "n_prototypes")] == [16, 256]
    assert settings["crops"].global_seconds == settings["global_seconds"]
    assert 0.5 <= settings["global_seconds"] <= 0.6


def test_the_numbers_can_be_had_otherwise(folder, tmp_path):
    given = dict(
        batch_size=4, number_of_epochs=3, warmup_epochs=2, n_prototypes=12, global_seconds=0.4, local_seconds=0.2,
        evaluate_every=3, momentum_start=0.5, preload=False, channel_prob=0.5,
    )  # fmt: skip
    outcome = train("small", folder, tmp_path / "run", **given, **HEAD, retrieval_utterances=0)
    assert outcome.status == 0, outcome
    settings = load_hyperpyyaml((tmp_path / "run" / "hyperparams.yaml").read_text())
    assert {name: settings[name] for name in given} == given
    assert settings["crops"].lengths.tolist() == [6400, 6400, 3200, 3200]
    assert "By the corpus" not in outcome.out
    assert "half_rank was not measured" in outcome.out and "half_rank" not in rows(tmp_path / "run")[0]


@pytest.mark.parametrize("settings", [dict(preload=False, evaluate_every=1), dict(n_prototypes=256, batch_size=16)])
def test_what_auto_came_to_may_be_given(folder, small, tmp_path, settings):
    shutil.copytree(small[0], tmp_path / "run")
    outcome = train("small", folder, tmp_path / "run", **SHORT, **HEAD, **settings)
    assert outcome.status == 0 and "is finished: nothing was done" in outcome.out


@pytest.mark.parametrize("given", [{}, dict(n_prototypes=1024)])  # 1024: of the corpus that stands in at first
def test_another_number_is_refused(folder, small, tmp_path, given):
    shutil.copytree(small[0], tmp_path / "run")
    was = 256
    if not given:  # as if the rule were another version's
        was, path = 128, tmp_path / "run" / "run.json"
        record = json.loads(path.read_text())
        for part in record["settings"].values():
            part["n_prototypes"] = was
        path.write_text(json.dumps(record))
    sentence = train("small", folder, tmp_path / "run", **SHORT, **HEAD, **given).error()
    assert f"begun with n_prototypes {was}, and now it is {given.get('n_prototypes', 256)}: give another" in sentence


def test_a_learning_rate_of_0_has_not_learned(folder, tmp_path):
    outcome = train("small", folder, tmp_path / "run", **SHORT, **HEAD, lr=0, lr_schedule=dict(end=0))
    assert outcome.status == 0 and "Did it learn? NOT LEARNED: the learning rate was 0" in outcome.out
    first, *_, last = rows(tmp_path / "run")
    assert first["half_rank"] == last["half_rank"] and first["half_retrieval"] == last["half_retrieval"]


def test_measuring_changes_nothing(folder, small, tmp_path):
    assert train("small", folder, tmp_path / "run", **SHORT, **HEAD, retrieval_utterances=0).status == 0
    assert_same_weights(small[0], tmp_path / "run")
    kept = [torch.load(output / "encoder/embedding_model.ckpt") for output in (small[0], tmp_path / "run")]
    torch.testing.assert_close(*kept, rtol=0, atol=0)  # its last layer refitted


def test_three_utterances_are_refused(folder, tmp_path):
    names = tmp_path / "three.txt"
    names.write_text("\n".join(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))[:3]))
    outcome = train("small", folder, tmp_path / "run", file_list=names, **HEAD)
    assert "3 utterances are too few to train on: give 16 or more" in outcome.error()


def test_a_run_that_does_not_fit_the_disk_is_refused(folder, tmp_path):
    outcome = train("small", folder, tmp_path / "run", number_of_epochs=10**8, **HEAD, keep_checkpoints=10**8)
    assert re.search(r"The run needs [\d.]+ GB on the disk of .* GB are free: free some", outcome.error())


def test_auto_is_only_for_what_has_a_size(folder, tmp_path):
    assert "lr is auto, and must be a number" in train("small", folder, tmp_path / "run", lr="auto").error()


def test_cluster_aware_and_stage_2_follow(folder, small, tmp_path):
    outcome = train("ca_small", folder, tmp_path / "ca", number_of_epochs=3, **HEAD)
    assert outcome.status == 0, outcome
    assert "n_fine 20" in outcome.out and "cluster_start_epoch 1" in outcome.out
    log = (tmp_path / "ca/log.txt").read_text()
    assert re.search(r"the one with \d+ clusters and size_power [\d.]+ was taken: silhouette -?[\d.]+, ", log)
    assert list((tmp_path / "ca" / "clusters").glob("labels_epoch*.csv"))
    outcome = train("dlg_lc_small", folder, tmp_path / "two", **SHORT, init=tmp_path / "ca" / "encoder", n_iterations=1)
    assert outcome.status == 0, outcome
    assert "clusters, " in outcome.out and "the gate keeps 100% of the labels" in outcome.out
    first, *_, last = rows(tmp_path / "two" / "iteration_1")
    assert float(first["untrained_half_rank"]) != float(first["half_rank"])
    assert float(last["half_rank"]) <= 1


def test_what_may_change_may_do_so_where_it_was_auto(small, folder, caplog):
    output, _ = small
    assert train("small", folder, output, **SHORT, **HEAD).status == 0 and "preload" not in caplog.text
    again = train("small", folder, output, **SHORT, **HEAD, preload=False, evaluate_every=2)
    assert again.status == 0 and "is finished: nothing was done" in again.out
    assert "begun with preload true, and now it is false" in caplog.text
    assert "batch_size" in train("small", folder, output, **SHORT, **HEAD, batch_size=8).error()
