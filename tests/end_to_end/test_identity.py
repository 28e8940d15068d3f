"""A folder belongs to one run: the same command goes on, another one is refused with nothing touched."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from tests.end_to_end.conftest import (
    EPOCHS,
    RECIPE,
    assert_same_weights,
    make_corpus,
    run_script,
    run_until_killed,
    training,
    when_a_step_begins,
)

PAIRS = [(1, 16, 18), (1, 20, 22), (0, 16, 20), (0, 17, 22), (0, 19, 21)]
# One step, then a checkpoint within the epoch.
SAVING = dict(ckpt_interval_minutes=0, ckpt_interval_steps=2)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A corpus of the module's own, a finished run and one that was killed in its second epoch."""
    home = tmp_path_factory.mktemp("home")
    home.joinpath("corpus").mkdir()
    corpus = make_corpus(home / "corpus", 6, 2, 16000, training=16, pairs=PAIRS)
    assert (
        run_until_killed(when_a_step_begins(6), *training(home / "half", **corpus.lists, **SAVING)) == -signal.SIGKILL
    )
    outcome = run_script("train.py", *training(home / "whole", **corpus.lists, **SAVING))
    assert outcome.status == 0, outcome
    return home, corpus


@pytest.fixture(params=["half", "whole"])
def place(home, tmp_path, request):
    """A copy of it all, whose half or whole run may be harmed: its folder, and a function that gives the arguments."""
    shutil.copytree(home[0], tmp_path / "home", symlinks=True)
    corpus = home[1]._replace(folder=tmp_path / "home/corpus")
    run = tmp_path / "home" / request.param

    def start(hparams="hparams/dino.yaml", **settings):
        settings = {**corpus.lists, **SAVING, **settings}
        return run_script("train.py", *training(settings.pop("output_folder", run), hparams, **settings))

    return run, start, corpus.folder


