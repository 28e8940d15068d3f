"""PLDA: scores against Gaussian densities written out, and fits of labels as they come."""

import numpy as np
import pytest
import torch
from scipy.linalg import inv
from scipy.stats import multivariate_normal
from speechbrain.processing.PLDA_LDA import Ndx, StatObject_SB, fast_PLDA_scoring

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.metrics import eer
from speechbrain_cadino.verification.plda import PLDA
from speechbrain_cadino.verification.plda_fit import fit_plda
from speechbrain_cadino.verification.plda_models import score_models
from speechbrain_cadino.verification.scoring import score_trials


def corpus(n_speakers=60, each=6, dim=12, seed=0, spread=1.0):
    """Embeddings and speakers, drawn from two covariances about a mean that is not 0."""
    rng = np.random.default_rng(seed)
    speakers = rng.normal(size=(n_speakers, dim)) @ rng.normal(size=(dim, dim)) / dim**0.5
    labels = np.repeat(np.arange(n_speakers), each)
    within = rng.normal(size=(len(labels), dim)) @ (spread * rng.normal(size=(dim, dim)) / dim**0.5)
    return speakers[labels] + within + 3, labels


def covariances(plda):
    """Between and within speakers, before the axes."""
    back = inv(plda.axes)
    return back.T @ np.diag(plda.between) @ back, back.T @ back


def ratio(first, second, between, within):
    """The plain two-covariance log-likelihood ratio of two sets of utterances, rows (n, k) and (m, k)."""

    def likelihood(x):
        n, k = x.shape
        joint = np.kron(np.ones((n, n)), between) + np.kron(np.eye(n), within)
        return multivariate_normal(np.zeros(n * k), joint).logpdf(x.ravel())

    return likelihood(np.concatenate([first, second])) - likelihood(first) - likelihood(second)


@pytest.mark.parametrize("seed", range(8))
def test_scores_are_two_covariance_ratios(seed):
    rng = np.random.default_rng(seed)
    dim, each = int(rng.integers(1, 9)), int(rng.integers(2, 6))
    x, labels = corpus(int(rng.integers(15, 40)), each, dim, seed)
    plda = fit_plda(x, labels)
    between, within = covariances(plda)
    latent = plda.latent(x)
    before = latent @ inv(plda.axes)  # centered, whitened, of one length
    np.testing.assert_allclose(np.linalg.norm(before + plda.center, axis=1), dim**0.5, rtol=1e-9)
    for n, m in [(1, 1), (2, 1), (1, 3), (4, 2)]:
        enrol, test = rng.integers(len(x), size=(5, n)), rng.integers(len(x), size=(5, m))
        found = plda.score(latent[enrol].mean(axis=1), latent[test].mean(axis=1), np.full(5, n), m)
        plain = [ratio(before[a], before[b], between, within) for a, b in zip(enrol, test)]
        np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-4)
    together = plda.score_all(latent[:7], latent[:9], n_enrol=3)
    np.testing.assert_allclose(
        together, plda.score(np.repeat(latent[:7], 9, axis=0), np.tile(latent[:9], (7, 1)), 3).reshape(7, 9), atol=1e-4
    )


def test_scores_are_those_of_speechbrain():
    x, labels = corpus(dim=7)
    plda = fit_plda(x, labels)
    between, within = covariances(plda)
    before = plda.latent(x)[:20] @ inv(plda.axes)
    names = np.array([f"{row:02}" for row in range(20)], dtype=object)
    nothing = np.full(20, None)
    side = StatObject_SB(names, names, nothing, nothing, np.ones((20, 1)), before)
    found = fast_PLDA_scoring(side, side, Ndx(models=names, testsegs=names), np.zeros(7), factor(between), within)
    rows = np.arange(20)  # Ndx pairs each with itself, the matrix has all
    latent = plda.latent(x)[rows]
    np.testing.assert_allclose(plda.score_all(latent, latent), found.scoremat, atol=1e-4)


