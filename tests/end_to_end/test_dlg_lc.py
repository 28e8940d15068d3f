"""Stage II as a user runs it: what each iteration leaves, the four modes, killed and resumed; and few labels."""

import csv
import json
import shutil
import signal
from unittest import mock

import numpy as np
import pytest
import torch

from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.inference import SpeakerEncoder
from tests.end_to_end.conftest import (
    TINY,
    assert_same_weights,
    die,
    make_corpus,
    options,
    run_script,
    run_until_killed,
    when_a_step_begins,
    when_the_table_is_written,
    while_it_clusters,
)

EPOCHS, STEPS = 4, 8
LEARNT = ("encoder", "classifier", "gate")
OF_STAGE_1 = ("n_prototypes", "freeze_last_layer_epochs", "head")
SMALL = {name: value for name, value in TINY.items() if name not in OF_STAGE_1}
SMALL |= dict(number_of_epochs=EPOCHS, crops=dict(global_seconds=0.3), evaluate_every=2, batch_size=8)
SMALL |= dict(prepare_options=dict(min_duration=0.3, speaker_pattern="^([^/]+)/"), margin_warmup_epochs=1)
GATED = dict(gate=dict(start_epoch=2, chance_fraction=0.0, min_weight=0.0, min_fraction=0.0), correction_start_epoch=3)
GATED |= dict(corrector=dict(tau_2=0.3))


def many_utterances(folder):
    """Eight talkers, 80 files of half a second, 64 for training: enough losses for a mixture."""
    pairs = [(1, 64, 65), (1, 70, 78), (0, 64, 70), (0, 65, 71), (0, 66, 79)]
    return make_corpus(folder, 8, 5, 8000, training=64, pairs=pairs)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return many_utterances(tmp_path_factory.mktemp("corpus"))


def command(corpus, output, hparams="hparams/dlg_lc.yaml", **settings):
    stage = dict(n_iterations=2, n_clusters=8, large_margin=None, **GATED) if "dlg_lc" in hparams else {}
    return [
        hparams, "--device", "cpu", *options({**SMALL, **corpus.lists, **stage, "output_folder": output, **settings})
    ]  # fmt: skip


def run(*arguments, **how):
    outcome = run_script("train.py", *arguments, **how)
    assert outcome.status == 0, outcome
    return outcome


