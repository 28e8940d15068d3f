"""The recipe's YAML files: they load, no setting of theirs is idle, and dino.yaml is the configuration it says."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.augmentation.noise import NoiseFiles, SimulatedNoise
from speechbrain_cadino.augmentation.rirs import RIRFiles, SimulatedRIRs
from speechbrain_cadino.corpus.store import FileStore, MemoryStore
from speechbrain_cadino.dino.brain import DINOBrain
from speechbrain_cadino.dino.ca_brain import CADINOBrain
from speechbrain_cadino.dlg_lc.brain import DLGLCBrain
from speechbrain_cadino.dlg_lc.gate import DynamicLossGate, FixedLossGate, OpenGate
from speechbrain_cadino.training.auto import MIDDLING, auto_settings, numbers_for
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.command_line import parse_arguments
from speechbrain_cadino.utils.settings.load import (
    build_settings,
    changed_settings,
    read_settings,
    resolved_settings,
)
from speechbrain_cadino.utils.settings.merge import read_file
from speechbrain_cadino.utils.settings.tree import inline, write_tree
from tests.end_to_end.conftest import RECIPE, TINY, options

NO_EXPERIMENTS = {
    "hparams/base.yaml",
    *(f"hparams/parts/{name}.yaml" for name in ("calls", "clusters", "compensation", "demo", "small")),
    *(f"hparams/parts/{name}.yaml" for name in ("ecapa_speechbrain", "resnet", "self_supervised", "xvector")),
}
FILES = {path.relative_to(RECIPE).as_posix() for path in (RECIPE / "hparams").rglob("*.yaml")}
HPARAMS = sorted(FILES - NO_EXPERIMENTS)
PACKAGE = RECIPE.parents[2] / "speechbrain_cadino"


@pytest.fixture
def load(tmp_path):
    """Give a function that loads a YAML with its placeholders filled and settings replaced."""

    def load(hparams, **settings):
        tree = read_file(RECIPE / hparams)
        placeholders = [name for name, node in tree.items.items() if node.tag == "!PLACEHOLDER"]
        settings = {**dict.fromkeys(placeholders, tmp_path), "output_folder": tmp_path / "run", **settings}
        hparams_file, _, given = parse_arguments([str(RECIPE / hparams), *options(settings)])
        tree = read_settings(hparams_file, given)
        auto = auto_settings(tree)
        tree = changed_settings(tree, numbers_for(tree, auto, MIDDLING)) if auto else tree
        resolved_settings(tree)
        return build_settings(tree)

    return load


def test_these_are_the_files():
    assert {"hparams/dino.yaml", "hparams/ca_calls.yaml", "hparams/demo/dino.yaml"} <= set(HPARAMS)
    assert NO_EXPERIMENTS < FILES


def flat(node, name=""):
    """All settings of a tree, nested ones as a.b, as lines of hparams_before.txt."""
    if name:
        yield f"{name}: {node.tag or 'mapping'}" if isinstance(node.value, dict) else f"{name}: {inline(node)}"
    for key, child in node.items.items() if isinstance(node.value, dict) else ():
        yield from flat(child, f"{name}.{key}" if name else key)


# Settings that came since; where others refer to them, those must have their old values.
ADDED = ("budget", "retrieval_utterances", "global_seconds", "local_seconds", "n_fine", "gate.start_separation")
ADDED += (
    "channel_prob",
    "compensation",
    "cluster_compensation",
    "clustering.size_power",
    "false_acceptance",
    "class_balance",
    "trust_init",
    "embeddings",
    "embedding_ids",
    "distillation",
    "verbose",
    "license",
)
# What has another value since: n_clusters is auto on the demo, so n_classes is a number that each iteration replaces;
# compensation does the refit; and small gates start together with the correction.
CHANGED = ("n_classes", "last_layer_refit", "n_clusters", "gate.start_epoch", "correction_start_epoch")


def as_before(tree):
    """`flat`, without what was added."""
    values = {f"!ref <{name}>": inline(tree.items[name]) for name in ADDED if name in tree.items}
    for line in flat(tree):
        name, value = line.split(": ", 1)
        if not {name, name.split(".")[0]} & {*ADDED, *CHANGED}:
            yield f"{name}: {values.get(value, value)}"


BEFORE = Path(__file__).with_name("hparams_before.txt").read_text().splitlines()
NAMES = dict(line[2:].split(" ", 1) for line in BEFORE if re.match(r"# \w ", line))


@pytest.mark.parametrize("letter", NAMES)
def test_merged_with_their_bases_the_files_say_what_they_said_whole(letter):
    wanted = {line.split(" ", 1)[1] for line in BEFORE if line[0] != "#" and letter in line.split(" ")[0]}
    wanted = {line for line in wanted if not {line.split(":")[0], line.split(":")[0].split(".")[0]} & {*CHANGED}}
    found = set(as_before(read_file(RECIPE / "hparams" / NAMES[letter])))
    if letter in "fg":  # calls' speakers were named for the report
        wanted -= {line for line in wanted if "speaker_pattern" in line or line == "prepare_options: mapping"}
        found -= {line for line in found if "speaker_pattern" in line or line == "prepare_options: mapping"}
    assert sorted(found - wanted) == [] and sorted(wanted - found) == []
    assert len(wanted) > 100


@pytest.mark.parametrize("hparams", HPARAMS)
def test_no_setting_is_idle(hparams):
    """Each is read by the code, is one of SpeechBrain's run options, or is referred to in the same file."""
    text = write_tree(read_file(RECIPE / hparams))
    sources = [*PACKAGE.rglob("*.py"), RECIPE / "train.py"]
    read = set(
        re.findall(
            r"(?:hparams, \"|hparams\.|(?:settings|items)\.get\(\")(\w+)", "".join(path.read_text() for path in sources)
        )
    )
    read |= set(RunOptions().as_dict()) | set(re.findall(r"<(\w+)>", text))
    settings = re.findall(r"^(\w+):", text, re.MULTILINE)
    assert len(settings) > 40
    assert [name for name in settings if name not in read and name != "__set_seed"] == []