def test_models_of_several_files():
    """As the ratio of all the files, written out; of one file a side as `score_trials`."""
    x, labels = corpus(20, 4, 5)
    plda = fit_plda(x, labels)
    between, within = covariances(plda)
    before = plda.latent(x) @ inv(plda.axes)
    trials = Trials(np.array([True, False, True]), np.array([0, 1, 2]), np.array([3, 3, 0]), ["m", "n", "o", "t"])
    files = [[0, 1, 2], [9], [3, 7], [5]]
    wanted = [ratio(before[files[a]], before[files[b]], between, within) for a, b in zip(trials.enrol, trials.test)]
    np.testing.assert_allclose(score_models(x, trials, plda, files), wanted, rtol=1e-4, atol=1e-4)
    alone = [[4], [9], [3], [5]]
    np.testing.assert_allclose(score_models(x, trials, plda, alone), score_trials(x[[4, 9, 3, 5]], trials, plda=plda))
    for bad in (files[:3], [[0], [1], [], [2]]):
        with pytest.raises(UserError, match="give each name one file or more"):
            score_models(x, trials, plda, bad)


def factor(covariance):
    variances, axes = np.linalg.eigh(covariance)
    return axes * np.sqrt(variances.clip(0))


@pytest.mark.parametrize("dim, spread", [(3, 0.3), (10, 0.5), (20, 1.0)])
def test_covariances_are_found_again(dim, spread):
    """Of many speakers: those within and between their means, as counted."""
    x, labels = corpus(2_000, 8, dim, spread=spread)
    plda = fit_plda(x, labels, shrinkage=0)
    means = np.stack([row.mean(axis=0) for row in (plda.latent(x).reshape(2_000, 8, -1))])
    apart = plda.latent(x) - means[labels]
    np.testing.assert_allclose(apart.T @ apart / (len(x) - 2_000), np.eye(dim), atol=0.05)
    np.testing.assert_allclose(np.cov(means.T), np.diag(plda.between + 1 / 8), atol=0.05 * plda.between[0])
    assert (np.diff(plda.between) <= 0).all()


def test_it_tells_speakers_apart_where_a_direction_tells_none():
    """One direction varies most, and by the recording alone: cosines go by it, PLDA does not."""
    x, labels = corpus(80, 5, 10, spread=0.3)
    x[:, 0] += 20 * np.random.default_rng(1).normal(size=len(x))
    plda = fit_plda(x[:200], labels[:200])  # speakers 0 to 39; scored on the others
    rows = np.arange(200, 400)
    first, second = (side.ravel() for side in np.meshgrid(rows, rows))
    first, second = first[first < second], second[first < second]
    same = labels[first] == labels[second]
    latent = plda.latent(x)
    scores = plda.score(latent[first], latent[second])
    directions = (x - x[:200].mean(axis=0)) / np.linalg.norm(x - x[:200].mean(axis=0), axis=1, keepdims=True)
    cosines = (directions[first] * directions[second]).sum(axis=1)
    assert eer(scores[same], scores[~same])[0] < 0.5 * eer(cosines[same], cosines[~same])[0]


@pytest.mark.parametrize(
    "n_speakers, each, dim",
    [(2, 2, 30), (2, 40, 30), (3, 2, 1), (50, 2, 200), (20, 3, 20), (40, 2, 40), (5, 9, 64)],
)
@pytest.mark.parametrize("kind", ["float32", "tensor", "few directions", "constant column", "huge", "tiny"])
def test_few_classes_and_singular_covariances(n_speakers, each, dim, kind):
    x, labels = corpus(n_speakers, each, dim)
    if kind == "few directions":
        x = x[:, :2] @ np.random.default_rng(2).normal(size=(min(2, dim), 50))
    if kind == "constant column":
        x = np.concatenate([x, np.full((len(x), 3), 7.0)], axis=1)
    x = x * {"huge": 1e12, "tiny": 1e-12}.get(kind, 1)
    x = torch.from_numpy(x) if kind == "tensor" else x.astype(np.float32) if kind == "float32" else x
    plda = fit_plda(x, labels)
    latent = plda.latent(x)
    assert latent.shape[1] <= len(x) - n_speakers
    assert np.isfinite(plda.score_all(latent, latent)).all()