def rows(path):
    with open(path) as file:
        return [{**row, "seconds": "", "seconds_waiting": ""} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def encoder(corpus, tmp_path_factory):
    """An encoder folder to start from: trained on a few true labels."""
    output = tmp_path_factory.mktemp("start") / "run"
    run(*command(corpus, output, "hparams/finetune.yaml", label_fraction=0.5, number_of_epochs=2))
    return output / "encoder"


@pytest.fixture(scope="module")
def iterated(corpus, encoder, tmp_path_factory):
    """Two iterations from beginning to end: the output folder and the outcome."""
    output = tmp_path_factory.mktemp("iterated") / "run"
    return output, run(*command(corpus, output, init=encoder), plots=True)


def test_each_iteration_leaves_what_it_should(iterated, corpus):
    output, outcome = iterated
    told = rows(output / "iterations.csv")
    assert [row["iteration"] for row in told] == ["1", "2"]
    assert [bool(row["ami_previous"]) for row in told] == [False, True]
    for number, row in enumerate(told, 1):
        folder = output / f"iteration_{number}"
        table = read_label_table(folder / "labels.csv")
        assert sorted(table.ids) == sorted(corpus.names) and (table.distances >= 0).all()
        assert set(table.clusters) == set(range(int(row["clusters"])))
        assert SpeakerEncoder.from_folder(folder / "encoder").encode_waves([np.random.rand(8000)]).shape == (1, 8)
        assert float(row["EER %"]) == json.loads((folder / "result.json").read_text())["EER %"]
        names = {path.name for path in folder.rglob("*")}
        assert {"epochs.csv", "epochs.png", "train_log.txt", "epoch0001.png", f"epoch000{EPOCHS}.png"} <= names
        assert any(name.startswith("events.out.tfevents") for name in names)
        epochs = rows(folder / "epochs.csv")
        assert epochs[0]["gate_threshold"] == "inf" and float(epochs[0]["fraction_kept"]) == 1
        assert float(row["ami_speakers"]) > -1 and 0 <= float(epochs[-1]["gate_recall"]) <= 1
    assert (output / "iterations.png").stat().st_size > 1000
    assert list((output / "tensorboard").glob("events.out.tfevents*"))
    assert outcome.out.count("The encoder is in") == 2
    *_, table, last, report = outcome.out.strip().split("\n\n")
    assert report == f"What the run looks like: {output}/report.html"
    assert table.startswith("| iteration") and last.startswith("Which encoder? Nothing says whether")


def test_a_finished_run_is_left_alone_and_may_get_more_iterations(iterated, corpus, encoder, tmp_path):
    output, _ = iterated
    before = {path: path.stat().st_mtime_ns for path in output.glob("iteration_*/**/*") if path.is_file()}
    again = run(*command(corpus, output, init=encoder))
    assert again.out.count("The encoder is in") == 1 and "| iteration" in again.out and "nothing was done" in again.out
    assert before == {path: path.stat().st_mtime_ns for path in output.glob("iteration_*/**/*") if path.is_file()}


def when_iteration(number, what):
    """Kill when something is done for the second time or so: ``what`` is called in the iteration ``number`` alone."""

    def patch():
        from speechbrain_cadino.dlg_lc import iteration

        make = iteration.keep_labels

        def keep_labels(path, *arguments):
            if path.parent.name == f"iteration_{number}":
                what()
            return make(path, *arguments)

        mock.patch.object(iteration, "keep_labels", keep_labels).start()

    return patch


def while_it_embeds():
    from speechbrain_cadino.encoder.shards import Shards

    mock.patch.object(Shards, "_merge", die).start()


def when_the_result_is_written():
    from speechbrain_cadino.dlg_lc import labelled

    mock.patch.object(labelled, "atomic_path", die).start()


@pytest.mark.parametrize(
    "kill",
    [
        while_it_embeds,
        when_iteration(2, while_it_clusters),
        when_the_table_is_written,
        when_a_step_begins(STEPS + 3),
        when_a_step_begins(3 * STEPS + 1),  # gate and correction at work
        when_the_result_is_written,
        when_iteration(2, die),
    ],
)
def test_killed_it_goes_on_to_the_same_weights(iterated, corpus, encoder, tmp_path, kill):
    arguments = command(corpus, tmp_path / "run", init=encoder, ckpt_interval_minutes=0, ckpt_interval_steps=2)
    assert run_until_killed(kill, *arguments) == -signal.SIGKILL
    run(*arguments)
    for number in (1, 2):
        part = f"iteration_{number}"
        assert_same_weights(iterated[0] / part, tmp_path / "run" / part, names=LEARNT[:2])
        assert rows(iterated[0] / part / "epochs.csv") == rows(tmp_path / "run" / part / "epochs.csv")
    wanted = rows(iterated[0] / "iterations.csv")
    for row in wanted:
        row["keep"] = row["keep"].replace(str(iterated[0]), f"{tmp_path}/run")
    assert rows(tmp_path / "run/iterations.csv") == wanted
    assert not list((tmp_path / "run").rglob(".*")) and not list((tmp_path / "run").rglob("shard_*"))


@pytest.fixture(scope="module")
def labels(corpus, tmp_path_factory):
    """Another toolkit's list: the true speakers, every fourth one wrong."""
    path = tmp_path_factory.mktemp("labels") / "utt2spk"
    others = corpus.names[17:] + corpus.names[:17]
    pairs = zip(corpus.names, others)
    lines = [f"{name} {(name if row % 4 else other)[:7]}\n" for row, (name, other) in enumerate(pairs)]
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("mode", ["none", "fixed", "dynamic", "dynamic+correction"])
def test_modes(corpus, labels, tmp_path, mode):
    settings = dict(labels=labels, n_iterations=1, gate_mode=mode)
    run(*command(corpus, tmp_path / "run", **settings))
    last = rows(tmp_path / "run/iteration_1/epochs.csv")[-1]
    assert float(last["fraction_wrong"]) == pytest.approx(16 / 64)
    assert ("fraction_corrected" in last) == (mode == "dynamic+correction")
    if mode == "none":
        assert last["gate_threshold"] == "inf" and float(last["fraction_kept"]) == 1
    elif mode == "fixed":
        assert float(last["gate_threshold"]) == pytest.approx(np.log(7) / np.log(6000))
    else:
        assert 0 < float(last["gate_threshold"]) < np.inf and 0 < float(last["fraction_kept"]) < 1
    # the clusters of the labels, not of embeddings
    assert rows(tmp_path / "run/iterations.csv")[0]["clusters"] == "7"
    assert not (tmp_path / "run/iteration_1/embeddings").exists()


def test_the_correction_starts_when_it_is_due(corpus, labels, tmp_path):
    run(*command(corpus, tmp_path / "run", labels=labels, n_iterations=1, corrector=dict(tau_2=0.0)))
    told = rows(tmp_path / "run/iteration_1/epochs.csv")
    assert [bool(row["fraction_corrected"]) for row in told] == [False, False, True, True]
    for row in told[2:]:  # all pass, all that is not kept is corrected
        assert float(row["fraction_kept"]) + float(row["fraction_corrected"]) == pytest.approx(1)
    assert "The correction passes all of the labels" in (tmp_path / "run/log.txt").read_text()


def test_stops_when_the_labels_agree(iterated, corpus, encoder, tmp_path):
    run(*command(corpus, tmp_path / "run", init=encoder, stop_agreement=-1.0))
    assert len(rows(tmp_path / "run/iterations.csv")) == 1


def test_an_iteration_may_go_on_with_the_last_weights(iterated, corpus, encoder, tmp_path):
    settings = dict(init=encoder, n_iterations=1, fresh_encoder=False, number_of_epochs=1, warmup_epochs=0)
    settings |= dict(lr=0.0, lr_schedule=dict(end=0.0))
    run(*command(corpus, tmp_path / "run", **settings, labels=iterated[0] / "iteration_1/labels.csv"))
    found = SpeakerEncoder.from_folder(tmp_path / "run/iteration_1/encoder").net.embedding_model.state_dict()
    wanted = SpeakerEncoder.from_folder(encoder).net.embedding_model.state_dict()
    name = "blocks.0.conv.conv.weight"
    np.testing.assert_allclose(found[name], wanted[name], atol=1e-6)
    fresh = SpeakerEncoder.from_folder(iterated[0] / "iteration_1/encoder").net.embedding_model.state_dict()
    assert not np.allclose(fresh[name], wanted[name], atol=1e-2)


def test_without_a_device_the_best_one_is_taken(corpus, encoder, tmp_path):
    hparams, *settings = command(corpus, tmp_path / "run", init=encoder, n_iterations=1, number_of_epochs=2)
    assert settings[:2] == ["--device", "cpu"]
    with mock.patch("torch.accelerator.is_available", lambda: False):
        run(hparams, *settings[2:])
    assert len(rows(tmp_path / "run/iterations.csv")) == 1


def test_large_margin_goes_on_from_the_last_iteration(iterated, corpus, encoder, tmp_path):
    large = dict(number_of_epochs=1, warmup_epochs=0, lr=0.0, lr_schedule=dict(end=0.0), margin=0.5)
    large |= dict(crops=dict(global_seconds=0.5))
    large |= dict(margin_warmup_epochs=0, correction_start_epoch=1)
    run(*command(corpus, tmp_path / "run", init=encoder, large_margin=large))
    told = rows(tmp_path / "run/iterations.csv")
    assert [row["step"] for row in told] == ["DLG-LC", "DLG-LC", "large margin"]
    assert float(told[2]["label_loss"]) > float(told[1]["label_loss"])  # a larger margin, and the same weights
    assert float(rows(tmp_path / "run/large_margin/epochs.csv")[0]["gate_threshold"]) < np.inf
    assert_same_weights(iterated[0] / "iteration_2", tmp_path / "run/iteration_2", names=LEARNT[:2])


@pytest.mark.parametrize(
    "large, said",
    [
        (dict(n_mels=24), "large_margin makes encoder another one"),
        (dict(embedding_dim=9), "large_margin makes encoder another one"),
        (dict(embedding_model=dict(lin_neurons=9)), "In large_margin: embedding_model gives"),
        (dict(compute_features=dict(n_mels=24)), "In large_margin: embedding_model cannot take the 24 features"),
        (dict(init="x"), "large_margin.init does nothing"),
        (dict(output_folder="x"), "large_margin.output_folder does nothing"),
        (dict(n_clusters=4), "large_margin.n_clusters does nothing"),
        (dict(large_margin=dict(lr=1.0)), "large_margin.large_margin does nothing"),
    ],
)
def test_what_the_large_margin_cannot_have_is_told_before_the_first_iteration(corpus, encoder, tmp_path, large, said):
    assert said in run_script("train.py", *command(corpus, tmp_path / "run", init=encoder, large_margin=large)).error()
    assert not list((tmp_path / "run").glob("iteration_*"))


def test_a_damaged_result_is_named(iterated, corpus, encoder, tmp_path):
    output = shutil.copytree(iterated[0], tmp_path / "run")
    record = json.loads((output / "run.json").read_text())
    (output / "run.json").write_text(json.dumps({name: value for name, value in record.items() if name != "finished"}))
    (output / "iteration_1/result.json").write_text("{")
    arguments = command(corpus, output, init=encoder)
    assert "iteration_1/result.json cannot be read" in run_script("train.py", *arguments).error()
    (output / "iteration_1/result.json").unlink()
    assert run_script("train.py", *arguments).status == 0
    assert_same_weights(iterated[0] / "iteration_2", output / "iteration_2", names=LEARNT[:2])


def test_held_out_lists_are_scored_too(corpus, labels, tmp_path):
    (tmp_path / "other.txt").write_text((corpus.folder / "trials.txt").read_text())
    settings = dict(labels=labels, n_iterations=1, number_of_epochs=2, held_out_trials=[str(tmp_path / "other.txt")])
    run(*command(corpus, tmp_path / "run", **settings))
    row = rows(tmp_path / "run/iterations.csv")[0]
    assert float(row["EER % other"]) == pytest.approx(float(row["EER %"]))


@pytest.mark.parametrize("fraction, utterances", [(0.25, 16), (1.0, 64)])
def test_few_labels(corpus, encoder, tmp_path, fraction, utterances):
    for name, init in {"from": encoder, "scratch": None}.items():
        run(*command(corpus, tmp_path / name, "hparams/finetune.yaml", label_fraction=fraction, init=init))
        table = read_label_table(tmp_path / name / "labels.csv")
        assert len(table) == utterances
        assert json.loads((tmp_path / name / "encoder/encoder.json").read_text())["info"]["utterances"] == utterances
    tables = [(tmp_path / name / "labels.csv").read_text() for name in ("from", "scratch")]
    assert tables[0] == tables[1]
    losses = [float(rows(tmp_path / name / "epochs.csv")[0]["loss"]) for name in ("from", "scratch")]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(), "give --init, an encoder folder, --labels, a label table, or --embeddings"),
        (dict(init="nowhere"), "nowhere does not exist: give the folder of an encoder"),
        (dict(labels="nowhere"), "The label table nowhere cannot be read"),
        (dict(labels="LABELS", n_iterations=0), "n_iterations is 0, and must be a whole number from 1 on"),
        (dict(labels="LABELS", gate_mode="magic"), "is magic, and must be one of none, fixed, dynamic, dyn"),
        (dict(labels="LABELS", gate=dict(start_epoch=1)), "start_epoch is 1: set at least 2"),
        (dict(labels="LABELS", correction_momentum=1.0), "correction_momentum is 1.0: set at least 0 and less than 1"),
        (dict(labels="LABELS", embedding_dim=16, fresh_encoder=False, init="ENCODER"), "has another architecture"),
    ],
)
def test_mistakes(corpus, labels, encoder, tmp_path, settings, said):
    named = {"LABELS": labels, "ENCODER": encoder}
    settings |= {name: named[value] for name, value in settings.items() if value in list(named)}
    assert said in run_script("train.py", *command(corpus, tmp_path / "run", **settings)).error()
    assert not list((tmp_path / "run").rglob("CKPT*"))


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(label_fraction=0.0), "label_fraction is 0.0, and must be a number above 0"),
        (dict(label_fraction=0.01), "1 utterances of one speaker: set a larger one"),
        (dict(prepare_options=dict(min_duration=0.3, speaker_pattern=None)), "The true speakers of some utterances"),
    ],
)
def test_mistakes_of_few_labels(corpus, tmp_path, settings, said):
    arguments = command(corpus, tmp_path / "run", "hparams/finetune.yaml", **settings)
    assert said in run_script("train.py", *arguments).error()


