"""Options of train.py: each value as it is meant, and one sentence for each that cannot be."""

import os
from pathlib import Path

import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.command_line import parse_arguments
from speechbrain_cadino.utils.settings.load import changed_settings, read_settings, resolved_settings

HPARAMS = Path(__file__).parents[3] / "recipes/VoxCeleb/SSL_CADINO/hparams"


def read(*arguments, file="dino.yaml"):
    """The tree, with its references resolved, of a file with options."""
    path, _, options = parse_arguments([str(HPARAMS / file), *arguments])
    if "data_folder" not in options:
        options["data_folder"] = "/"
    return resolved_settings(read_settings(path, options))


def value(name, *arguments, **options):
    """A setting after all."""
    node = read(*arguments, **options).items[name]
    return node.plain()


def sentence(*arguments, **options):
    with pytest.raises(UserError) as caught:
        read(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


ODD = [
    "2024",
    "1e3",
    "no",
    "null2",
    "a #1",
    "x: y",
    "[a]",
    "{a",
    "- a",
    "ä b",
    "it's",
    "2024-01-01",
    "-5",
    "a=b",
    "*",
    "&a",
    "1:30",
]


@pytest.mark.parametrize("name", ODD)
def test_a_folder_is_taken_as_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    for arguments in (["--data_folder", name], [f"--data_folder={name}"]):
        found = value("data_folder", *arguments)
        assert os.path.samefile(found, name)
    tree = read("--output_folder", name)
    assert os.path.normpath(tree.items["save_folder"].plain()) == f"{name}/save"
    assert os.path.normpath(tree.items["train_log"].plain()) == f"{name}/train_log.txt"


@pytest.mark.parametrize("name", ["(a)", "2024 #1", "5%0", "(1, 2)"])
def test_a_folder_that_a_reference_would_take_for_something_else(name):
    tree = read("--output_folder", name)
    assert os.path.normpath(tree.items["output_folder"].plain()) == name
    assert os.path.normpath(tree.items["save_folder"].plain()) == f"{name}/save"


@pytest.mark.parametrize(
    "name, text, wanted",
    [
        ("preload", "no", False),
        ("preload", "ON", True),
        ("batch_size", "1e2", 100),
        ("batch_size", "0x10", 16),
        ("lr", "1e-3", 0.001),
        ("lr", "2", 2),
        ("file_list", "~", None),
        ("file_list", "none", None),
        ("file_list", "2024", "2024"),
        ("file_list", "'2024'", "2024"),
        ("held_out_trials", "[2024, b.txt]", ["2024", "b.txt"]),
        ("speed_factors", "[1, 0.9]", [1, 0.9]),
        ("augment", "null", None),
        ("precision", "bf16", "bf16"),
        ("remove_vector_weight_decay", "no", False),
    ],
)
def test_a_value_is_what_yaml_says(name, text, wanted):
    found = value(name, f"--{name}", text)
    assert found == wanted and type(found) is type(wanted)


def test_a_flag_needs_no_value_and_what_may_be_null_may_be_empty():
    assert value("preload", "--preload", "--lr", "1") is True
    assert value("file_list", "--file_list") is None
    assert "has no value: give a number" in sentence("--lr")


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("batch_size", "ten", "a whole number from 1 on"),
        ("batch_size", "3.5", "a whole number from 1 on"),
        ("batch_size", "-5", "a whole number from 1 on"),
        ("batch_size", "True", "a whole number"),
        ("batch_size", "null", "a whole number"),
        ("batch_size", "[3]", "a whole number"),
        ("number_of_epochs", "2.5", "a whole number"),
        ("number_of_epochs", "0", "a whole number from 1 on"),
        ("epoch_counter", "{limit: 0}", "epoch_counter.limit is 0, and must be a whole number from 1 on"),
        ("average_checkpoints", "0", "a whole number from 1 on"),
        ("keep_checkpoints", "0", "a whole number from 1 on"),
        ("evaluate_every", "0", "a whole number from 1 on"),
        ("seed", "abc", "a whole number"),
        ("lr", "fast", "a number"),
        ("lr", ".nan", "a number"),
        ("preload", "maybe", "True or False"),
        ("preload", "1", "True or False"),
        ("crops", "3", "an object"),
        ("encoder", "null", "an object"),
        ("speed_factors", "1.0", "a list of numbers"),
        ("speed_factors", "[a]", "a list of numbers"),
        ("speed_factors", "[0.9, -1]", "a list of numbers"),
        ("held_out_trials", "x.txt", "a list of paths"),
        ("prepare_options", "3", "a mapping"),
        ("precision", "bf17", "one of fp32, fp16, bf16"),
        ("augment_settings", "{rir_prob: high}", "augment_settings.rir_prob is high, and must be a number"),
        ("embedding_model", "{channels: 3}", "embedding_model.channels is 3, and must be a list"),
        ("embedding_model", "{se_channels: x}", "embedding_model.se_channels is x, and must be a whole number"),
        ("loader_options", "{num_workers: x}", "loader_options.num_workers is x"),
        ("data_folder", "", "is empty"),
        ("dino_loss", "{student_temp: 0}", "dino_loss.student_temp is 0, and must be a number above 0"),
        ("dino_loss", "{student_temp: -0.1}", "a number above 0"),
        ("dino_loss", "{center_momentum: 5}", "a number from 0 to 1"),
        ("momentum_schedule", "{start: 2}", "a number from 0 to 1"),
        ("teacher_temp_schedule", "{end: 0}", "a number above 0"),
        ("gradient_clipper", "{max_norm: 0}", "a number above 0"),
        ("gradient_clipper", "{max_norm: -3}", "a number above 0"),
        ("opt_class", "{weight_decay: none}", "a number from 0 on"),
        ("opt_class", "{weight_decay: -1}", "a number from 0 on"),
        ("head", "{hidden_dim: 0}", "a whole number from 1 on"),
        ("dataset", "{seed: -1}", "a whole number from 0 to 4294967295"),
        ("crops", "{global_seconds: 0.001}", "a number from 0.1 to 600"),
        ("loader_options", "{num_workers: -1}", "a whole number from 0 on"),
    ],
)
def test_a_value_of_the_wrong_kind(name, text, words):
    message = sentence(f"--{name}", text)
    assert name in message and words in message and (text in message or " {" in f" {text}")


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("clustering", "{seed: -1}", "a whole number from 0 to 4294967295"),
        ("compensation", "{seed: 5000000000}", "a whole number from 0 to 4294967295"),
        ("compensation", "{seconds: 1000}", "a number from 0.1 to 600"),
        ("gate", "{min_weight: 2}", "a number from 0 to 1"),
        ("gate", "{min_fraction: few}", "a number from 0 to 1"),
    ],
)
def test_a_value_of_the_wrong_kind_that_would_show_hours_later(name, text, words):
    message = sentence(f"--{name}", text, file="dlg_lc.yaml")
    assert name in message and words in message