def test_singletons_and_utterances_without_a_label_are_left_out():
    x, labels = corpus(30, 4, 6)
    more = np.concatenate([x, 100 + x[:9]])
    fitted = fit_plda(more, np.concatenate([7 * labels, [-1] * 4, 10_000 + np.arange(5)]))
    plain = fit_plda(x, labels)
    for name in ("mean", "whitening", "center", "axes", "between"):
        np.testing.assert_allclose(getattr(fitted, name), getattr(plain, name))


def test_classes_are_drawn_where_there_are_many():
    x, labels = corpus(50, 3, 5)
    few = fit_plda(x, labels, max_classes=20, seed=1)
    assert not np.allclose(few.mean, x.mean(axis=0))
    for seed, same in ((1, True), (2, False)):
        assert np.allclose(few.mean, fit_plda(x, labels, max_classes=20, seed=seed).mean) is same


def test_the_order_of_rows_and_the_names_of_labels_do_not_count():
    x, labels = corpus(30, 4, 6)
    order = np.random.default_rng(3).permutation(len(x))
    names = np.random.default_rng(4).permutation(30)
    scores = []
    for plda in (fit_plda(x, labels), fit_plda(x[order], names[labels[order]])):
        latent = plda.latent(x)
        scores.append(plda.score_all(latent, latent))
    np.testing.assert_allclose(*scores, atol=1e-3)


def test_a_side_of_the_training_mean_and_an_empty_direction():
    x, labels = corpus(30, 4, 6)
    assert np.isfinite(fit_plda(x, labels).latent(x[:120].mean(axis=0, keepdims=True))).all()
    none = PLDA(np.zeros(2), np.eye(2), np.zeros(2), np.eye(2), np.zeros(2))  # no variance between: no evidence
    assert (none.score_all(x[:3, :2], x[:4, :2]) == 0).all()


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda x, labels: (x, np.arange(len(x))), "120 labels of 120 utterances, 0 of them with two"),
        (lambda x, labels: (x, np.zeros_like(labels)), "1 labels of 120 utterances, 1 of them with two"),
        (lambda x, labels: (x, np.full_like(labels, -1)), "0 labels of 0 utterances"),
        (lambda x, labels: (x, labels[1:]), "120 embeddings and 119 labels"),
        (lambda x, labels: (x[0], labels), "have the shape .6,.: give a matrix"),
        (lambda x, labels: (np.where(x == x[5, 2], np.nan, x), labels), "1 embeddings are not finite, first row 5"),
        (lambda x, labels: (np.ones_like(x), labels), "are alike"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(change, said):
    with pytest.raises(UserError, match=said):
        fit_plda(*change(*corpus(30, 4, 6)))


@pytest.mark.parametrize("setting", [{"n_iter": 0}, {"shrinkage": -1}, {"shrinkage": np.nan}, {"max_classes": 1}])
def test_settings_that_are_none(setting):
    with pytest.raises(UserError, match="PLDA has n_iter"):
        fit_plda(*corpus(30, 4, 6), **setting)


def test_embeddings_of_another_encoder():
    with pytest.raises(UserError, match="PLDA is of 6 dimensions and the embeddings have 7"):
        fit_plda(*corpus(30, 4, 6)).latent(np.ones((2, 7)))


def test_many_classes_need_memory(monkeypatch):
    monkeypatch.setattr("speechbrain_cadino.utils.memory.available_memory", lambda: 1000)
    with pytest.raises(UserError, match="fit PLDA on 30 classes .* set max_classes lower"):
        fit_plda(*corpus(30, 4, 6))