STAGE_II = [hparams for hparams in HPARAMS if re.search("dlg_lc|finetune|distil|adapt", hparams)]


@pytest.mark.parametrize("hparams", sorted(set(HPARAMS) - set(STAGE_II)))
def test_small_changes_fit_every_file_of_stage_1(load, hparams):
    settings = load(hparams, **TINY, noise_folder=None, rir_folder=None)
    assert settings["brain_class"] is (CADINOBrain if "ca_" in hparams else DINOBrain)
    assert settings["student"].head.last_layer.weight.shape == (16, 6)
    assert settings["encoder"].embedding_dim == 8 and settings["crops"].global_seconds == 0.4
    for name in ("lr_schedule", "momentum_schedule", "teacher_temp_schedule"):
        assert 0 <= settings[name].value(3, 4) <= 1


@pytest.mark.parametrize("hparams", STAGE_II)
def test_small_changes_fit_every_file_of_stage_2(load, hparams):
    of_stage_1 = ("n_prototypes", "freeze_last_layer_epochs", "head", "crops")
    tiny = {name: value for name, value in TINY.items() if name not in of_stage_1}
    no_files = dict(noise_folder=None, rir_folder=None)
    settings = load(hparams, **tiny, **no_files, n_classes=5, crops=dict(global_seconds=0.4))
    assert settings["brain_class"] is DLGLCBrain and settings["classifier"].weight.shape == (5, 8)
    assert settings["crops"].n_views == 1 and settings["dataset"].keywords["speed_factors"] == [1.0]
    assert settings["modules"] == {"encoder": settings["encoder"], "classifier": settings["classifier"]}


def test_the_full_configuration_of_stage_2(load):
    """The numbers that the file's comments give a source for."""
    settings = load("hparams/dlg_lc.yaml")
    lr, margin = settings["lr_schedule"], settings["margin_schedule"]
    assert [lr.value(epoch) for epoch in (2, 40)] == pytest.approx([0.1, 5e-5])
    assert (margin.value(0), margin.value(5), settings["aam"].scale) == (0.0, 0.2, 32.0)
    assert settings["classifier"].weight.shape == (7500, 192) and settings["clustering"].n_clusters == 7500
    gate, corrector = settings["gate"], settings["corrector"]
    assert (type(gate), gate.start_epoch, settings["correction_start_epoch"]) == (DynamicLossGate, 5, 9)
    assert (corrector.temperature, corrector.tau_2, corrector.hard) == (0.1, 0.5, False)
    assert settings["n_iterations"] == 5


@pytest.mark.parametrize("mode, wanted", [("none", OpenGate), ("fixed", FixedLossGate), ("dynamic", DynamicLossGate)])
def test_one_setting_picks_the_gate(load, mode, wanted):
    settings = load("hparams/dlg_lc.yaml", gate_mode=mode, iteration=2, n_classes=6000)
    assert type(settings["gate"]) is wanted
    assert mode != "fixed" or settings["gate"].level == 3.0


def test_each_iteration_sees_other_crops(load):
    seeds = [load("hparams/dlg_lc.yaml", iteration=number)["dataset"].keywords["seed"] for number in (1, 2)]
    assert seeds[0] != seeds[1]


