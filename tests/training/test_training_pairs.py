"""Clusters that decisions are calibrated with, against true speakers: Gaussian ones, with more utterances or fewer."""

import numpy as np
import pytest

from speechbrain_cadino.clusters import pairs
from speechbrain_cadino.clusters.choice import directions_of
from speechbrain_cadino.clusters.pairs import impostor_pairs
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training.training_pairs import NEAREST, pairs_of_one, trusted_clusters
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cosine_scores
from speechbrain_cadino.verification.calibration import fit_calibration
from speechbrain_cadino.verification.metrics import cllr

DIM = 64


def draw(rng, speakers, noise):
    """Embeddings (n, DIM) of speakers (n,), each of one normal distribution, and what an utterance adds."""
    rows = rng.normal(size=(speakers.max() + 1, DIM))[speakers] + noise * rng.normal(size=(len(speakers), DIM))
    return rows - rows.mean(axis=0)


def trials(rng, noise):
    """Scores of true pairs of one speaker, and of two, none of whom is met elsewhere."""
    speakers = np.repeat(np.arange(200), 4)
    rows, one = draw(rng, speakers, noise), np.arange(800)
    first, second = rng.integers(800, size=(2, 20_000))
    differ = speakers[first] != speakers[second]
    same = cosine_scores(rows, one, one // 4 * 4 + (one + 1) % 4)
    return same, cosine_scores(rows, first[differ], second[differ])


def calibrated(rows, labels):
    """The calibration of pairs of clusters."""
    n = len(rows)
    targets, _ = pairs_of_one(labels, Manifest(range(n), range(n), [0] * n, [1] * n), 20_000, seed=0)
    impostors = impostor_pairs(labels, directions_of(rows), 20_000, NEAREST, seed=1)
    return fit_calibration(cosine_scores(rows, *targets), cosine_scores(rows, *impostors))


@pytest.mark.parametrize("noise", [0.8, 1.1])  # with which the EER is some 1 and 4 %
@pytest.mark.parametrize("per_speaker, most_leaves", [(3, 1000), (9, 150)])
def test_of_three_utterances_and_more_probabilities_are_right(monkeypatch, noise, per_speaker, most_leaves):
    monkeypatch.setattr(pairs, "MOST_LEAVES", most_leaves)
    rng = np.random.default_rng(1)
    speakers = rng.integers(round(300 / per_speaker), size=300)
    rows, true = draw(rng, speakers, noise), trials(rng, noise)
    found, best = calibrated(rows, trusted_clusters(directions_of(rows), seed=0)), fit_calibration(*true)
    cost, least = (cllr(*(each.log_odds(scores) for scores in true)) for each in (found, best))
    assert cost < 1.1 * least + 0.01


@pytest.mark.parametrize("noise", [0.8, 1.1, 1.5])
@pytest.mark.parametrize("n_speakers", [None, 360])
def test_of_one_utterance_there_are_no_clusters_to_trust(noise, n_speakers):
    """None: each utterance is another speaker's; else some speakers are met twice or more."""
    rng = np.random.default_rng(2)
    speakers = np.arange(300) if n_speakers is None else rng.integers(n_speakers, size=300)
    with pytest.raises(UserError, match="clusters are of strangers who sound alike|stands out"):
        trusted_clusters(directions_of(draw(rng, speakers, noise)), seed=0)


def test_an_unknown_session_is_no_session():
    """Two clusters of 30 files without a session, one of two sessions: the pairs are of files, not of one pair."""
    labels = np.repeat([0, 1, 2], [30, 30, 2])
    manifest = Manifest(range(62), range(62), [0] * 62, [1] * 62, None, [""] * 60 + ["a", "b"])
    found, groups = pairs_of_one(labels, manifest, 20_000, seed=0)
    assert groups == "sessions or files"
    assert len(np.unique(np.sort(found, axis=0), axis=1).T) == 2 * 30 * 29 // 2 + 1
    one_session = Manifest(range(62), range(62), [0] * 62, [1] * 62, None, [""] * 31 + ["a"] * 31)
    (first, second), _ = pairs_of_one(labels, one_session, 20_000, seed=0)
    assert not ((first > 30) & (second > 30)).any() and (first != second).all()
    of_files = Manifest(range(62), [0] * 31 + [1] * 31, [0] * 62, [1] * 62, None, [""] * 62)
    (first, second), groups = pairs_of_one(labels, of_files, 1000, seed=0)
    assert groups == "files" and set(labels[first]) == {1} and ((first > 30) != (second > 30)).all()
