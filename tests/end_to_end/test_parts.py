"""Other networks than ECAPA-TDNN, by a part of a YAML: stages I and II, refit, export, resume; and wrong parts."""

import signal
from pathlib import Path

import pytest
import torch
from speechbrain.inference.classifiers import EncoderClassifier

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.encoder.architectures import build_network
from speechbrain_cadino.encoder.pooling import without_noise
from speechbrain_cadino.inference import SpeakerEncoder
from speechbrain_cadino.utils.settings.load import read_settings
from speechbrain_cadino.utils.settings.tree import inline, write_tree
from tests.encoder.conftest import SMALL_WAV2VEC2
from tests.end_to_end.conftest import (
    RECIPE,
    STEPS,
    TINY,
    assert_same_weights,
    make_corpus,
    options,
    run_script,
    run_until_killed,
    training,
    weights,
    when_a_step_begins,
)
from tests.end_to_end.test_two_ranks import launch

BARE = {name: value for name, value in TINY.items() if name not in ("embedding_model", "embedding_dim")}
OF_STAGE_1 = ("n_prototypes", "freeze_last_layer_epochs", "head")
NETWORKS = {
    "resnet": dict(embedding_model=dict(channels=[4, 4, 8, 8], block_sizes=[1, 1, 1, 1])),
    "xvector": dict(embedding_model=dict(tdnn_channels=[8, 8, 8, 8, 12])),
    "ecapa_speechbrain": dict(embedding_model=TINY["embedding_model"]),
    "self_supervised": dict(embedding_model=dict(architecture=SMALL_WAV2VEC2, attention_channels=4, lr_factor=0.1)),
}
REFIT = dict(last_layer_refit=Path("!ref <compensation>"), compensation=dict(seconds=0.4, n_views=2))