def test_the_full_configuration(load):
    """The numbers that the file's comments give a source for."""
    settings = load("hparams/dino.yaml")
    lr, momentum, temperature = (settings[f"{name}_schedule"] for name in ("lr", "momentum", "teacher_temp"))
    assert [lr.value(epoch) for epoch in (10, 20, 150)] == pytest.approx([0.1, 0.2, 5e-5])
    assert [momentum.value(epoch) for epoch in (0, 75, 150)] == pytest.approx([0.996, 0.998, 1.0])
    assert [temperature.value(epoch) for epoch in (0, 15, 30, 150)] == pytest.approx([0.04, 0.055, 0.07, 0.07])
    assert settings["crops"].lengths.tolist() == [48000] * 2 + [32000] * 4
    assert settings["batch_size"] == 256 and settings["epoch_counter"].limit == 150
    count = {name: sum(p.numel() for p in settings[name].parameters()) / 1e6 for name in ("encoder", "head")}
    assert count["encoder"] == pytest.approx(6.2, abs=0.1)
    assert count["head"] == pytest.approx((192 * 2048 + 2048 * 2048 + 2048 * 256 + 256 * 65536) / 1e6, rel=1e-3)
    clipper, loss, drawer = settings["gradient_clipper"], settings["dino_loss"], settings["augment"]
    assert (clipper.max_norm, clipper.per_parameter) == (3.0, True)
    assert (loss.student_temp, loss.center_momentum, loss.center.shape[1]) == (0.1, 0.9, 65536)
    assert (drawer.settings.rir_prob, drawer.settings.noise_prob) == (0.5, 0.5)
    names = ["consistency_weight", "freeze_last_layer_epochs", "average_checkpoints", "teacher_batch_norm"]
    assert [settings[name] for name in names] == [1.0, 1, 10, "own"]
    optimiser = settings["opt_class"].keywords
    assert (optimiser["momentum"], optimiser["weight_decay"]) == (0.9, 5e-5)


@pytest.mark.parametrize("plain", ["dino", "demo/dino", "calls"])
def test_cluster_aware_dino_adds_the_clusters_and_changes_nothing_else(plain):
    path = RECIPE / "hparams" / f"{plain}.yaml"
    plain, aware = (
        dict(line.split(": ", 1) for line in flat(read_file(file)))
        for file in (path, path.with_name(f"ca_{path.name}"))
    )
    assert plain.keys() < aware.keys()
    assert {name for name in plain if plain[name] != aware[name]} == {"output_folder", "brain_class"}
    of_the_clusters = (
        "cluster",
        "compensation",
        "n_clusters",
        "start_from",
        "positive_sampler",
        "dataset.positive_sampler",
        "prepare_options.speaker_pattern",
    )
    assert [name for name in aware.keys() - plain.keys() if not name.startswith(of_the_clusters)] == []


def test_the_full_configuration_of_the_clusters(load):
    settings = load("hparams/ca_dino.yaml")
    schedule = settings["cluster_schedule"]
    assert (schedule.start_epoch, schedule.every, schedule.clusters_of(0)) == (90, 5, 25000)
    assert (
        settings["clustering"].spherical
        and settings["dataset"].keywords["positive_sampler"] is settings["positive_sampler"]
    )


def test_half_the_batch_has_half_the_rate(load):
    settings = load("hparams/dino.yaml", **{**TINY, "batch_size": 128})
    assert settings["lr_schedule"].value(1) == pytest.approx(0.1)


def test_settings_of_the_views_reach_them(load, noises, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.linspace(-0.25, 0.25, 800), 16000)
    plain = load("hparams/dino.yaml", **TINY)
    changed = dict(speed_factors=[0.9], preload=True, noise_folder=tmp_path, rir_folder=tmp_path, f_max=3800, seed=7)
    other = load("hparams/dino.yaml", **TINY, **changed)
    datasets = [settings["dataset"](noises) for settings in (plain, other)]
    assert [type(dataset.store) for dataset in datasets] == [FileStore, MemoryStore]
    assert [dataset.speed_factors for dataset in datasets] == [[1.0], [0.9]]
    assert [dataset.seed for dataset in datasets] == [1986, 7]
    assert [type(dataset.augment.noise) for dataset in datasets] == [SimulatedNoise, NoiseFiles]
    assert [type(dataset.augment.rirs) for dataset in datasets] == [SimulatedRIRs, RIRFiles]
    assert [settings["compute_features"].compute_fbanks.f_max for settings in (plain, other)] == [8000, 3800]
    assert load("hparams/dino.yaml", **TINY, augment=None)["dataset"](noises).augment is None


def test_loggers_are_added_and_left_out_by_name(load):
    settings = load("hparams/dino.yaml", train_loggers={"tensorboard": None, "wandb": None})
    assert settings["train_loggers"]["tensorboard"] is None and callable(settings["train_loggers"]["text"])
    with pytest.raises(UserError, match="^train_loggers.wandb is .* must be an object"):
        load("hparams/dino.yaml", train_loggers={"wandb": 3})
    with pytest.raises(UserError, match="tensorboard_logger matches no setting .*did you mean train_loggers"):
        load("hparams/dino.yaml", tensorboard_logger=None)