@pytest.mark.parametrize(
    "arguments, idle",
    [
        (["--channel_prob", "1", "--augment_settings", "{channel: null}"], "channel_prob"),
        (["--global_seconds", "2", "--crops", "{global_seconds: 1.5}"], "global_seconds"),
        (["--momentum_start", "0.9", "--momentum_schedule", "!new:builtins.dict"], "momentum_start"),
        (["--channel_prob", "1"], None),
        (["--augment_settings", "{channel: null}"], None),
    ],
)
def test_an_option_that_another_one_leaves_without_effect(arguments, idle, caplog):
    read(*arguments, file="small.yaml")
    assert (f"--{idle} changes nothing here" in caplog.text) == (idle is not None)
    assert caplog.text.count("changes nothing here") == (idle is not None)


@pytest.mark.parametrize(
    "arguments, meant",
    [
        (["--bach_size", "3"], "batch_size"),
        (["--devise", "cpu"], "device"),
        (["--precison", "bf16"], "precision"),
        (["--crops", "{n_globl: 3}"], "n_global"),
        (["--augment_settings", "{snr_db: {nois: [1, 2]}}"], "noise"),
        (["--collapse_watch", "{min_sprea: 9}"], "min_spread"),
        (["--embedding_model", "{se_chanels: 4}"], "se_channels"),
        (["--loader_options", "{num_wokers: 3}"], "num_workers"),
        (["--prepare_options", "{min_durations: 3}"], "min_duration"),
    ],
)
def test_an_unknown_name_gets_the_nearest_known_one(arguments, meant):
    assert f"did you mean {meant}?" in sentence(*arguments)


