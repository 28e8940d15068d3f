"""Stage II with a second modality as a user runs it: what it leaves, killed, without faces, with given embeddings."""

import json
import signal

import numpy as np
import pytest
import torch

from speechbrain_cadino.clusters.table import read_label_table
from tests.end_to_end.conftest import (
    RECIPE,
    assert_same_weights,
    die,
    run_script,
    run_until_killed,
    when_a_step_begins,
    while_it_clusters,
)
from tests.end_to_end.test_dlg_lc import EPOCHS, STEPS, command, many_utterances, rows, run, when_iteration
from tests.end_to_end.vectors import write_vectors

GATE = """
        gate: !apply:speechbrain_cadino.dlg_lc.gate.make_gate
            mode: !ref <gate_mode>
            iteration: !ref <iteration>
            n_classes: !ref <n_classes>
            start_epoch: 2
            chance_fraction: 0.0
            min_weight: 0.0
            min_fraction: 0.0
"""
SHARED = """
gate_rule: own
correction: own
join: !new:speechbrain_cadino.clusters.joint.Join
    how: concat
face_folder: !PLACEHOLDER
init_face: null
"""
TRAINED = """
modalities:
    face:
        data: !new:tests.end_to_end.vectors.Vectors
            embeddings: !ref <face_folder>
            embedding_dim: 6
        encoder: !new:tests.end_to_end.vectors.VectorEncoder
        classifier: !new:speechbrain_cadino.dlg_lc.aam.CosineClassifier
            embedding_dim: 5
            n_classes: !ref <n_classes>
        init: !ref <init_face>
        weight: 1.0
"""
GIVEN = """
modalities:
    face:
        data: !new:speechbrain_cadino.dlg_lc.precomputed.Precomputed
            embeddings: !ref <face_folder>
            embedding_dim: 6
        encoder: !new:speechbrain_cadino.encoder.precomputed.PrecomputedEncoder
            embedding_dim: 6
        classifier: !new:speechbrain_cadino.dlg_lc.aam.CosineClassifier
            embedding_dim: 6
            n_classes: !ref <n_classes>
"""
PARTS = ("iteration_1", "large_margin")
VOICES = """
face_folder: !PLACEHOLDER
voice_data: !new:speechbrain_cadino.dlg_lc.precomputed.Precomputed
    embeddings: !ref <face_folder>
    embedding_dim: !ref <embedding_dim>
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return many_utterances(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def encoder(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("start") / "run"
    run(*command(corpus, output, "hparams/finetune.yaml", label_fraction=0.5, number_of_epochs=2))
    return output / "encoder"


@pytest.fixture(scope="module")
def ids(corpus):
    """The IDs of the training utterances, as the manifest has them."""
    return list(corpus.names)


@pytest.fixture(scope="module")
def hparams(tmp_path_factory):
    """The YAML of each kind of run."""
    folder, found = tmp_path_factory.mktemp("hparams"), {}
    for name, text in {"trained": SHARED + TRAINED + GATE, "given": SHARED + GIVEN + GATE, "voices": VOICES}.items():
        found[name] = folder / f"dlg_lc_{name}.yaml"
        found[name].write_text(f"base: {RECIPE / 'hparams/dlg_lc.yaml'}\n{text}")
    return {name: str(path) for name, path in found.items()}


@pytest.fixture(scope="module")
def faces(ids, tmp_path_factory):
    """Of three in four utterances, and of four items that have no voice."""
    folder = tmp_path_factory.mktemp("faces")
    some = [name for number, name in enumerate(ids) if number % 4]
    return write_vectors(folder / "faces", some, extra=[f"talker{n}/alone" for n in range(4)])


@pytest.fixture(scope="module")
def iterated(corpus, encoder, hparams, faces, tmp_path_factory):
    output = tmp_path_factory.mktemp("iterated") / "run"
    settings = dict(init=encoder, face_folder=faces, gate_rule="and", correction="mean")
    return output, run(*command(corpus, output, hparams["trained"], **settings), plots=True), settings


def test_each_iteration_leaves_both_encoders_and_metrics_of_both(iterated, corpus, ids):
    output, outcome, _ = iterated
    for number in (1, 2):
        folder = output / f"iteration_{number}"
        names = {path.name for path in folder.rglob("*")}
        assert {"encoder", "face_encoder", "epoch0001.png", "face_epoch0001.png"} <= names
        table = read_label_table(folder / "labels.csv")
        # At first the voices alone are clustered, so that what has none gets no label.
        wanted = set(ids) | ({f"talker{n}/alone" for n in range(4)} if number == 2 else set())
        assert set(table.ids) == wanted
        last = rows(folder / "epochs.csv")[-1]
        assert {"fraction_kept", "face_fraction_kept", "face_gate_threshold"} <= set(last)
        # Nobody knows who the faces without a voice are; the others count.
        assert {"gate_recall", "face_gate_recall", "fraction_wrong"} <= set(last)
        assert ("face_fraction_known" in last) == (number == 2)
        assert number == 1 or 0 < float(last["face_fraction_known"]) < float(last["fraction_known"]) == 1
        assert float(last["face_fraction_skipped"]) == 0
        assert json.loads((folder / "result.json").read_text())["face_exported_items"] in (48, 52)
    told = rows(output / "iterations.csv")
    assert [bool(row["face_fraction_kept"]) for row in told] == [True, True]
    assert "face_fraction_kept" in outcome.out
    origin = json.loads((output / "iteration_2/labels.json").read_text())
    assert {"encoder", "face_encoder", "join"} <= set(origin)


def while_the_second_is_kept():
    from tests.end_to_end.vectors import Vectors

    Vectors.keep = die


def test_killed_again_and_again_it_goes_on_to_the_same_weights(iterated, corpus, hparams, tmp_path):
    output, _, settings = iterated
    how = dict(ckpt_interval_minutes=0, ckpt_interval_steps=2)
    arguments = command(corpus, tmp_path / "run", hparams["trained"], **settings, **how)
    for kill in (when_a_step_begins(3 * STEPS + 1), while_the_second_is_kept, when_iteration(2, while_it_clusters)):
        assert run_until_killed(kill, *arguments) == -signal.SIGKILL
    run(*arguments)
    learnt = ("encoder", "classifier", "face_encoder", "face_classifier")
    for number in (1, 2):
        part = f"iteration_{number}"
        assert_same_weights(output / part, tmp_path / "run" / part, names=learnt)
        assert rows(output / part / "epochs.csv") == rows(tmp_path / "run" / part / "epochs.csv")


def test_without_any_face_it_is_the_run_of_the_voices(corpus, encoder, hparams, tmp_path):
    """Two iterations, in none of which the one face, of nobody, gets a label."""
    faces = tmp_path / "faces"
    faces.mkdir()
    np.save(faces / "embeddings.npy", np.ones((1, 6), np.float32))
    (faces / "ids.txt").write_text("nobody\n")
    run(*command(corpus, tmp_path / "plain", init=encoder))
    settings = dict(init=encoder, face_folder=faces, gate_rule="and", correction="mean")
    run(*command(corpus, tmp_path / "paired", hparams["trained"], **settings))
    assert not list((tmp_path / "paired").rglob("face_encoder"))
    parts = [tmp_path / name / "iteration_2" for name in ("plain", "paired")]
    assert_same_weights(*parts, names=("encoder", "classifier"))
    assert len({(part / "labels.csv").read_bytes() for part in parts}) == 1
    plain, paired = (rows(part / "epochs.csv") for part in parts)
    assert [row | mine for row, mine in zip(paired, plain)] == paired
    encoders = [torch.load(part / "encoder/embedding_model.ckpt") for part in parts]
    assert all(torch.equal(encoders[0][name], encoders[1][name]) for name in encoders[0])
    assert "steps were made without face" in (tmp_path / "paired/log.txt").read_text()


def test_given_embeddings_are_clustered_from_the_start(corpus, encoder, hparams, faces, ids, tmp_path):
    large = dict(number_of_epochs=1, warmup_epochs=0, margin_warmup_epochs=0, correction_start_epoch=1)
    settings = dict(init=encoder, face_folder=faces, n_iterations=1, correction="other", gate_rule="or")
    settings["large_margin"] = large
    run(*command(corpus, tmp_path / "run", hparams["given"], **settings))
    folder = tmp_path / "run/iteration_1"
    assert set(read_label_table(folder / "labels.csv").ids) == {*ids, *(f"talker{n}/alone" for n in range(4))}
    assert (folder / "encoder").is_dir() and not (folder / "face_encoder").exists()
    assert float(rows(folder / "epochs.csv")[-1]["face_label_loss"]) > 0
    before, after = (float(rows(tmp_path / "run" / part / "epochs.csv")[-1]["face_gate_threshold"]) for part in PARTS)
    assert before > 0 and after > 0 and (tmp_path / "run/large_margin/encoder").is_dir()
    assert {"face_embeddings", "join"} <= set(json.loads((folder / "labels.json").read_text()))


def test_given_voices_need_no_encoder_and_leave_none(corpus, hparams, ids, tmp_path):
    write_vectors(tmp_path / "given", ids[3:])
    settings = dict(face_folder=tmp_path / "given", embedding_dim=6, n_iterations=2)
    run(*command(corpus, tmp_path / "run", hparams["voices"], **settings))
    log = (tmp_path / "run/log.txt").read_text()
    assert "3 of 64 utterances have no embedding in" in log and "No trials are scored" in log
    for number in (1, 2):
        folder = tmp_path / f"run/iteration_{number}"
        assert len(read_label_table(folder / "labels.csv")) == 61 and not (folder / "encoder").exists()
        assert len(rows(folder / "epochs.csv")) == EPOCHS
    assert run(*command(corpus, tmp_path / "run", hparams["voices"], **settings)).out.count("is finished") == 1


@pytest.mark.parametrize(
    "kind, settings, said",
    [
        ("trained", dict(gate_rule="xor"), "gate_rule is xor, and must be one of own, and, or"),
        ("trained", dict(correction="all"), "correction is all, and must be one of own, other, mean"),
        ("trained", dict(join=dict(how="gait")), "join is 'gait': set one of concat, voice, face, split, ensemble"),
        ("trained", dict(modalities=dict(face=dict(weight=-1.0))), "modalities.face.weight is -1.0, and must be"),
        ("trained", dict(modalities=dict(face=dict(classifier=dict(embedding_dim=7)))), "cannot take embeddings of 5"),
        (
            "given",
            dict(modalities=dict(face=dict(data=dict(embeddings="nowhere")))),
            "The embeddings nowhere cannot be read",
        ),
        ("voices", dict(embedding_dim=7), "have 6 numbers each, and the classifier is made for 7"),
        ("voices", dict(embedding_dim=6, init="ENCODER"), "and the embeddings of the voices are given: leave one"),
        ("trained", dict(large_margin=dict(modalities={})), "large_margin.modalities does nothing"),
    ],
)
def test_mistakes(corpus, encoder, hparams, faces, tmp_path, kind, settings, said):
    start = {} if kind == "voices" else dict(init=encoder)
    settings = {name: encoder if value == "ENCODER" else value for name, value in settings.items()}
    arguments = command(corpus, tmp_path / "run", hparams[kind], **{**start, "face_folder": faces, **settings})
    assert said in run_script("train.py", *arguments).error()
    assert not list((tmp_path / "run").rglob("CKPT*"))
