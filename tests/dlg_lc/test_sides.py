"""Several modalities in one training: what one does to another, and what it must not."""

import functools
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.dlg_lc import brain as module
from speechbrain_cadino.dlg_lc.aam import AAMSoftmax, CosineClassifier
from speechbrain_cadino.dlg_lc.brain import DLGLCBrain
from speechbrain_cadino.dlg_lc.correction import LabelCorrector
from speechbrain_cadino.dlg_lc.gate import DynamicLossGate
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.precomputed import Precomputed
from speechbrain_cadino.encoder.precomputed import EmbeddingTable, PrecomputedEncoder
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.clipping import GradientClipper
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.training.loggers import FileTrainLogger
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.embeddings import EmbeddingDataset
from speechbrain_cadino.views.paired import PairedDataset
from tests.dlg_lc.test_brain import CROPS, TinyEncoder

DIM, CLASSES = 6, 3


class VectorEncoder(nn.Sequential):
    """A second modality that is no picture: vectors."""

    def __init__(self):
        super().__init__(nn.Linear(DIM, 5), nn.BatchNorm1d(5))


def table(ids):
    rng = np.random.default_rng(5)
    return EmbeddingTable(list(ids), rng.standard_normal((len(ids), DIM)).astype(np.float32))


class Vectors:
    """What is done with the encoder of vectors: it is kept as a file."""

    def keep(self, encoder, manifest, folder, info):
        folder.mkdir()
        torch.save(encoder.state_dict(), folder / "weights.pt")
        return {"n_kept": len(manifest)}


def entry(frozen=False, threshold=0.5, **more):
    gate = DynamicLossGate(CLASSES, start_epoch=100)
    gate.threshold = threshold
    encoder = PrecomputedEncoder(DIM) if frozen else VectorEncoder()
    classifier = CosineClassifier(DIM if frozen else 5, CLASSES)
    return dict(encoder=encoder, classifier=classifier, gate=gate, data=Vectors(), **more)


def untrained(**how):
    """The `entry` that `train` begins with."""
    torch.manual_seed(0)
    TinyEncoder(), CosineClassifier(8, CLASSES)
    return entry(**how)


@pytest.fixture
def train(noises, tmp_path, monkeypatch):
    """Give a function that trains on ``noises`` and vectors of some IDs, and returns the Brain."""
    for name in ("loss_histogram", "write_figure"):
        monkeypatch.setattr(module, name, lambda *arguments, **settings: None)
    monkeypatch.setattr(History, "plot", lambda self, path, panels: Path(path).write_text(""))

    def train(vectors=None, folder=tmp_path, epochs=2, batch_size=4, targets=None, **changes):
        torch.manual_seed(0)
        modules = {"encoder": TinyEncoder(), "classifier": CosineClassifier(8, CLASSES)}
        counter, gate = EpochCounter(epochs), DynamicLossGate(CLASSES, start_epoch=100)
        gate.threshold = 8.0
        entries = {name: entry(**one.pop("entry", {})) for name, one in (vectors or {}).items()}
        settings = dict(
            output_folder=str(folder),
            epoch_counter=counter,
            init=None,
            start_from=None,
            fresh_encoder=True,
            gate_mode="dynamic+correction",
            gate=gate,
            aam=AAMSoftmax(),
            corrector=LabelCorrector(logit_scale=4.0, temperature=0.5, tau_2=0.0),
            correction_start_epoch=1,
            correction_momentum=0.9,
            margin_schedule=Constant(0.2),
            lr_schedule=Constant(0.1),
            gradient_clipper=GradientClipper(0.5, per_parameter=False),
            augmenter=ViewAugmenter(),
            train_loggers={"text": functools.partial(FileTrainLogger, str(folder / "log.txt"))},
            average_checkpoints=1,
            last_layer_refit=None,
            keep_checkpoints=1,
            evaluate_every=1,
            noprogressbar=True,
            modalities=entries,
        )
        parts = {"voice": noises} | {name: table(one["ids"]) for name, one in (vectors or {}).items()}
        items = Items(parts)
        datasets = {"voice": ViewDataset(noises, CROPS, seed=1)}
        datasets |= {name: EmbeddingDataset(part) for name, part in parts.items() if name != "voice"}
        brain = DLGLCBrain(
            modules=modules,
            opt_class=functools.partial(torch.optim.SGD, lr=1.0, momentum=0.9, weight_decay=0.01),
            hparams={**settings, **changes},
            targets=targets,
            run_opts={"device": "cpu"},
            checkpointer=SafeCheckpointer(folder / "save", {**modules, "counter": counter}),
            labels=np.arange(len(items)) % CLASSES,
        )
        dataset = PairedDataset(items.pairing, datasets) if vectors is not None else datasets["voice"]
        brain.fit_loader(make_train_loader(dataset, batch_size=batch_size, seed=1))
        return brain

    return train


