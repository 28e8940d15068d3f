"""What follows the last epoch: what the exported encoder's threshold is drawn by."""

from types import SimpleNamespace

import pytest

from speechbrain_cadino.training import ending
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.verdict import RunFacts
from tests.encoder.conftest import tiny_encoder


@pytest.mark.parametrize("seed, refitted", [(3, True), (7, False)])
def test_the_export_goes_by_the_run(noises, tmp_path, monkeypatch, seed, refitted):
    given = {}
    monkeypatch.setattr(ending, "export_with_threshold", lambda *_, **settings: given.update(settings))
    monkeypatch.setattr(ending, "tell_training", lambda folder: None)
    counter = SimpleNamespace(current=2, limit=2)
    hparams = SimpleNamespace(seed=seed, false_acceptance=0.02, output_folder=str(tmp_path), epoch_counter=counter)
    hparams.license = "mit"
    brain = SimpleNamespace(hparams=hparams, history=History(), half_retrieval=None, is_refitted=refitted)
    brain.ranks_without_refit = brain.rates_without_refit = None
    brain.history.add({"epoch": 2, "loss": 1.0})
    facts = RunFacts(len(noises), len(noises), 10, 1.0, 0)
    assert ending.finish(brain, tiny_encoder(), facts, noises, None, None, clustered=None) == {}
    assert given["seed"] == seed and given["false_acceptance"] == 0.02
    assert given["info"]["last_layer_refit"] is refitted
    known = {name: given["info"][name] for name in ("utterances", "files", "hours", "license")}
    assert known == {"utterances": 8, "files": 8, "hours": 0.0006, "license": "mit"}  # eight of 0.25 s