@pytest.mark.parametrize(
    "name, text",
    [
        ("loader_options", "{batch_size: 8}"),
        ("loader_options", "{shuffle: False}"),
        ("prepare_options", "{trials: [a.txt]}"),
    ],
)
def test_what_the_run_gives_itself_is_no_setting(name, text):
    assert "matches no setting" in sentence(f"--{name}", text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("{marginn: 3}", "did you mean margin?"),
        ("{margin: x}", "margin is x, and must be a number"),
        ("{crops: {global_secons: 3}}", "did you mean global_seconds?"),
        ("{number_of_epochs: 0.5}", "number_of_epochs is 0.5"),
        ("{gate: {start_epoh: 3}}", "did you mean start_epoch?"),
        ("{crops: {n_global: two}}", "n_global is two"),
    ],
)
def test_settings_for_later_are_looked_at_now(text, words):
    assert words in sentence("--large_margin", text, file="dlg_lc.yaml")


def test_what_may_be_one_number_or_several():
    assert value("n_clusters", "--n_clusters", "[30, 20]", file="ca_dino.yaml") == [30, 20]
    assert value("n_clusters", "--n_clusters", "30", file="ca_dino.yaml") == 30
    assert "must be a whole number" in sentence("--n_clusters", "[30, a]", file="ca_dino.yaml")


def test_another_class_replaces_and_a_part_is_merged():
    replaced = read("--opt_class", "!name:torch.optim.AdamW {lr: 0.1}").items["opt_class"]
    assert (replaced.tag, list(replaced.items)) == ("!name:torch.optim.AdamW", ["lr"])
    assert read("--opt_class", "!name:torch.optim.AdamW").items["opt_class"].items == {}
    merged = read("--opt_class", "{momentum: 0.8}").items["opt_class"]
    assert merged.tag == "!name:torch.optim.SGD" and merged.items["momentum"].plain() == 0.8
    assert list(merged.items) == ["lr", "momentum", "weight_decay"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["a.yaml", "b.yaml"], "'a.yaml' and 'b.yaml' are given"),
        (["a.yaml", "--lr", "1", "b.yaml"], "'a.yaml' and 'b.yaml' are given"),
        (["a.yaml", "--lr", "1", "--lr=2"], "--lr is given twice"),
        ([], "No settings file is given: train.py hparams/X.yaml"),
        (["--lr", "1"], "No settings file is given"),
        (["a.yaml", "--", "1"], "names no option"),
        (["absent.yaml"], "absent.yaml cannot be read"),
        ([str(HPARAMS / "dino.yaml"), "--debug_batches", "x"], "--debug_batches is x, and must be a whole number"),
        ([str(HPARAMS / "dino.yaml"), "--eval_precision", "x"], "must be one of fp32, fp16, bf16"),
        ([str(HPARAMS / "dino.yaml"), "--debug", "maybe"], "must be True or False"),
        ([str(HPARAMS / "dino.yaml"), "--device"], "--device has no value"),
    ],
)
def test_a_command_line_that_cannot_be(arguments, words):
    with pytest.raises(UserError) as caught:
        parse_arguments(arguments)
    assert words in str(caught.value)


def test_run_options_and_settings():
    dino = str(HPARAMS / "dino.yaml")
    file, run_opts, options = parse_arguments(
        ["--debug", dino, "--device=cpu", "--precision", "bf16", "--jit_module_keys", "a", "b"]
    )
    assert (file, options) == (dino, {"precision": "bf16"})
    assert run_opts.debug and run_opts.device == "cpu" and run_opts.jit_module_keys == ["a", "b"]
    assert run_opts.overridden_args == {"debug", "device", "jit_module_keys"}
    assert not parse_arguments([dino, "--debug", "no"])[1].debug


@pytest.mark.parametrize(
    "name, kind", [("data_folder", "a file: give a folder"), ("file_list", "a folder: give a file")]
)
def test_a_file_where_a_folder_is_meant(name, kind, tmp_path):
    (tmp_path / "file").touch()
    assert kind in sentence(f"--{name}", str(tmp_path / "file" if name == "data_folder" else tmp_path))


