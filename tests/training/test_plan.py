"""What is said before a run: its size, its room on the disk, and what cannot succeed."""

from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch

from speechbrain_cadino.corpus.character import Character
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.training import plan
from speechbrain_cadino.utils.errors import UserError

SPEECH = Character(speechlike=0.97, narrow=0.0, distinct=1.0)

FEW = SimpleNamespace(max_items=100)  # of a `Compensation`


def manifest_of(n, files=None, seconds=6):
    files = n if files is None else files
    wavs = [f"{i % files}.wav" for i in range(n)]
    return Manifest([str(i) for i in range(n)], wavs, np.zeros(n), np.full(n, 16000 * seconds))


def hparams_of(**settings):
    defaults = dict(
        batch_size=32,
        grad_accumulation_factor=1,
        retrieval_utterances=500,
        epoch_counter=SimpleNamespace(limit=8),
        keep_checkpoints=5,
        embedding_dim=192,
        modules={"student": torch.nn.Linear(1000, 1000, bias=False)},
        f_max=8000,
    )
    return {**defaults, **settings}


def facts_of(manifest, heard=SPEECH, **settings):
    return plan.run_facts(SimpleNamespace(**hparams_of(**settings)), manifest, heard)


def test_facts():
    facts = facts_of(manifest_of(1058, files=100), SPEECH._replace(distinct=0.5))
    assert (facts.utterances, facts.recordings, facts.steps, facts.measured) == (1058, 50, 264, 500)
    assert facts_of(manifest_of(64), grad_accumulation_factor=2).steps == 8


@pytest.mark.parametrize(
    "manifest, heard, settings, said",
    [
        (manifest_of(1058), SPEECH, {}, []),
        (manifest_of(60), SPEECH, {"batch_size": 2}, ["60 utterances, under 100"]),
        (manifest_of(400, files=1), SPEECH, {"batch_size": 16}, ["1 different recordings, under 50"]),
        (manifest_of(400), SPEECH._replace(distinct=0.02), {"batch_size": 16}, ["8 different recordings, under 50"]),
        (manifest_of(320), SPEECH, {"epoch_counter": SimpleNamespace(limit=2)}, ["20 optimiser steps, under 150"]),
        (
            manifest_of(1058),
            SPEECH._replace(speechlike=0.1),
            {},
            ["10% of the utterances listened to sound"],
        ),
        (
            manifest_of(1058),
            SPEECH._replace(narrow=1.0),
            {},
            ["All of the utterances (100% of those listened to) have nothing above 4 kHz"],
        ),
        (
            manifest_of(1058),
            SPEECH._replace(narrow=0.3),
            {},
            ["Some of the utterances (30% of those listened to) have nothing above 4 kHz"],
        ),
        (manifest_of(1058), SPEECH._replace(narrow=1.0), {"f_max": 3800}, []),
        (manifest_of(1058), SPEECH._replace(narrow=0.3), {"f_max": 3800}, []),
        (manifest_of(1058), SPEECH, {"f_max": 3800}, ["no telephone speech, and the encoder will hear nothing"]),
        (manifest_of(1058), SPEECH, {"cluster_compensation": FEW}, ["cluster_compensation would have 100 items"]),
        (manifest_of(1058), SPEECH, {"n_clusters": 1058}, ["1058 clusters of 1058 utterances leave each alone"]),
        (manifest_of(60_000), SPEECH, {"hop_length": 20, "number_of_epochs": 8}, ["For 100 h and more"]),
    ],
)
def test_hints(manifest, heard, settings, said):
    found = plan.hints(facts_of(manifest, heard, **settings), heard, hparams_of(**settings), manifest)
    assert len(found) == len(said) and all(part in sentence for part, sentence in zip(said, found)), found


def test_room_on_the_disk(tmp_path):
    manifest, checkpoint = manifest_of(1000), 4 * 4 * 10**6
    settings = hparams_of(output_folder=tmp_path / "a" / "b")
    plain = plan.disk_needed(settings, manifest)
    assert plain == 7 * checkpoint + plan.OTHER_FILES + 8 * plan.EPOCH_FILES
    all_kept = {**settings, "keep_checkpoints": 1_000_000}  # no more than there are epochs
    assert plan.disk_needed(all_kept, manifest) == plan.disk_needed({**all_kept, "keep_checkpoints": 10_000}, manifest)
    assert plan.disk_needed({**settings, "clustering": None}, manifest) == plain + 1000 * 192 * 8
    assert plan.disk_needed({**settings, "n_iterations": 2, "large_margin": {}}, manifest) == 3 * plain
    disk = SimpleNamespace(free=plain)
    with mock.patch.object(plan.shutil, "disk_usage", return_value=disk):
        assert "0.13 GB needed" in plan.check_disk(settings, manifest) or "0.14 GB" in plan.check_disk(
            settings, manifest
        )
        disk.free -= 1
        with pytest.raises(UserError, match="0.13 GB on the disk of .*/a/b and 0.13 GB are free: free some"):
            plan.check_disk(settings, manifest)
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "checkpoint").write_bytes(b"there")  # what was written already is not written again
        plan.check_disk(settings, manifest)
