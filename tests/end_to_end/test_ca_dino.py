"""Cluster-aware DINO as a user runs it: what it tells and leaves, killed and resumed, and started from another run."""

import csv
import json
import shutil
import signal
from unittest import mock

import numpy as np
import pytest
import torch

from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.utils import memory
from tests.end_to_end.conftest import (
    STEPS,
    assert_same_weights,
    die,
    run_script,
    run_until_killed,
    training,
    weights,
    when_a_step_begins,
    when_the_table_is_written,
    while_it_clusters,
)

EPOCHS = 4
CLUSTERS = dict(cluster_start_epoch=1, cluster_every=2, n_clusters=[5, 3], number_of_epochs=EPOCHS)
CA = "hparams/ca_dino.yaml"
SPEAKERS = dict(prepare_options=dict(speaker_pattern="^([^/]+)/"))


def rows(output):
    with open(output / "epochs.csv") as file:
        return [{**row, "seconds": "", "seconds_waiting": ""} for row in csv.DictReader(file)]


def clustered(corpus, output, **settings):
    return training(output, CA, **{**corpus.lists, **CLUSTERS, **settings})


@pytest.fixture(scope="module")
def ca_run(corpus, tmp_path_factory):
    """A cluster-aware run from beginning to end, speakers known for the reports: its output folder and outcome."""
    output = tmp_path_factory.mktemp("ca") / "run"
    outcome = run_script("train.py", *clustered(corpus, output, **SPEAKERS), plots=True)
    assert outcome.status == 0, outcome
    return output, outcome


@pytest.fixture(scope="module")
def plain_run(corpus, tmp_path_factory):
    """A run of dino.yaml of as many epochs; all its checkpoints are kept."""
    output = tmp_path_factory.mktemp("plain") / "run"
    settings = dict(number_of_epochs=EPOCHS, average_checkpoints=2, keep_checkpoints=EPOCHS)
    outcome = run_script("train.py", *training(output, **corpus.lists, **settings))
    assert outcome.status == 0, outcome
    return output


def test_what_a_refresh_tells_and_leaves(ca_run, corpus):
    output, outcome = ca_run
    told = rows(output)
    labelled = {"ami_speakers", "wrong_labels", "same_spk", "same_spk_within", "same_spk_across"}
    metrics = {"clusters", "median_size", "largest", "singletons", "several_utterances"} | labelled
    assert all(bool(told[epoch][name]) == (epoch in (1, 3)) for epoch in range(EPOCHS) for name in metrics)
    assert [bool(row["ami_previous"]) for row in told] == [False, False, False, True]
    assert float(told[1]["clusters"]) <= 5 and float(told[3]["clusters"]) <= 3
    assert 0 < float(told[3]["several_utterances"]) <= 1
    assert outcome.out.count("Clusters for the epochs from") + outcome.err.count("Clusters for the epochs from") == 2
    names = sorted(path.name for path in (output / "clusters").iterdir())
    assert names == ["embeddings", "labels_epoch0002.csv", "labels_epoch0004.csv"]
    for name in names[1:]:
        labels, distances = read_label_table(output / "clusters" / name).for_manifest(np.array(corpus.names))
        assert (labels >= 0).all() and (distances >= 0).all()
    assert np.load(output / "clusters/embeddings/embeddings.npy").shape == (16, 8)


def test_before_the_first_clustering_it_is_plain_dino_and_then_no_longer(ca_run, plain_run):
    found = [[row["loss"] for row in rows(output)] for output in (ca_run[0], plain_run)]
    assert found[0][0] == found[1][0] and found[0][1] != found[1][1]


def test_labels_change_nothing_but_the_report(ca_run, corpus, tmp_path):
    outcome = run_script("train.py", *clustered(corpus, tmp_path / "run"))
    assert outcome.status == 0, outcome
    assert_same_weights(ca_run[0], tmp_path / "run")
    assert "ami_speakers" not in (tmp_path / "run/epochs.csv").read_text()