def test_help_lists_the_settings(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_arguments([str(HPARAMS / "demo/dlg_lc.yaml"), "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "# --- Loss, gate and correction" in text
    assert "tau_2: 0.9" in text and "0.5 (T) of these logits" in text and "--distributed_backend" in text
    said = "# of each iteration  (a whole number from 1 on, or auto (it follows the corpus))"
    assert f"number_of_epochs: 20              {said}" in text
    with pytest.raises(SystemExit) as stop:
        parse_arguments(["--help"])
    assert stop.value.code == 0 and "train.py hparams/X.yaml" in capsys.readouterr().out


def test_changes_of_a_run_are_values_as_they_are():
    tree = read_settings(HPARAMS / "dlg_lc.yaml", {"data_folder": "/"})
    changes = {"output_folder": "2024", "n_classes": 5, "labels": None, "lr": 1e-05, "crops": {"global_seconds": 6.0}}
    found = resolved_settings(changed_settings(tree, changes)).items
    assert {name: found[name].plain() for name in ("output_folder", "n_classes", "labels", "lr")} == {
        name: changes[name] for name in ("output_folder", "n_classes", "labels", "lr")
    }
    assert found["crops"].items["global_seconds"].plain() == 6.0 and found["crops"].items["n_global"].plain() == 1


def test_a_typo_in_a_file_that_nothing_reads(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"base: {HPARAMS / 'dino.yaml'}\nbatch_sise: 3\n")
    with pytest.raises(UserError, match="mine.yaml: Nothing reads the setting batch_sise .did you mean batch_size"):
        read_settings(mine)
    mine.write_text(f"base: {HPARAMS / 'dino.yaml'}\nmy_rate: 3\nlr: !ref <my_rate>\nbatch_size: 1e2\n")
    assert read_settings(mine).items["batch_size"].plain() == 100


@pytest.mark.parametrize(
    "option, file, remedy",
    [
        ("last_layer_refit={shrinkage: 1.0}", "small.yaml", "--compensation '{shrinkage: 1.0}'"),
        ("cluster_compensation={n_views: 2}", "ca_dino.yaml", "--compensation '{n_views: 2}'"),
        ("dataset={augment: {noise_prob: 0.5}}", "dino.yaml", "--augment '{noise_prob: 0.5}'"),
        ("large_margin={cluster_compensation: {n_views: 2}}", "dlg_lc.yaml", "--compensation '{n_views: 2}'"),
    ],
)
def test_some_settings_of_what_is_only_referred_to_are_refused_with_a_remedy(option, file, remedy, tmp_path):
    assert remedy in sentence(f"--{option}", file=file)
    name, value = option.split("=")
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"base: {HPARAMS / file}\n{name}: {value}\n")
    with pytest.raises(UserError, match="refers to .*, which holds for all"):
        read_settings(mine)


def test_another_object_in_place_of_a_reference_is_taken():
    tree = read_settings(HPARAMS / "small.yaml", {"data_folder": "/", "compensation": "{n_views: 2}"})
    assert resolved_settings(tree).items["last_layer_refit"].items["n_views"].plain() == 2
    assert value("last_layer_refit", "--last_layer_refit=null", file="small.yaml") is None


@pytest.mark.parametrize("file", ["finetune.yaml", "demo/finetune.yaml"])
def test_few_labels_may_have_their_last_layer_refitted(file):
    options = {"demo_folder": "/"} if file.startswith("demo") else {"data_folder": "/"}
    options["last_layer_refit"] = "!ref <compensation>"
    found = resolved_settings(read_settings(HPARAMS / file, options)).items["last_layer_refit"]
    assert found.tag == "!new:speechbrain_cadino.encoder.compensation.Compensation"


def test_a_part_adds_its_settings_to_the_help_and_to_what_may_be_given(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("# of mine\nlr: 0.25\nextra: 3  # of mine\n")
    tree = read("--part", str(tmp_path / "mine.yaml"), "--extra", "4")
    assert tree.items["lr"].plain() == 0.25 and tree.items["extra"].plain() == 4
    (tmp_path / "more.yaml").write_text("lr: 0.5\n")
    both = f"{tmp_path}/mine.yaml, {tmp_path}/more.yaml"
    assert read("--part", both).items["lr"].plain() == 0.5
    assert read("--part", f"[{both}]", "--lr", "0.75").items["lr"].plain() == 0.75
    assert "--extra" in sentence("--extra", "4")
    assert "The option --part is ''" in sentence("--part")
    assert "absent.yaml cannot be read" in sentence("--part", "absent.yaml")
    (tmp_path / "mine.yaml").write_text("n_prototype: 100\n")
    assert f"(with --part {tmp_path}/mine.yaml): Nothing reads" in sentence("--part", str(tmp_path / "mine.yaml"))


def test_a_whole_settings_file_is_no_part(tmp_path):
    (tmp_path / "own.yaml").write_text(f"base: {HPARAMS}/small.yaml\nlr: 0.5\n")
    for file in ("dlg_lc.yaml", tmp_path / "own.yaml"):
        assert "is a whole settings file, which would replace all of" in sentence("--part", str(file))