def state(folder):
    """Names, bytes and times of all that is in a folder."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()
    } | {path: path.stat().st_mtime_ns for path in folder.rglob("*/") if path != folder}


def refused(place, *said, **settings):
    run, start, _ = place
    before = state(run)
    sentence = start(**settings).error()
    assert state(run) == before
    for text in (str(run), *said):
        assert text in sentence, sentence


def goes_on(place, **settings):
    run, start, _ = place
    encoder = run / "encoder"
    before = state(encoder)
    outcome = start(**settings)
    assert outcome.status == 0, outcome
    assert (encoder / "encoder.json").is_file()
    assert not before or state(encoder) == before
    return outcome


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(lr=9), "begun with lr 0.003125, and now it is 9"),
        (dict(seed=7), "begun with seed 1986, and now it is 7"),
        (dict(batch_size=8), "begun with batch_size 4, and now it is 8"),
        (dict(crops=dict(global_seconds=0.3, local_seconds=0.2)), "crops.global_seconds 0.4, and now it is 0.3"),
        (dict(dino_loss=dict(center_momentum=0.5)), "dino_loss.center_momentum 0.9, and now it is 0.5"),
        (dict(n_prototypes=8), "begun with n_prototypes 16, and now it is 8"),
        (dict(speed_factors=[0.9, 1.0]), "speed_factors"),
        (dict(augment_settings=dict(rir_prob=0.0)), "augment_settings.rir_prob 0.5, and now it is 0"),
        (dict(augment=None), "augment"),
        (dict(koleo_weight=0.5, consistency_weight=0.0), "(and 1 more: koleo_weight)"),
        (dict(number_of_epochs=3), "begun with number_of_epochs 2, on which lr_schedule depends, and now it is 3"),
        (dict(keep_checkpoints=1, average_checkpoints=1), "average_checkpoints"),
        (dict(keep_checkpoints=9), "begun with keep_checkpoints 10, and it may only be raised, and now it is 9"),
        (dict(precision="bf16"), "begun with precision fp32, and now it is bf16"),
        (dict(prepare_options=dict(min_duration=0.5)), "prepare_options.min_duration"),
        (dict(remove_vector_weight_decay=False), "remove_vector_weight_decay true, and now it is false"),
        (dict(save_folder="ELSEWHERE"), "save_folder"),
        (dict(checkpointer=dict(checkpoints_dir="/elsewhere")), "checkpointer.checkpoints_dir"),
        (dict(grad_accumulation_factor=2), "grad_accumulation_factor 1, and now it is 2"),
    ],
)
def test_another_setting_is_refused(place, settings, said, tmp_path):
    refused(place, said, **{name: tmp_path / "else" if v == "ELSEWHERE" else v for name, v in settings.items()})


def test_another_kind_of_run_is_refused(place):
    refused(place, "begun with brain_class", hparams="hparams/ca_dino.yaml", n_clusters=4)


def change_file(folder):
    path = folder / "wav/talker1/s0/1.wav"
    status = path.stat()
    samples = 0.1 * np.random.default_rng(5).standard_normal(16000)
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    assert path.stat().st_size == status.st_size
    return {}


def remove_from_the_list(folder):
    path = folder / "train_files.txt"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    return {}


def add_to_the_list(folder):
    shutil.copy(folder / "wav/talker1/s0/1.wav", folder / "wav/talker1/s0/new.wav")
    path = folder / "train_files.txt"
    path.write_text(path.read_text() + "\ntalker1/s0/new.wav")
    return {}


def exchange_in_the_list(folder):
    add_to_the_list(folder)
    return remove_from_the_list(folder)


def order_the_list(folder):
    path = folder / "train_files.txt"
    path.write_text("\n".join(path.read_text().splitlines()[::-1]))
    return {}


def another_data_folder(folder):
    for path in (folder / "wav").rglob("*.wav"):
        other = folder / "other" / path.relative_to(folder / "wav")
        other.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(other, soundfile.read(path)[0][::-1], 16000, subtype="PCM_16")
    return dict(data_folder=folder / "other", development_folder=folder / "wav")


@pytest.mark.parametrize(
    "change, said",
    [
        (change_file, ["were 16 and are now 16: 1 changed (talker1/s0/1.wav)"]),
        (remove_from_the_list, ["were 16 and are now 15: 1 removed (talker0/s0/0.wav)"]),
        (add_to_the_list, ["were 16 and are now 17: 1 added (talker1/s0/new.wav)"]),
        (exchange_in_the_list, ["1 added (talker1/s0/new.wav), 1 removed (talker0/s0/0.wav)"]),
        (order_the_list, ["come in another order"]),
        (another_data_folder, ["16 changed (talker0/s0/0.wav, ...)"]),
    ],
)
def test_other_utterances_are_refused(place, change, said):
    settings = change(place[2])
    refused(place, *said, **settings)


def test_other_trial_lists_are_refused(place):
    folder = place[2]
    own = folder / "own.txt"
    own.write_text("1 talker0/s0/0.wav talker0/s1/0.wav\n0 talker0/s0/0.wav talker1/s0/0.wav\n")
    refused(place, "removed (talker0/s0/0.wav", held_out_trials=[str(own)])
    refused(place, "which is not given any more", development_trials=None)
    text = (folder / "trials.txt").read_text()
    (folder / "trials.txt").write_text(text.splitlines(keepends=True)[0])
    refused(place, "held out the trial list", "or has changed")


def test_noise_by_its_files(place):
    folder = place[2]
    (folder / "noise").mkdir()
    soundfile.write(folder / "noise/a.wav", np.zeros(4000) + 0.1, 16000)
    refused(place, "begun with noise_folder none, and now it is", noise_folder=folder / "noise")
    refused(place, "begun with rir_folder none, and now it is", rir_folder=folder / "noise")


def test_noise_of_equal_length_is_other_noise(home, tmp_path):
    corpus, noise = home[1], tmp_path / "noise"
    noise.mkdir()

    def write(seed):
        wave = np.random.default_rng(seed).uniform(-0.1, 0.1, 32000)
        soundfile.write(noise / "a.wav", wave, 16000)

    write(0)
    arguments = training(tmp_path / "run", **corpus.lists, noise_folder=noise, rir_folder=noise)
    assert run_until_killed(when_a_step_begins(6), *arguments) == -signal.SIGKILL
    write(1)
    assert "noise, which now holds another noise" in run_script("train.py", *arguments).error()


def test_audio_kept_in_memory_may_be_rounded(place, caplog):
    goes_on(place, preload=True)
    assert "begun with preload false, and now it is true: files of 16 bits stay the same" in caplog.text


def move_all(folder):
    shutil.copytree(folder, folder.parent / "moved")  # new times, new inodes
    moved = folder.parent / "moved"
    for path in moved.rglob("*.wav"):
        os.utime(path, (0, 0))
    shutil.rmtree(folder)
    names = dict(data_folder="wav", file_list="train_files.txt", development_trials="trials.txt")
    return {name: moved / path for name, path in names.items()}


def touch_all(folder):
    for path in folder.rglob("*"):
        os.utime(path)
    return {}


def other_lists(folder):
    """The development list held out only, and another one developed on, of utterances that were held out already."""
    lines = (folder / "trials.txt").read_text().splitlines(keepends=True)
    (folder / "more.txt").write_text("".join(lines[::-1]))
    return dict(development_trials=folder / "more.txt", held_out_trials=[str(folder / "trials.txt")])


@pytest.mark.parametrize(
    "change",
    [
        dict(loader_options=dict(num_workers=1, prefetch_factor=3)),
        dict(preload=True),
        dict(train_loggers=dict(tensorboard=None)),
        dict(evaluate_every=2),
        dict(keep_checkpoints=12),
        dict(ckpt_interval_steps=0),
        dict(lr=0.003125),  # what the formula gives
        dict(collapse_watch=dict(min_spread=0.0)),
        dict(prepare_options=dict(workers=1)),
        move_all,
        touch_all,
        other_lists,
    ],
)
def test_what_may_change_goes_on_to_the_same_weights(place, home, change):
    settings = change(place[2]) if callable(change) else change
    outcome = goes_on(place, **settings)
    assert_same_weights(home[0] / "whole", place[0])
    finished = "is finished: nothing was done" in outcome.out
    assert finished == (place[0].name == "whole")


def test_the_folder_may_be_renamed(place, home):
    run, start, _ = place
    run.rename(run.with_name("renamed"))
    outcome = start(output_folder=run.with_name("renamed"))
    assert outcome.status == 0, outcome
    assert_same_weights(home[0] / "whole", run.with_name("renamed"))


def test_another_version_is_said_and_goes_on(place, caplog):
    run = place[0]
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"version": "0.1.9", "ranks": 2}))
    goes_on(place)
    assert "was begun by version 0.1.9, and goes on by" in caplog.text
    assert "begun by 2 processes, and goes on by 1" in caplog.text


def test_a_finished_run_is_told_and_left_alone(home, tmp_path):
    shutil.copytree(home[0] / "whole", tmp_path / "run")
    before = state(tmp_path / "run")
    again = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING))
    assert again.status == 0 and "is finished: nothing was done, nothing has changed" in again.out
    assert "| epoch |" in again.out and "The encoder to keep" in again.out and "The encoder is in" in again.out
    assert state(tmp_path / "run") == before


@pytest.mark.parametrize(
    "name, text",
    [("epochs.csv", None)] + [("encoder/encoder.json", text) for text in ("{}", "{", "[]", '{"info": null}')],
)
def test_a_finished_run_whose_words_are_lost_is_left_alone(home, tmp_path, name, text, caplog):
    shutil.copytree(home[0] / "whole", tmp_path / "run")
    (tmp_path / "run" / name).unlink() if text is None else (tmp_path / "run" / name).write_text(text)
    before = state(tmp_path / "run")
    again = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING))
    assert again.status == 0 and "is finished: nothing was done, nothing has changed" in again.out
    assert "said at its end cannot be read any more" in caplog.text and state(tmp_path / "run") == before


@pytest.mark.parametrize("text", ["{}", '{"version": "0.2.0"}', "[]", "{"])
def test_a_damaged_record_is_named(home, tmp_path, text):
    shutil.copytree(home[0] / "whole", tmp_path / "run")
    (tmp_path / "run/run.json").write_text(text)
    sentence = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING)).error()
    assert "run.json, which says what run this is, cannot be read" in sentence


def test_a_finished_run_whose_weights_were_removed_exports_them_again(home, tmp_path):
    shutil.copytree(home[0] / "whole", tmp_path / "run")
    (tmp_path / "run/encoder/embedding_model.ckpt").unlink()
    again = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING))
    assert again.status == 0 and "nothing was done" not in again.out
    assert (tmp_path / "run/encoder/embedding_model.ckpt").is_file()
    assert_same_weights(home[0] / "whole", tmp_path / "run")


def test_a_finished_run_whose_encoder_was_removed_exports_it_again(home, tmp_path):
    shutil.copytree(home[0] / "whole", tmp_path / "run")
    shutil.rmtree(tmp_path / "run/encoder")
    again = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING))
    assert again.status == 0 and "epoch 1 of" not in again.out and "epoch 2 of" not in again.out
    found, wanted = (torch.load(one / "encoder/embedding_model.ckpt") for one in (tmp_path / "run", home[0] / "whole"))
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_before_the_first_checkpoint_a_setting_may_be_corrected(home, tmp_path):
    assert (
        "do not fill one batch"
        in run_script("train.py", *training(tmp_path / "run", **home[1].lists, **{**SAVING, "batch_size": 64})).error()
    )
    assert (tmp_path / "run/run.json").exists()
    outcome = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING))
    assert outcome.status == 0, outcome
    assert_same_weights(home[0] / "whole", tmp_path / "run")


def test_more_epochs_where_no_schedule_depends_on_them(home, tmp_path):
    constant = "!new:speechbrain_cadino.training.schedules.Constant {level: 0.01}"
    names = ("lr_schedule", "momentum_schedule", "teacher_temp_schedule")
    lines = [f"base: {RECIPE / 'hparams/dino.yaml'}", *(f"{name}: {constant}" for name in names)]
    (tmp_path / "constant.yaml").write_text("\n".join(lines) + "\n")
    watch = dict(warmup_epochs=9)

    def start(name, epochs):
        settings = {**home[1].lists, **SAVING, "number_of_epochs": epochs, "average_checkpoints": 1}
        settings["collapse_watch"] = watch
        outcome = run_script("train.py", *training(tmp_path / name, tmp_path / "constant.yaml", **settings))
        assert outcome.status == 0, outcome
        return outcome

    start("at_once", EPOCHS + 1)
    start("in_two", EPOCHS)
    longer = start("in_two", EPOCHS + 1)
    assert "\nepoch 3 of 3: DINO loss" in longer.out and "epoch 2 of" not in longer.out
    assert_same_weights(tmp_path / "at_once", tmp_path / "in_two")
    exported = [torch.load(tmp_path / name / "encoder/embedding_model.ckpt") for name in ("at_once", "in_two")]
    torch.testing.assert_close(*exported, rtol=0, atol=0)
    settings = {**home[1].lists, **SAVING, "number_of_epochs": EPOCHS, "average_checkpoints": 1}
    settings["collapse_watch"] = watch
    again = run_script("train.py", *training(tmp_path / "in_two", tmp_path / "constant.yaml", **settings))
    assert "begun with number_of_epochs 3, and it may only be raised, and now it is 2" in again.error()


@pytest.mark.parametrize(
    "name, said",
    [
        ("epochs.csv", "holds epochs.csv, which a run would replace"),
        ("save/notes.txt", "holds save, which"),
        ("encoder/thesis.tex", "holds encoder, which"),
        ("iteration_1/a.txt", "holds iteration_1, which"),
        ("corpus/mine.wav", "holds corpus, which"),
        (
            "save/CKPT+old/CKPT.yaml",
            "but not what they were made from (run.json), as runs of version 0.1.0",
        ),
        ("iteration_2/save/CKPT+old/CKPT.yaml", "as runs of version 0.1.0"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused(home, tmp_path, name, said):
    path = tmp_path / "run" / name
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    before = state(tmp_path / "run")
    assert said in run_script("train.py", *training(tmp_path / "run", **home[1].lists)).error()
    assert state(tmp_path / "run") == before


def test_files_that_are_in_nobody_s_way_stay(home, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("of the user")
    (tmp_path / "run/save").mkdir()
    outcome = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING))
    assert outcome.status == 0, outcome
    assert (tmp_path / "run/notes.txt").read_text() == "of the user"


def test_a_damaged_record_is_refused(home, tmp_path):
    shutil.copytree(home[0] / "half", tmp_path / "run")
    for text in ("{", "[]", ""):
        (tmp_path / "run/run.json").write_text(text)
        before = state(tmp_path / "run")
        assert (
            "run.json, which says what run this is, cannot be read"
            in run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING)).error()
        )
        assert state(tmp_path / "run") == before


def test_a_second_process_is_told_who_works_in_the_folder(home, tmp_path):
    shutil.copytree(home[0] / "half", tmp_path / "run")
    code = (
        "import sys, time; from speechbrain_cadino.utils.locks import hold_folder\n"
        f"with hold_folder({str(tmp_path / 'run')!r}): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        before = state(tmp_path / "run")
        sentence = run_script("train.py", *training(tmp_path / "run", **home[1].lists, **SAVING)).error()
        assert f"{tmp_path}/run is in use by process {process.pid} on " in sentence
        assert state(tmp_path / "run") == before
    finally:
        process.communicate()