@pytest.fixture(scope="module")
def front_end(tmp_path_factory):
    """A file of weights as torchaudio's pipelines have them."""
    path = tmp_path_factory.mktemp("front_end") / "weights.pth"
    torch.manual_seed(0)
    torch.save(build_network(SMALL_WAV2VEC2, 0.0).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def chosen(front_end):
    """Give a function: the settings of a network, with those of a stage."""

    def settings(name, stage=BARE, parts=()):
        given = {**stage, **NETWORKS[name], "embedding_dim": 8}
        given["part"] = ",".join(f"hparams/parts/{part}.yaml" for part in (*parts, name))
        if name == "self_supervised":
            del given["n_mels"]
            given["front_end_weights"] = front_end
        return given

    return settings


def command(output, hparams, corpus, settings):
    settings = {**settings, **corpus.lists, "output_folder": output}
    return [f"hparams/{hparams}.yaml", "--device", "cpu", *options(settings)]


@pytest.fixture(scope="module")
def trained(corpus, chosen, tmp_path_factory):
    """Give the output folder of a stage I with refit of a network, run once."""
    found = {}

    def run(name):
        if name not in found:
            output = tmp_path_factory.mktemp(name) / "run"
            settings = {**chosen(name, parts=["compensation"]), **REFIT}
            outcome = run_script("train.py", *command(output, "dino", corpus, settings))
            assert outcome.status == 0, outcome
            found[name] = output
        return found[name]

    return run


@pytest.mark.parametrize("name", NETWORKS)
def test_stage_one_refitted_and_loaded_by_plain_speechbrain(trained, corpus, name):
    output = trained(name)
    path = corpus.folder / "wav" / corpus.names[0]
    ours = SpeakerEncoder.from_folder(output / "encoder").encode_files([path])
    plain = EncoderClassifier.from_hparams(source=str(output / "encoder"))
    without_noise(plain.mods.embedding_model)  # so little varies here that x-vector's noise counts
    embedding = plain.encode_batch(torch.from_numpy(read_audio(path))[None]).reshape(1, -1)
    assert ours.shape == (1, 8) and float(ours.abs().max()) > 0
    torch.testing.assert_close(embedding, ours, rtol=0, atol=1e-4 * float(ours.abs().max()))
    text = (output / "encoder/hyperparams.yaml").read_text()
    assert ("speechbrain_cadino" in text) == (name == "self_supervised")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    pairs = [(1, 32, 33), (1, 36, 38), (0, 32, 36), (0, 33, 37), (0, 34, 39)]
    return make_corpus(tmp_path_factory.mktemp("many"), 5, 4, 8000, training=32, pairs=pairs)


@pytest.mark.parametrize("name", NETWORKS)
def test_stage_two_from_its_clusters(trained, chosen, many, tmp_path, name):
    stage = {key: value for key, value in BARE.items() if key not in OF_STAGE_1}
    stage |= dict(crops=dict(global_seconds=0.3), batch_size=8, n_iterations=1, n_clusters=4, large_margin=None)
    stage |= dict(prepare_options=dict(min_duration=0.3), margin_warmup_epochs=1, gate_mode="none")
    stage |= dict(compensation=dict(seconds=0.3, n_views=2), fresh_encoder=False, init=trained(name) / "encoder")
    outcome = run_script("train.py", *command(tmp_path / "run", "dlg_lc", many, chosen(name, stage)))
    assert outcome.status == 0, outcome
    encoder = SpeakerEncoder.from_folder(tmp_path / "run/iteration_1/encoder")
    assert encoder.encode_files([many.folder / "wav" / many.names[0]]).isfinite().all()


@pytest.mark.parametrize("name", ["resnet", "self_supervised"])
def test_killed_it_goes_on_to_the_same_weights(trained, chosen, corpus, tmp_path, name):
    settings = {**chosen(name, parts=["compensation"]), **REFIT, "ckpt_interval_minutes": 0, "ckpt_interval_steps": 1}
    arguments = command(tmp_path / "run", "dino", corpus, settings)
    assert run_until_killed(when_a_step_begins(STEPS + 2), *arguments) == -signal.SIGKILL
    assert run_script("train.py", *arguments).status == 0
    assert_same_weights(trained(name), tmp_path / "run")


def test_two_ranks_learn_the_same(chosen, corpus, tmp_path):
    """DDP stops at a parameter that gets no gradient, of which this network has some."""
    settings = {**chosen("self_supervised", parts=["compensation"]), **REFIT}
    run = launch(tmp_path, tmp_path / "run", command(tmp_path / "run", "dino", corpus, settings))
    one, other = (learnt["modules"] for learnt in run.learnt)
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert (tmp_path / "run/encoder/encoder.json").is_file()


def test_a_frozen_network_stays_as_it_was(chosen, corpus, front_end, tmp_path):
    settings = chosen("self_supervised")
    settings["embedding_model"] = {**settings["embedding_model"], "lr_factor": 0.0}
    outcome = run_script("train.py", *command(tmp_path / "run", "dino", corpus, settings))
    assert outcome.status == 0, outcome
    given = torch.load(front_end)
    for name, prefix in (("student", ""), ("teacher", "model.")):
        found = weights(tmp_path / "run", [name])[name]
        start = f"{prefix}encoder.embedding_model.front_end."
        kept = {key[len(start) :]: tensor for key, tensor in found.items() if key.startswith(start)}
        torch.testing.assert_close(kept, given, rtol=0, atol=1e-6 if name == "teacher" else 0)


WRONG = {
    "embedding_model gives (2, 9) for a batch": ("resnet", dict(embedding_model=dict(lin_neurons=9))),
    "embedding_model gives (2, 1, 9) for a batch": ("xvector", dict(embedding_model=dict(lin_neurons=9))),
    "cannot take the 20 features of a frame": ("xvector", dict(embedding_model=dict(in_channels=40))),
    "AssertionError in speechbrain.lobes.models.ResNet": ("resnet", dict(embedding_model=dict(strides=[1, 2]))),
    "is a StatisticsPooling, which does not say": (
        "xvector",
        dict(
            embedding_model=Path("!new:speechbrain.nnet.pooling.StatisticsPooling {return_std: False}"),
            embedding_dim=20,
        ),
    ),
    "embedding_model.chanels of the command line matches no setting": (
        "resnet",
        dict(embedding_model=dict(chanels=[4, 4, 8, 8])),
    ),
    "The weights nowhere do not exist": ("self_supervised", dict(front_end_weights="nowhere")),
    "are of another network than the architecture": (
        "self_supervised",
        dict(embedding_model=dict(architecture={**SMALL_WAV2VEC2, "encoder_embed_dim": 32})),
    ),
    "takes waves, (batch, time)": (
        "self_supervised",
        dict(compute_features=Path("!new:speechbrain.lobes.features.Fbank {n_mels: 20}")),
    ),
    "none of wavlm_base": ("self_supervised", dict(embedding_model=dict(architecture="wavlm"))),
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_part_is_one_sentence_before_the_corpus_is_read(chosen, corpus, tmp_path, said):
    name, changed = WRONG[said]
    settings = chosen(name)
    for key, value in changed.items():
        both = isinstance(value, dict) and isinstance(settings.get(key), dict)
        settings[key] = {**settings[key], **value} if both else value
    assert said in run_script("train.py", *command(tmp_path / "run", "dino", corpus, settings)).error()
    assert not (tmp_path / "run/corpus").exists()


def test_a_part_that_is_not_there_and_one_that_holds_no_mapping(corpus, tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n")
    for part, said in (("nowhere.yaml", "nowhere.yaml cannot be read"), (tmp_path / "list.yaml", "are no mapping")):
        arguments = training(tmp_path / "run", part=part, **corpus.lists)
        assert said in run_script("train.py", *arguments).error()


def test_a_part_is_the_same_as_a_base(tmp_path):
    folder = RECIPE / "hparams"
    (tmp_path / "mine.yaml").write_text(f"base: [{folder}/dino.yaml, {folder}/parts/resnet.yaml]\n")
    as_part = read_settings(folder / "dino.yaml", {"part": "parts/resnet.yaml", "seed": "3"})
    as_base = read_settings(tmp_path / "mine.yaml", {"seed": "3"})
    assert {name: inline(node) for name, node in as_part.items.items()} == {
        name: inline(node) for name, node in as_base.items.items()
    }
    assert "speechbrain.lobes.models.ResNet.ResNet" in write_tree(as_part)