@pytest.mark.parametrize(
    "labels, words",
    [
        (lambda i: "same", "labelled utterances are in one class"),
        (lambda i: f"own{i}", "is a class of its own"),
        (lambda i: "-1", "no utterances with a label"),
        (lambda i: "", "no utterances with a label"),
        (lambda i: f"c{i % 2}" if i < 5 else "-1", "5 utterances do not fill one batch of 8"),
    ],
)
def test_labels_from_elsewhere_that_teach_nothing(corpus, tmp_path, labels, words):
    (tmp_path / "labels").write_text("".join(f"{name} {labels(i)}\n" for i, name in enumerate(corpus.names)))
    outcome = run_script("train.py", *command(corpus, tmp_path / "run", labels=tmp_path / "labels"))
    assert words in outcome.error()
    assert not list(tmp_path.glob("run/**/*.ckpt")) and not list(tmp_path.glob("run/**/encoder"))


def test_few_true_labels_that_teach_nothing(corpus, tmp_path):
    few = command(corpus, tmp_path / "run", "hparams/finetune.yaml", label_fraction=2 / 64)
    assert "2 labelled utterances is a class of its own" in run_script("train.py", *few).error()
    few = command(corpus, tmp_path / "run2", "hparams/finetune.yaml", label_fraction=0.1)
    assert "6 utterances do not fill one batch of 8" in run_script("train.py", *few).error()


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def again(iterated, encoder, corpus, tmp_path):
    """A copy of the finished iterations and of the encoder they began with, and a function that starts them again."""
    shutil.copytree(iterated[0], tmp_path / "run")
    shutil.copytree(encoder, tmp_path / "first")

    def start(**settings):
        return run_script("train.py", *command(corpus, tmp_path / "run", **{"init": tmp_path / "first", **settings}))

    return tmp_path, start