def voice_of(brain):
    """All that the voice has learnt, and its metrics."""
    side = brain.sides.first
    rows = [
        {name: value for name, value in row.items() if not name.startswith("seconds")} for row in brain.history.rows
    ]
    rows = [
        {k: v for k, v in row.items() if k not in ("loss", "fraction_skipped") and not k.startswith(("face_", "gait_"))}
        for row in rows
    ]
    return [*side.model().state_dict().values(), *side.predictor.state_dict().values()], rows, side.gate.reason


def same(one, other):
    weights, rows, reason = zip(voice_of(one), voice_of(other))
    return all(map(torch.equal, *weights)) and rows[0] == rows[1] and reason[0] == reason[1]


@pytest.mark.parametrize(
    "rule, how", [("own", "own"), ("and", "mean"), ("or", "other"), ("and", "other"), ("own", "mean")]
)
def test_without_any_face_it_is_the_run_of_the_voices_bit_for_bit(train, tmp_path, rule, how):
    plain = train(folder=tmp_path / "plain")
    other = train({"face": dict(ids=[])}, tmp_path / "paired", gate_rule=rule, correction=how)
    assert same(plain, other)
    assert [row["loss"] for row in plain.history.rows] == [row["loss"] for row in other.history.rows]
    assert other.history.rows[-1]["face_fraction_skipped"] == 1 and other.history.rows[-1]["fraction_skipped"] == 0


@pytest.mark.parametrize("n_faces", [3, 8])
def test_faces_change_a_step_of_the_voices_only_by_rule_and_correction(train, noises, tmp_path, n_faces):
    plain = train(folder=tmp_path / "plain")
    faces = {"face": dict(ids=noises.ids[:n_faces])}
    runs = {
        (rule, how): train({"face": dict(faces["face"])}, tmp_path / f"{rule}{how}", gate_rule=rule, correction=how)
        for rule, how in (("own", "own"), ("and", "own"), ("or", "own"), ("own", "other"), ("own", "mean"))
    }
    agree = {key: same(plain, brain) for key, brain in runs.items()}
    assert agree.pop(("own", "own")) and not any(agree.values())
    kept = {rule: runs[rule, "own"].history.rows[0]["fraction_kept"] for rule in ("own", "and", "or")}
    assert kept["and"] < kept["own"] < kept["or"]


def test_the_other_modality_learns_what_it_would_with_nobody_else(train, noises, tmp_path):
    """By its own settings, in the same batches: here beside voices of two losses."""
    brains = []
    for scale in (32.0, 1.0):
        faces = {"face": dict(ids=noises.ids, entry=dict(aam=AAMSoftmax()))}
        brains.append(train(faces, tmp_path / str(scale), aam=AAMSoftmax(scale=scale)))
    assert not torch.equal(*(brain.sides.first.classifier.weight for brain in brains))
    one, other = (brain.sides["face"].model().state_dict() for brain in brains)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["1.weight"], untrained()["classifier"].weight)


def test_a_weight_of_nothing_leaves_the_modality_as_it_was(train, noises, tmp_path):
    heavy, light = (
        train({"face": dict(ids=noises.ids, entry=dict(weight=weight))}, tmp_path / str(weight)) for weight in (2.0, 0)
    )
    before = untrained()["encoder"][0].weight
    decay = light.sides["face"].encoder[0].weight / before
    assert torch.allclose(decay, decay.mean(), rtol=1e-4) and 0.9 < decay.mean() < 1  # weight decay alone
    ratio = heavy.sides["face"].encoder[0].weight / before
    assert not torch.allclose(ratio, ratio.mean(), rtol=1e-2)
    assert same(heavy, light)