@pytest.mark.parametrize(
    "settings, made",
    [
        (dict(cluster_start_epoch=2), [3]),
        (dict(cluster_every=1), [2, 3, 4]),
        (dict(cluster_start_epoch=EPOCHS), []),
        (dict(n_clusters=16), [2, 4]),
    ],
)
def test_the_schedule_is_followed(ca_run, corpus, tmp_path, settings, made):
    outcome = run_script("train.py", *clustered(corpus, tmp_path / "run", **settings))
    assert outcome.status == 0, outcome
    tables = sorted((tmp_path / "run").glob("clusters/labels_epoch*.csv"))
    assert [int(path.stem[-4:]) for path in tables] == made
    with pytest.raises(AssertionError):
        assert_same_weights(ca_run[0], tmp_path / "run")


def test_all_clusters_of_one_utterance_are_plain_dino(plain_run, corpus, tmp_path):
    alone = dict(n_clusters=16, positive_sampler=dict(max_distance=1e-9))
    outcome = run_script("train.py", *clustered(corpus, tmp_path / "run", **alone))
    assert outcome.status == 0, outcome
    assert_same_weights(plain_run, tmp_path / "run")


def while_it_embeds():
    """At the second refresh."""
    from speechbrain_cadino.encoder.shards import Shards

    merge = Shards._merge

    def once(self):
        if list(self.folder.parent.glob("labels_epoch*")):
            die()
        merge(self)

    mock.patch.object(Shards, "_merge", once).start()


@pytest.mark.parametrize(
    "kill",
    [
        while_it_embeds,
        while_it_clusters,
        when_the_table_is_written,
        when_a_step_begins(STEPS),  # between the clustering and the first checkpoint that holds it
        when_a_step_begins(2 * STEPS - 1),  # in an epoch that began with a clustering
        when_a_step_begins(2 * STEPS + 2),  # in one that did not
    ],
)
def test_killed_it_goes_on_to_the_same_weights(ca_run, corpus, tmp_path, kill):
    output = tmp_path / "run"
    checkpoints = dict(ckpt_interval_minutes=0, ckpt_interval_steps=2)
    arguments = clustered(corpus, output, **SPEAKERS, **checkpoints)
    assert run_until_killed(kill, *arguments) == -signal.SIGKILL
    outcome = run_script("train.py", *arguments)
    assert outcome.status == 0, outcome
    assert_same_weights(ca_run[0], output)
    assert rows(output) == rows(ca_run[0])
    assert not list(output.rglob(".*")) and not list(output.rglob("shard_*"))


def test_started_from_a_run_of_dino_it_goes_on_as_if_it_were_that_run(ca_run, plain_run, corpus, tmp_path):
    output = tmp_path / "run"
    arguments = clustered(corpus, output, **SPEAKERS, start_from=plain_run, start_from_epoch=1)
    outcome = run_script("train.py", *arguments)
    assert outcome.status == 0, outcome
    assert_same_weights(ca_run[0], output)
    assert [row["loss"] for row in rows(output)] == [row["loss"] for row in rows(ca_run[0])]
    again = run_script("train.py", *arguments)  # its own checkpoints count from now on
    assert again.status == 0 and "nothing was done" in again.out
    assert_same_weights(ca_run[0], output)


def test_it_goes_on_behind_the_end_of_a_finished_run(plain_run, corpus, tmp_path):
    settings = dict(start_from=plain_run, number_of_epochs=EPOCHS + 1)
    outcome = run_script("train.py", *clustered(corpus, tmp_path / "run", **settings))
    assert outcome.status == 0, outcome
    told = rows(tmp_path / "run")
    assert [row["epoch"] for row in told] == [str(epoch) for epoch in range(1, EPOCHS + 2)]
    assert [row["loss"] for row in told[:EPOCHS]] == [row["loss"] for row in rows(plain_run)]
    assert told[-1]["clusters"]


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(start_from="nowhere"), "start_from is nowhere, where there is no folder 'save'"),
        (dict(start_from_epoch=7), "has no checkpoint of epoch 7: check start_from and start_from_epoch"),
        (dict(), f"has made {EPOCHS} epochs and number_of_epochs is {EPOCHS}: raise number_of_epochs"),
        (dict(embedding_dim=16, number_of_epochs=9), "does not fit this model"),
        (dict(dataset=dict(positive_sampler=None)), "dataset.positive_sampler is null, and must be an object"),
    ],
)
def test_mistakes(plain_run, corpus, tmp_path, settings, said):
    arguments = clustered(corpus, tmp_path / "run", **{"start_from": plain_run, **settings})
    assert said in run_script("train.py", *arguments).error()
    assert not list((tmp_path / "run").rglob("CKPT*"))