def retrain(folder):
    """Other weights in an encoder folder."""
    weights = torch.load(folder / "embedding_model.ckpt")
    weights["fc.conv.bias"] += 1
    torch.save(weights, folder / "embedding_model.ckpt")


def test_finished_iterations_are_told_and_left_alone(again):
    before = state(again[0])
    outcome = again[1]()
    assert outcome.status == 0 and "is finished: nothing was done" in outcome.out and "| iteration" in outcome.out
    assert state(again[0]) == before
    (again[0] / "first/README.md").write_text("what is no weight doesn't matter")
    assert again[1]().status == 0


@pytest.mark.parametrize("left", ["all", "one iteration", "labels"])
@pytest.mark.parametrize(
    "settings, said",
    [
        (
            dict(gate_mode="fixed", lr=9.0),
            "with gate_mode dynamic+correction, and now it is fixed (and 1 more: lr)",
        ),
        (dict(n_clusters=5), "begun with n_clusters 8, and now it is 5"),
        (dict(number_of_epochs=9), "begun with number_of_epochs 4, on which lr_schedule depends"),
        (dict(n_iterations=1), "begun with n_iterations 2, and it may only be raised"),
        (dict(init=None), "begun with init "),
        (dict(stop_agreement=0.5), "begun with stop_agreement none"),
        (dict(iteration=2), "begun with iteration 1"),
    ],
)
def test_other_iterations_are_refused(again, left, settings, said):
    folder = again[0] / "run"
    if left != "all":
        shutil.rmtree(folder / "iteration_2")
    if left == "labels":
        for name in ("save", "encoder"):
            shutil.rmtree(folder / "iteration_1" / name)
    before = state(folder)
    assert said in again[1](**settings).error()
    assert state(folder) == before