def test_a_batch_with_too_few_of_a_modality_is_trained_without_it(train, noises, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        brain = train({"face": dict(ids=noises.ids[:1])}, tmp_path)
    assert brain.history.rows[-1]["face_fraction_skipped"] == 1
    assert "2 of 2 steps were made without face: a rank had fewer than 2 items of it" in caplog.text
    assert same(brain, train(folder=tmp_path / "plain"))


def test_a_face_without_a_voice_trains_the_face_alone(train, noises, tmp_path):
    lone = [f"lone{number}" for number in range(8)]
    brain = train({"face": dict(ids=[*noises.ids[:4], *lone])}, tmp_path, batch_size=8)
    last = brain.history.rows[-1]
    assert len(brain.items) == 16 and last["face_fraction_skipped"] == 0
    assert 0 < last["fraction_kept"] < 1 and last["face_label_loss"] > 0
    assert brain.sides["face"].gate.epochs == 2


def test_a_step_without_anybody_changes_nothing(train, noises, tmp_path):
    """Batches of three items, of which no modality has two."""
    brain = train({"face": dict(ids=[f"lone{n}" for n in range(16)])}, tmp_path, batch_size=2, epochs=1)
    row = brain.history.rows[-1]
    assert 0 < row["fraction_skipped"] < 1 and 0 < row["face_fraction_skipped"] < 1
    assert brain.optimizer_step == 12
    assert all(value.isfinite().all() for value in brain.modules.state_dict().values())


@pytest.mark.parametrize("how", ["own", "mean"])
def test_given_embeddings_train_a_classifier_and_nothing_else(train, noises, tmp_path, how):
    faces = dict(ids=noises.ids, entry=dict(frozen=True))
    brain = train({"face": faces}, tmp_path, correction=how)
    side = brain.sides["face"]
    assert side.is_frozen and list(side.encoder.parameters()) == []
    before = untrained(frozen=True)["classifier"].weight
    assert not torch.equal(side.classifier.weight, before) and brain.history.rows[-1]["face_label_loss"] > 0
    assert brain.keep_further() == {} and not list(tmp_path.rglob("face_encoder"))


def test_a_third_modality(train, noises, tmp_path):
    sides = {"face": dict(ids=noises.ids[:5]), "gait": dict(ids=noises.ids[2:])}
    plain = train(folder=tmp_path / "plain")
    alone = train({name: dict(one) for name, one in sides.items()}, tmp_path / "own")
    joint = train({name: dict(one) for name, one in sides.items()}, tmp_path / "mean", correction="mean")
    assert same(plain, alone) and not same(plain, joint)
    assert {"face_gate_threshold", "gait_gate_threshold", "gait_fraction_kept"} <= set(joint.history.rows[-1])


def test_it_goes_on_where_it_was_stopped(train, noises, tmp_path):
    def faces():
        return {"face": dict(ids=noises.ids[:6])}

    how = dict(gate_rule="and", correction="mean")
    whole = train(faces(), tmp_path / "whole", epochs=2, **how)
    train(faces(), tmp_path / "parts", epochs=1, **how)
    rest = train(faces(), tmp_path / "parts", epochs=2, **how)
    assert same(whole, rest)
    for one, other in zip(whole.sides, rest.sides):
        for a, b in zip(one.model().state_dict().values(), other.model().state_dict().values()):
            assert torch.equal(a, b)
    for a, b in zip(whole.history.rows, rest.history.rows):
        assert {**a, "seconds": 0, "seconds_waiting": 0} == {**b, "seconds": 0, "seconds_waiting": 0}


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("face", dict(entry=dict(weight=-1.0)), "modalities.face.weight is -1.0, and must be a number from 0 on"),
        ("face", dict(entry=dict(colour=1)), "modalities.face has no setting colour: it may have encoder, classif"),
        ("face", dict(entry=dict(classifer=1)), "modalities.face has no setting classifer"),
        ("gate", {}, "A modality is called gate, .* is how other names begin"),
        ("together", {}, "A modality is called together"),
        ("split", {}, "A modality is called split"),
        ("voice", {}, "A modality is called voice"),
        ("a face", {}, "A modality is called a face, .* is no plain word"),
    ],
)
def test_what_is_no_modality(train, name, changes, said):
    with pytest.raises(UserError, match=said):
        train({name: dict(ids=[], **changes)})


@pytest.mark.parametrize("setting", [dict(gate_rule="xor"), dict(correction="all")])
def test_what_is_no_choice_is_told_before_anything_is_trained(train, setting):
    with pytest.raises(UserError, match="set one of own, "):
        train({"face": dict(ids=[])}, **setting)


def test_embeddings_of_another_size_are_told(tmp_path):
    np.save(tmp_path / "embeddings.npy", np.ones((2, 4), np.float32))
    (tmp_path / "ids.txt").write_text("a\nb\n")
    data = Precomputed(str(tmp_path), embedding_dim=5)
    with pytest.raises(UserError, match="have 4 numbers each, and the classifier is made for 5"):
        data.manifest()


def test_steps_of_fp16_in_which_no_modality_takes_part(train, tmp_path, monkeypatch):
    """A voice and a face of two items have no gradients; a scaler of 2**8 changes no number."""
    vectors = dict(face=dict(ids=[f"alone{n}" for n in range(12)]))
    plain = train({"face": dict(vectors["face"])}, tmp_path / "plain", batch_size=2)
    prepare = DLGLCBrain.init_optimizers

    def scaled(brain):
        prepare(brain)
        brain.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)

    monkeypatch.setattr(DLGLCBrain, "init_optimizers", scaled)
    brain = train({"face": dict(vectors["face"])}, tmp_path / "scaled", batch_size=2)
    skipped = brain.history.rows[-1]
    assert skipped["fraction_skipped"] + skipped["face_fraction_skipped"] > 1, "in some steps both"
    assert brain.scaler.is_enabled() and same(plain, brain)