def test_too_little_memory_for_merging_is_told_before_the_first_epoch(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    arguments = clustered(corpus, tmp_path / "run", clustering=dict(n_fine=12), start_from=None)
    outcome = run_script("train.py", *arguments)
    assert "lower n_fine" in outcome.error() and not (tmp_path / "run/epochs.csv").exists()


def test_fine_clusters_are_merged(ca_run, corpus, tmp_path):
    outcome = run_script("train.py", *clustered(corpus, tmp_path / "run", clustering=dict(n_fine=12)))
    assert outcome.status == 0, outcome
    assert [row["clusters"] for row in rows(tmp_path / "run")] == ["", "5", "", "3"]


def test_the_teacher_s_modes_and_numbers_are_left_alone(ca_run):
    found = weights(ca_run[0])
    assert all(value.isfinite().all() for part in found.values() for value in part.values())
    newest = max((ca_run[0] / "save").glob("CKPT*"), key=lambda folder: folder.stat().st_mtime_ns)
    assert torch.load(newest / "clusters.ckpt")["number"] == 2


def state(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_clusters_belong_to_their_run(ca_run, corpus, tmp_path):
    output = tmp_path / "run"
    shutil.copytree(ca_run[0], output)
    before = state(output)
    for settings, said in (
        (dict(n_clusters=[5, 4]), "begun with n_clusters [5, 3], and now it is [5, 4]"),
        (dict(cluster_every=1), "begun with cluster_every 2, and now it is 1"),
        (dict(positive_sampler=dict(share_global=True)), "positive_sampler.share_global false, and now it is true"),
    ):
        assert said in run_script("train.py", *clustered(corpus, output, **{**SPEAKERS, **settings})).error()
    assert "is finished: nothing was done" in run_script("train.py", *clustered(corpus, output, **SPEAKERS)).out
    assert state(output) == before


def test_the_run_to_start_from_is_known_by_its_weights(plain_run, corpus, tmp_path):
    first, output = tmp_path / "first", tmp_path / "run"
    shutil.copytree(plain_run, first)
    settings = dict(start_from=first, start_from_epoch=2, number_of_epochs=3)
    checkpoints = dict(ckpt_interval_minutes=0, ckpt_interval_steps=1)
    arguments = clustered(corpus, output, **settings, **checkpoints)
    assert run_until_killed(when_a_step_begins(2 * STEPS + 2), *arguments) == -signal.SIGKILL
    before = state(output)

    def start(**changes):
        return run_script("train.py", *clustered(corpus, output, **{**settings, **checkpoints, **changes}))

    assert "begun with start_from_epoch 2, and now it is 1" in start(start_from_epoch=1).error()
    assert "begun with start_from" in start(start_from=None, start_from_epoch=2).error()
    other = tmp_path / "other"
    shutil.copytree(first, other)
    for sums in other.glob("save/CKPT*/SHA256SUMS"):
        sums.write_text(sums.read_text().replace("a", "b"))
    record = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(record | {"id": "another one"}))
    assert f"and now it is {other}, which holds another run" in " ".join(start(start_from=other).error().split())
    assert state(output) == before
    first.rename(tmp_path / "moved")
    outcome = start(start_from=tmp_path / "moved")
    assert outcome.status == 0, outcome


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(n_clusters="auto"), "auto chooses among merges, so set n_fine"),
        (dict(n_clusters="auto", clustering=dict(n_fine=8, linkage="average")), "auto chooses among merges"),
        (dict(n_clusters="auto", clustering=dict(n_fine=3)), "which leaves no choice"),
        (dict(n_clusters=[5, 3], clustering=dict(n_fine=4)), "n_fine is 4 for 5 clusters"),
        (dict(n_clusters=[3, 5], clustering=dict(n_fine=4)), "n_fine is 4 for 5 clusters"),
        (dict(clustering=dict(n_clusters="abc")), "clustering.n_clusters is abc, and must be a whole number"),
        (dict(clustering=dict(n_fine="abc")), "clustering.n_fine is abc, and must be a whole number"),
    ],
)
def test_what_cannot_be_clustered_is_told_before_the_first_epoch(corpus, tmp_path, settings, said):
    outcome = run_script("train.py", *clustered(corpus, tmp_path / "run", **settings))
    assert said in outcome.error()
    assert not list((tmp_path / "run").rglob("CKPT*"))