def test_an_encoder_replaced_in_place_is_refused(again):
    retrain(again[0] / "first")
    before = state(again[0])
    sentence = again[1]().error()
    assert "begun with init" in sentence and "holds another encoder" in sentence
    assert state(again[0]) == before


def test_an_iteration_whose_encoder_was_replaced_is_no_base_for_the_next(again):
    retrain(again[0] / "run/iteration_1/encoder")
    (again[0] / "run/run.json").write_text(
        json.dumps({**json.loads((again[0] / "run/run.json").read_text()), "finished": None})
    )
    before = state(again[0] / "run/iteration_2")
    assert "were made with encoder" in again[1]().error() or "made from another encoder" in again[1]().error()
    assert state(again[0] / "run/iteration_2") == before


def test_edited_labels_are_noticed(corpus, labels, again, tmp_path):
    given = tmp_path / "given"
    shutil.copy(labels, given)
    settings = dict(labels=given, n_iterations=1, number_of_epochs=2, gate_mode="none")
    arguments = command(corpus, tmp_path / "other", **settings)
    run(*arguments)
    before = state(tmp_path / "other")
    given.rename(tmp_path / "moved")  # the same content elsewhere
    run(*command(corpus, tmp_path / "other", **{**settings, "labels": tmp_path / "moved"}))
    assert state(tmp_path / "other") == before
    lines = labels.read_text().splitlines(keepends=True)
    name, label = lines[3].split()
    given.write_text("".join([*lines[:3], f"{name} {'talker0' if label != 'talker0' else 'talker1'}\n", *lines[4:]]))
    assert (
        f"begun with labels {given}, which now holds another label table" in run_script("train.py", *arguments).error()
    )
    assert state(tmp_path / "other") == before
    # the run's own copy, edited, in a run that goes on
    folder = again[0] / "run"
    shutil.rmtree(folder / "iteration_2")
    table = folder / "iteration_1/labels.csv"
    text = table.read_text().splitlines(keepends=True)
    name, cluster, distance = text[1].split(",")
    table.write_text("".join([text[0], f"{name},{(int(cluster) + 1) % 2},{distance}", *text[2:]]))
    before = state(folder / "iteration_1")
    assert "labels.csv are no longer those that the run has made" in again[1]().error()
    assert state(folder / "iteration_1") == before


