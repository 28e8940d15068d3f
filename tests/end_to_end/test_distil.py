"""Learning from another encoder's embeddings, and staying near one's own, as a user runs them."""

import re
import signal

import numpy as np
import pytest

from speechbrain_cadino.inference import SpeakerEncoder
from tests.end_to_end.conftest import (
    assert_same_weights,
    options,
    run_script,
    run_until_killed,
    when_a_step_begins,
)
from tests.end_to_end.test_dlg_lc import EPOCHS, GATED, SMALL, STEPS, encoder, many_utterances, rows, run  # noqa: F401

SETTINGS = {**SMALL, "n_clusters": 8, "n_fine": 30, "preload": True, "correction_start_epoch": 3}
SETTINGS["gate"] = {name: value for name, value in GATED["gate"].items() if name != "start_epoch"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return many_utterances(tmp_path_factory.mktemp("corpus"))


def command(corpus, output, hparams="hparams/distil_small.yaml", **settings):
    return [hparams, "--device", "cpu", *options({**SETTINGS, **corpus.lists, "output_folder": output, **settings})]


@pytest.fixture(scope="module")
def given(corpus, tmp_path_factory):
    """Another encoder's embeddings of all utterances but four, of twelve numbers each, near one point a talker."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((8, 12))
    names = [name.removesuffix(".wav") for name in corpus.names[4:]]
    array = np.array([centers[int(name[6])] + 0.2 * rng.standard_normal(12) for name in names], dtype=np.float16)
    path = tmp_path_factory.mktemp("given") / "other.npz"
    np.savez(path, E=array, paths=np.array(names))
    return path


def test_a_small_encoder_learns_from_given_embeddings(corpus, given, tmp_path):
    linear = dict(distillation=dict(linear=True))
    arguments = command(corpus, tmp_path / "run", embeddings=given, **linear)
    outcome = run(*arguments)
    assert "The first clusters are of the 60 embeddings" in outcome.out + outcome.err
    (row,) = rows(tmp_path / "run/iterations.csv")
    assert row["clusters"] == "8" and float(row["ami_speakers"]) > 0.9
    epochs = [row for row in rows(tmp_path / "run/iteration_1/epochs.csv") if row["distillation_loss"]]
    distances = [float(row["distillation_loss"]) for row in epochs]
    assert len(distances) == EPOCHS and all(0 < one < 2 for one in distances)
    assert "4 of 64 items have no label" in outcome.out + outcome.err
    assert SpeakerEncoder.from_folder(tmp_path / "run/iteration_1/encoder").encode_waves([np.random.rand(8000)]).any()
    killed = command(
        corpus, tmp_path / "killed", embeddings=given, **linear, ckpt_interval_minutes=0, ckpt_interval_steps=2
    )
    assert run_until_killed(when_a_step_begins(STEPS + 3), *killed) == -signal.SIGKILL
    run(*killed)
    names = ("encoder", "classifier", "projection")
    assert_same_weights(tmp_path / "run/iteration_1", tmp_path / "killed/iteration_1", names=names)
    np.savez(given.with_name("changed.npz"), E=-np.load(given)["E"], paths=np.load(given)["paths"])
    other = run_script(
        "train.py", *command(corpus, tmp_path / "run", **linear, embeddings=given.with_name("changed.npz"))
    )
    assert "holds another set of embeddings" in other.error()


def test_with_weight_null_it_is_stage_two_bit_for_bit(corpus, given, encoder, tmp_path):  # noqa: F811
    settings = dict(embeddings=given, init=encoder, n_iterations=1, gate_mode="none", last_layer_refit=None, lr=0.003)
    run(*command(corpus, tmp_path / "plain", "hparams/dlg_lc_small.yaml", **settings))
    run(*command(corpus, tmp_path / "null", **settings, distillation_weight=None))
    assert_same_weights(tmp_path / "plain/iteration_1", tmp_path / "null/iteration_1", names=("encoder", "classifier"))


def test_a_large_margin_may_do_without(corpus, given, tmp_path):
    settings = dict(number_of_epochs=1, warmup_epochs=0, distillation=dict(linear=True))
    last = dict(distillation=None, number_of_epochs=1)
    run(*command(corpus, tmp_path / "run", embeddings=given, **settings, large_margin=last))
    one, other = (rows(tmp_path / f"run/{name}/epochs.csv")[-1] for name in ("iteration_1", "large_margin"))
    assert float(one["distillation_loss"]) > 0 and not other.get("distillation_loss")


def test_an_encoder_goes_on_near_what_it_was(corpus, encoder, tmp_path):  # noqa: F811
    first = []
    for weight in (0, 1000):
        output = tmp_path / f"weight{weight}"
        given = dict(init=encoder, distillation_weight=weight, lr=0.01, gate_mode="none", last_layer_refit=None)
        run(*command(corpus, output, "hparams/adapt_small.yaml", **given))
        waves = [np.random.default_rng(one).standard_normal(8000) for one in range(6)]
        old, new = (
            SpeakerEncoder.from_folder(folder).encode_waves(waves).numpy()
            for folder in (encoder, output / "iteration_1/encoder")
        )
        cosines = (old * new).sum(1) / np.linalg.norm(old, axis=1) / np.linalg.norm(new, axis=1)
        first.append(cosines.mean())
        assert (output / "init_embeddings/embeddings.npy").exists() == bool(weight)
    assert first[1] > first[0]


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(embeddings="nowhere.npz"), "nowhere.npz cannot be read .*No such file"),
        (dict(embeddings=None), "There is nothing to start from"),
        (dict(distillation_weight=-1), "distillation_weight is -1"),
        (dict(distillation=dict(linear="some")), "distillation.linear is"),
        (dict(), "have 8 numbers each, the teacher's 12"),
        (dict(labels="some.csv"), "some.csv"),
        (dict(distillation_weight=0, large_margin=dict(distillation_weight=1)), "whose distillation has nothing"),
        (
            dict(distillation=dict(linear=True), large_margin=dict(distillation=dict(embeddings="other.npz"))),
            "large_margin has a distillation with embeddings other.npz",
        ),
        (dict(embedding_ids="nowhere.txt"), "nowhere.txt"),
    ],
)
def test_mistakes(corpus, given, tmp_path, settings, said):
    outcome = run_script("train.py", *command(corpus, tmp_path / "run", **{"embeddings": given, **settings}))
    assert re.search(said, outcome.error())
