"""The distance to a teacher's embeddings, against plain versions; and training with it."""

import math

import numpy as np
import pytest
import torch

from speechbrain_cadino.dlg_lc.distillation import Distillation, Targets, cosine_distance
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.utils.errors import UserError
from tests.dlg_lc.test_sides import train  # noqa: F401  a fixture


def plain_distance(embeddings, targets, there):
    total = 0.0
    for embedding, target, is_there in zip(embeddings.tolist(), targets.tolist(), there.tolist()):
        if is_there:
            dot = sum(a * b for a, b in zip(embedding, target))
            total += 1 - dot / math.sqrt(sum(a * a for a in embedding)) / math.sqrt(sum(b * b for b in target))
    return total / len(embeddings)


@pytest.mark.parametrize("seed", range(8))
def test_the_distance_against_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    n, batch, dim = rng.integers(2, 30), rng.integers(1, 9), rng.integers(1, 12)
    array = rng.standard_normal((n, dim)).astype(rng.choice([np.float16, np.float32, np.float64]))
    rows = np.where(rng.random(n) < 0.3, -1, rng.permutation(n))
    rows[rng.integers(n)] = 0
    center = bool(seed % 2)
    targets = Targets(EmbeddingTable([f"u{i}" for i in range(n)], array), rows, center)
    items = torch.from_numpy(rng.integers(0, n, batch))
    found, there = targets(items)
    mean = array[rows[rows >= 0]].astype(float).mean(axis=0) if center else 0.0
    wanted = np.array([array[row].astype(float) - mean if row >= 0 else np.zeros(dim) for row in rows[items.numpy()]])
    if center and (rows >= 0).sum() == 1:
        assert not there.any()  # the mean of one is itself: nothing is left
        return
    assert there.tolist() == (rows[items.numpy()] >= 0).tolist() and not found[~there].any()
    embeddings = torch.from_numpy(rng.standard_normal((batch, dim)).astype(np.float32)).requires_grad_()
    loss = cosine_distance(embeddings, found, there)
    assert loss.item() == pytest.approx(plain_distance(embeddings, torch.from_numpy(wanted), there), abs=1e-5)
    loss.backward()
    assert embeddings.grad.isfinite().all() and not embeddings.grad[~there].any()


def test_rows_are_those_of_a_part_of_a_table():
    table = EmbeddingTable(list("abcd"), np.eye(4)).subset([3, 1])
    found, there = Targets.of(table, np.array(["b", "x", "d"]), False, "file")(torch.tensor([2, 0, 1]))
    assert found.argmax(1).tolist()[:2] == [3, 1] and there.tolist() == [True, True, False]


def test_how_many_have_none_is_told(caplog):
    Targets.of(EmbeddingTable(["a"], np.eye(1)), np.array(["a", "b", "c"]), False, "FILE")
    assert "2 of 3 items have no embedding in FILE, such as b" in caplog.text


def test_linear_layer():
    assert Distillation(linear=True).projection(8, 5).weight.shape == (5, 8)
    assert Distillation(linear=False).projection(8, 8) is None
    with pytest.raises(UserError, match="have 8 numbers each, the teacher's 5, .* no linear layer"):
        Distillation(linear=False).projection(8, 5)


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(weight=-1), "has the weight -1"),
        (dict(weight=math.nan), "has the weight nan"),
        (dict(weight=True), "has the weight True"),
        (dict(weight="1"), "has the weight 1"),
        (dict(ids="ids.txt"), "has ids ids.txt and no embeddings"),
        (dict(linear="no"), "has linear 'no'"),
        (dict(center=1), "has center 1"),
    ],
)
def test_what_makes_no_sense(settings, said):
    with pytest.raises(UserError, match=said):
        Distillation(**settings)


def teacher(noises, dim, drop=0):
    rng = np.random.default_rng(3)
    ids = noises.ids[drop:]
    return EmbeddingTable(ids, rng.standard_normal((len(ids), dim)))


def distilling(train, noises, tmp_path, name, dim=5, drop=0, center=True, **settings):  # noqa: F811
    distillation = Distillation(**settings)
    targets = Targets.of(teacher(noises, dim, drop), noises.ids, center, name)
    (tmp_path / name).mkdir()
    return train(folder=tmp_path / name, distillation=distillation, targets=targets)


def weights(brain):
    return brain.sides.first.model().state_dict()


def test_it_is_part_of_the_loss_and_comes_down(train, noises, tmp_path):  # noqa: F811
    brain = distilling(train, noises, tmp_path, "one", weight=50.0)
    rows = brain.history.rows
    assert rows[-1]["distillation_loss"] < rows[0]["distillation_loss"] < 2
    assert "projection" in brain.checkpointer.recoverables
    assert rows[-1]["loss"] > 50 * rows[-1]["distillation_loss"]
    (tmp_path / "none").mkdir()
    plain = train(folder=tmp_path / "none")
    assert "distillation_loss" not in plain.history.rows[-1]
    assert any(not torch.equal(one, weights(plain)[name]) for name, one in weights(brain).items())


def test_without_a_row_nothing_is_learnt_of_it(train, noises, tmp_path):  # noqa: F811
    """With no linear layer and no row at all, it is the training without, bit for bit; the labels go on."""
    (tmp_path / "none").mkdir()
    plain = train(folder=tmp_path / "none", lr_schedule=Constant(0.1))
    table = EmbeddingTable([*noises.ids], np.zeros((len(noises), 8)))
    targets = Targets(table, np.full(len(noises), -1), False)
    (tmp_path / "one").mkdir()
    brain = train(folder=tmp_path / "one", distillation=Distillation(weight=9.0, linear=False), targets=targets)
    assert all(torch.equal(one, weights(plain)[name]) for name, one in weights(brain).items())


def test_half_of_the_rows(train, noises, tmp_path):  # noqa: F811
    brain = distilling(train, noises, tmp_path, "half", drop=len(noises) // 2)
    whole = distilling(train, noises, tmp_path, "whole")
    assert 0 < brain.history.rows[-1]["distillation_loss"] < whole.history.rows[-1]["distillation_loss"]