def test_more_iterations_follow_the_ones_made(again, iterated):
    parts = [again[0] / "run" / name for name in ("iteration_1", "iteration_2")]
    before = [state(part / "encoder") for part in parts]
    outcome = again[1](n_iterations=3)
    assert outcome.status == 0, outcome
    assert len(rows(again[0] / "run/iterations.csv")) == 3
    assert before == [state(part / "encoder") for part in parts]
    for part in ("iteration_1", "iteration_2"):
        assert_same_weights(iterated[0] / part, again[0] / "run" / part, names=LEARNT[:2])
    assert "begun with n_iterations 3, and it may only be raised, and now it is 2" in again[1](n_iterations=2).error()


def test_few_labels_belong_to_their_run_too(corpus, encoder, tmp_path):
    def start(**settings):
        settings = {"label_fraction": 0.5, "number_of_epochs": 2, "init": encoder, **settings}
        return run_script("train.py", *command(corpus, tmp_path / "run", "hparams/finetune.yaml", **settings))

    assert start().status == 0
    before = state(tmp_path / "run")
    for settings, said in (
        (dict(label_fraction=1.0), "begun with label_fraction 0.5, and now it is 1"),
        (dict(init=None), "begun with init"),
        (dict(margin=0.1), "begun with margin 0.2, and now it is 0.1"),
    ):
        assert said in start(**settings).error()
    again = start()
    assert again.status == 0 and "is finished: nothing was done" in again.out and "| epoch |" in again.out
    assert state(tmp_path / "run") == before


def test_a_part_of_a_run_is_no_run(again, corpus):
    folder = again[0] / "run/iteration_1"
    before = state(folder)
    sentence = run_script("train.py", *command(corpus, folder, init=again[0] / "first")).error()
    assert f"iteration_1, which lies in the run {again[0]}/run: give" in sentence and state(folder) == before


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(n_clusters=64), "n_clusters is 64 for 64 utterances: each would be a cluster of its own"),
        (dict(n_clusters=1), "n_clusters is 1: set 2 or more"),
    ],
)
def test_clusters_that_teach_nothing_are_refused_before_anything_is_embedded(corpus, encoder, tmp_path, settings, said):
    arguments = command(corpus, tmp_path / "run", init=encoder, **settings)
    assert said in run_script("train.py", *arguments).error()
    assert not (tmp_path / "run/iteration_1").exists()


@pytest.mark.parametrize("init", ["absent", "run"])
def test_a_wrong_encoder_folder_is_told_before_the_corpus_is_read(corpus, tmp_path, init):
    (tmp_path / "run" / "encoder").mkdir(parents=True)
    sentence = run_script("train.py", *command(corpus, tmp_path / "out", init=tmp_path / init)).error()
    assert str(tmp_path / init) in sentence and not list(tmp_path.glob("out/**/*.csv"))
