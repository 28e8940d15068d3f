"""Threshold and probabilities from clusters: on colours of noise that stand for speakers."""

import json
from itertools import combinations
from unittest import mock

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.clusters.pairs import clusters_by_silhouette, impostor_pairs
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.inference import SpeakerEncoder
from speechbrain_cadino.training import clustered as clustered_module
from speechbrain_cadino.training import excerpt_calibration, finish
from speechbrain_cadino.training.clustered import ready_to_cluster
from speechbrain_cadino.training.decision import _of_sessions, decide, decide_by_random_pairs
from speechbrain_cadino.training.finish import export_with_threshold
from speechbrain_cadino.training.training_pairs import of_two_recordings, pairs_of_one
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cosine_scores
from tests.encoder.conftest import tiny_encoder

SPEAKERS, FILES = 9, 4


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return tiny_encoder()


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Each speaker noise of two colours in turn, for the encoder subtracts what stays; four files of two sessions."""
    folder, rng, paths = tmp_path_factory.mktemp("colours"), np.random.default_rng(0), []
    for speaker in range(SPEAKERS):
        colours = rng.standard_normal((2, 8))
        for file in range(FILES):
            now_one = np.arange(32000) // 1600 % 2
            one, other = (np.convolve(rng.standard_normal(32000), colour)[:32000] for colour in colours)
            wave = np.where(now_one, one, other)
            paths.append(str(folder / f"{speaker}_{file}.wav"))
            soundfile.write(paths[-1], 0.3 * wave / np.abs(wave).max(), 16000)
    n = len(paths)
    return Manifest(range(n), paths, [0] * n, [32000] * n, None, [f"session{item // 2}" for item in range(n)])


def sampler():
    channel = ChannelSettings(channel_prob=1.0, eq_db=3.0)
    return AugmentationSampler(AugmentationSettings(rir_prob=0, noise_prob=0, channel=channel))


def ready(net, manifest, **settings):
    return ready_to_cluster(net, manifest, sampler(), ViewAugmenter(), **settings)


def test_the_threshold_accepts_what_is_wanted_of_near_clusters(net, manifest):
    embeddings = extract_embeddings(net, manifest, progress=False)[0]
    mean = embeddings.mean(axis=0)
    clustered = ready(net, manifest, compensate=False)
    assert clustered.compensated is net
    directions = (embeddings - mean).astype(np.float64)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    labels = clusters_by_silhouette(directions)
    found = decide(net, mean, clustered, 0.1)
    scores = cosine_scores(embeddings, *impostor_pairs(labels, directions, 50_000, 0.4, seed=9), mean)
    assert np.mean(scores >= found.threshold) == pytest.approx(0.1, abs=0.02)
    assert f"{labels.max() + 1} clusters of 36" in found.how and "10.00%" in found.how and "sessions" in found.how
    assert decide(net, mean, clustered, 0.1) == found  # deterministic
    speakers = np.arange(36) // FILES
    true = np.array([pair for pair in combinations(range(36), 2) if speakers[pair[0]] != speakers[pair[1]]]).T
    accepted = np.mean(cosine_scores(embeddings, *true, mean) >= found.threshold)
    assert 0.02 < accepted < 0.2
    inside = cosine_scores(embeddings, np.arange(0, 36, 2), np.arange(1, 36, 2), mean) >= found.threshold
    told = int(found.how.partition("of files of one session it accepts ")[2].rstrip("%"))
    assert told == pytest.approx(100 * inside.mean(), abs=1.5)
    stricter = decide(net, mean, clustered, 0.001)
    assert stricter.threshold > found.threshold and stricter.calibration == found.calibration


def test_probabilities_tell_speakers_apart(net, manifest):
    embeddings = extract_embeddings(net, manifest, progress=False)[0]
    mean = embeddings.mean(axis=0)
    calibration = decide(net, mean, ready(net, manifest), 0.01).calibration
    same = cosine_scores(embeddings, np.arange(0, 36, 4), np.arange(2, 36, 4), mean)
    other = cosine_scores(embeddings, np.arange(0, 32, 4), np.arange(6, 36, 4), mean)
    seconds = 2.0, 2.0
    probabilities = [calibration.probability(scores, *seconds) for scores in (same, other)]
    assert np.mean(probabilities[0]) > 0.6 > 0.4 > np.mean(probabilities[1]), probabilities


def test_where_no_cluster_has_two_sessions_files_serve(manifest):
    columns = manifest.ids, manifest.wavs, manifest.starts, manifest.stops, None
    labels = np.arange(len(manifest)) // FILES
    for sessions, wanted in ((manifest.sessions, "sessions"), (labels.astype(str), "files"), (None, "files")):
        (first, second), groups = pairs_of_one(labels, Manifest(*columns, sessions), 1000, seed=0)
        assert groups == wanted and (labels[first] == labels[second]).all() and (first != second).all()


def test_sessions_of_which_no_pair_is_met_are_as_none(manifest, monkeypatch):
    monkeypatch.setattr("speechbrain_cadino.clusters.pairs.ROUNDS", 0)
    assert _of_sessions(np.eye(36), manifest, None, 0.5, seed=0) == ""
    with pytest.raises(UserError, match="No pair of one cluster"):
        pairs_of_one(np.arange(len(manifest)) // FILES, manifest, 1000, seed=0)


def test_utterances_of_unknown_sessions_are_of_no_common_one(manifest):
    """Two of one session are alike, the others are not: their empty names make no pairs of one session."""
    columns = manifest.ids[:6], manifest.wavs[:6], manifest.starts[:6], manifest.stops[:6], None
    embeddings = np.eye(6)[[0, 0, 1, 2, 3, 4]]
    told = _of_sessions(embeddings, Manifest(*columns, ["a", "a", "", "", "", ""]), None, 0.5, seed=0)
    assert told == "; of pairs of files of one session it accepts 100%"
    assert _of_sessions(embeddings, Manifest(*columns, ["a", "b", "", "", "", ""]), None, 0.5, seed=0) == ""


def test_without_probabilities_none_are_spoken_of(net, manifest, caplog):
    mean = np.zeros(net.embedding_dim, dtype=np.float32)
    clustered = ready(net, manifest)
    assert "probabilities" in decide(net, mean, clustered, 0.1).how
    with mock.patch.object(excerpt_calibration, "fit_calibration", side_effect=UserError("no higher")):
        found = decide(net, mean, clustered, 0.1)
    assert found.calibration is None and "probabilities" not in found.how and "no probabilities" in caplog.text


def test_many_utterances_are_bounded(net, manifest, monkeypatch):
    monkeypatch.setattr(clustered_module, "MAX_UTTERANCES", 32)
    clustered = ready(net, manifest)
    assert len(clustered.manifest) == 32
    found = decide(net, np.zeros(net.embedding_dim, dtype=np.float32), clustered, 0.1)
    assert "of 32 utterances, drawn from 36" in found.how
    monkeypatch.setattr(clustered_module, "MAX_UTTERANCES", net.embedding_dim)
    assert ready(net, manifest).compensated is net  # too few to fit a layer on


def test_the_folder_has_threshold_and_calibration(net, manifest, tmp_path):
    clustered = ready(net, manifest)
    folder = export_with_threshold(net, manifest, tmp_path / "one", clustered=clustered, false_acceptance=0.05)
    other = export_with_threshold(net, manifest, tmp_path / "other", clustered=clustered, false_acceptance=0.5)
    encoder, looser = (SpeakerEncoder.from_folder(path) for path in (folder, other))
    assert encoder.threshold > looser.threshold
    kept = json.loads((folder / "encoder.json").read_text())
    assert kept["calibration"]["score"] > 0 and "5.00% of pairs" in kept["threshold_from"]
    values = [encoder.probability(score, 2.0, 1.7) for score in (-0.5, 0.2, 0.9)]
    assert values == sorted(values) and 0 < values[0] < values[2] < 1
    assert encoder.probability(0.2, 2.0, 1.7, prior=0.01) < values[1]
    assert encoder.probability(np.float32(1.000001), 2.0, 1.7) > values[1]  # as float32 may round
    for score in (5, 5.0, -5.0, np.float32(5), np.float64(5), torch.tensor(5.0), np.array(5.0)):
        with pytest.raises(UserError, match="score is -?5: scores are cosines"):
            encoder.probability(score, 2.0, 1.7)
    with pytest.raises(UserError, match="A score is"):
        encoder.probability("high", 2.0, 1.7)


def test_a_short_utterance_counts_by_its_own_length(net, manifest, monkeypatch):
    stops = np.where(np.arange(36) % 2, 32000, 12000)
    short = Manifest(manifest.ids, manifest.wavs, manifest.starts, stops, None, manifest.sessions)
    clustered, pairs, seen = ready(net, manifest), np.stack([np.arange(36), np.arange(1, 37) % 36]), []
    monkeypatch.setattr(excerpt_calibration, "fit_calibration", lambda *columns: seen.append(columns))
    excerpt_calibration.calibrate(net, np.zeros(net.embedding_dim), clustered, short, (pairs, pairs[::-1]), seed=0)
    targets, impostors = seen[0][2:]
    assert (targets[pairs % 2 == 0] == 0.75).all() and (targets[pairs % 2 == 1] >= 1.5).all()
    assert np.array_equal(targets, impostors[::-1])


def test_without_pairs_of_one_speaker_the_pairs_are_random_and_it_is_said(net, manifest, tmp_path, caplog):
    """One session for all: no cluster has two files of two sessions, nor of two files once each is one file."""
    columns = manifest.ids, [manifest.wavs[0]] * 36, manifest.starts, manifest.stops
    with pytest.raises(UserError, match="No cluster holds|No number of clusters"):
        decide(net, np.zeros(net.embedding_dim, dtype=np.float32), ready(net, Manifest(*columns)), 0.1)
    few = manifest.subset([0, 4])
    folder = export_with_threshold(net, few, tmp_path / "few", clustered=ready(net, few))
    assert "of random pairs, and there are no probabilities" in caplog.text
    encoder = SpeakerEncoder.from_folder(folder)
    assert encoder.threshold is not None and encoder.metadata["calibration"] is None
    with pytest.raises(UserError, match="without a calibration"):
        encoder.probability(0.3, 1.0, 1.0)


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error"), MemoryError(), np.linalg.LinAlgError("no"), IndexError(3)]
)
def test_whatever_goes_wrong_with_the_threshold_the_encoder_is_exported(
    net, manifest, tmp_path, monkeypatch, caplog, error
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(finish, "decide", fail)
    monkeypatch.setattr("speechbrain_cadino.training.clustered.Compensation", lambda *_, **__: fail)
    clustered = ready(net, manifest)
    assert clustered.compensated is net and "without compensation" in caplog.text
    encoder = SpeakerEncoder.from_folder(export_with_threshold(net, manifest, tmp_path / "one", clustered=clustered))
    assert encoder.threshold is not None and encoder.metadata["calibration"] is None
    assert f"no probabilities: {type(error).__name__}: " in caplog.text


def test_a_threshold_that_no_cosine_reaches_is_none(net, manifest, caplog):
    """All embeddings alike: each pair scores 1, and the next number above is no cosine."""
    same = np.ones((36, net.embedding_dim), dtype=np.float32)
    found = decide_by_random_pairs(same, manifest, np.zeros(net.embedding_dim, dtype=np.float32), 0.01)
    assert found.threshold is None and "the encoder tells none apart" in caplog.text


def test_a_threshold_that_few_pairs_of_one_session_reach_is_told_of(net, manifest, caplog):
    noise = np.random.default_rng(0).standard_normal((36, net.embedding_dim)).astype(np.float32)
    zero = np.zeros(net.embedding_dim, dtype=np.float32)
    found = decide_by_random_pairs(noise, manifest, zero, 0.01)
    assert "accepts only" in caplog.text and "of pairs of files of one session" in found.how
    caplog.clear()
    decide_by_random_pairs(np.repeat(noise[::2], 2, axis=0), manifest, zero, 0.01)
    assert not caplog.text
    decide_by_random_pairs(noise[:4], manifest.subset(range(4)), zero, 0.01)
    assert "4 utterances have too few pairs" in caplog.text


def test_pairs_of_one_session_are_no_pairs_of_two_speakers(net, manifest):
    columns = manifest.ids, manifest.wavs, manifest.starts, manifest.stops, None
    with pytest.raises(UserError, match="No two clusters hold utterances of two sessions"):
        decide(net, np.zeros(net.embedding_dim, dtype=np.float32), ready(net, Manifest(*columns, ["one"] * 36)), 0.1)
    first, second = of_two_recordings((np.array([0, 0, 2]), np.array([1, 2, 3])), manifest)
    assert (first.tolist(), second.tolist()) == ([0], [2])


def test_few_different_pairs_give_no_probabilities(net, manifest, caplog):
    few = manifest.subset(np.arange(12))  # four files of three speakers, in two sessions each: twelve pairs
    found = decide(net, np.zeros(net.embedding_dim, dtype=np.float32), ready(net, few), 0.1)
    assert found.calibration is None and "pairs of one cluster, and 20 are needed" in caplog.text
    assert "probabilities" not in found.how


@pytest.mark.parametrize("compensate", [False, True])
def test_a_small_corpus_is_embedded_once_by_an_encoder(net, manifest, tmp_path, monkeypatch, compensate):
    clustered, asked = ready(net, manifest, compensate=compensate), []

    def extract(*arguments, **settings):
        asked.append(arguments)
        return extract_embeddings(*arguments, **settings)

    for module in ("finish", "decision"):
        monkeypatch.setattr(f"speechbrain_cadino.training.{module}.extract_embeddings", extract)
    encoder = SpeakerEncoder.from_folder(export_with_threshold(net, manifest, tmp_path / "one", clustered=clustered))
    assert [arguments[0] for arguments in asked] == [net, *[clustered.compensated] * compensate]
    embeddings = extract_embeddings(net, manifest, progress=False)[0]
    assert encoder.threshold == decide(net, embeddings.mean(axis=0), clustered, 0.01).threshold
