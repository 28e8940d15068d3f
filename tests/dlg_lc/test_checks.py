"""What a run of stage II will not do, or has not done, is told: tables of settings and sentences."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings
from speechbrain_cadino.dlg_lc.checks import about_together, check_history, check_stage_2
from speechbrain_cadino.dlg_lc.gate import make_gate
from speechbrain_cadino.training.schedules import Linear

LABELS = np.repeat(np.arange(10), 5)
OPEN, CLOSED = {"gate_threshold": math.inf, "fraction_kept": 1.0}, {"gate_threshold": 2.0, "fraction_kept": 0.6}
FEW = {"epoch": 3, "gate_threshold": 1.0, "fraction_kept": 0.3}


def check(mode="dynamic+correction", start_epoch=3, labels=LABELS, n_epochs=10, **changes):
    settings = dict(gate_mode=mode, gate=make_gate(mode, 1, 10, start_epoch), correction_start_epoch=5, start_from=None)
    return check_stage_2({**settings, **changes}, n_epochs, labels, AugmentationSampler(AugmentationSettings()))


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (dict(start_epoch=11), "The gate's start_epoch is 11 and the run has 10 epochs"),
        (dict(mode="fixed", start_epoch=11), "The gate's start_epoch is 11 and the run has 10 epochs"),
        (dict(correction_start_epoch=11), "correction_start_epoch is 11 and the run has 10 epochs"),
        (dict(margin_schedule=Linear(0, 0.2, 15)), "margin_schedule has 15 epochs and the run 10"),
        (dict(labels=np.arange(50)), "Each of the 50 utterances is a cluster of its own"),
        (dict(labels=np.array([0] * 95 + [1] * 5)), "One cluster holds 95% of the utterances"),
        (dict(labels=np.full(5, -1)), "No utterance has a cluster"),
        (
            dict(last_layer_refit=SimpleNamespace(max_items=99), embedding_dim=50),
            "last_layer_refit would have 50 items for 50",
        ),
        (dict(last_layer_refit=SimpleNamespace(max_items=99), embedding_dim=49), "last_layer_refit will have 50 items"),
    ],
)
def test_what_does_nothing_is_told(changes, sentence):
    (found,) = check(**changes)
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(start_epoch=10),
        dict(last_layer_refit=SimpleNamespace(max_items=99), embedding_dim=25),
        dict(mode="none", start_epoch=99, correction_start_epoch=99),
        dict(mode="dynamic", correction_start_epoch=None),
        dict(start_epoch=11, start_from="run"),
        dict(labels=np.array([0] * 60 + [1] * 40)),
    ],
)
def test_what_works_is_no_matter(changes):
    assert check(**changes) == []


@pytest.mark.parametrize(
    "rows, mode, sentence",
    [
        ([OPEN, OPEN], "dynamic", "The gate was open in all epochs, as if gate_mode were none (why)"),
        ([OPEN, {**CLOSED, "fraction_kept": 1.0}], "fixed", "The gate let every label through in all epochs"),
        ([OPEN, CLOSED], "dynamic+correction", "No label was corrected"),
        ([OPEN, {**CLOSED, "fraction_corrected": 0.0}], "dynamic+correction", "No label was corrected"),
        ([OPEN, {**CLOSED, "fraction_corrected": 0.1}], "dynamic+correction", None),
        ([OPEN, CLOSED], "dynamic", None),
        (
            [OPEN, FEW, {**CLOSED, "fraction_corrected": 0.1}],
            "dynamic+correction",
            "In epoch 3, the first with a closed",
        ),
        ([OPEN, CLOSED, {**FEW, "fraction_kept": 0.2}], "dynamic", None),
        ([OPEN, OPEN], "none", None),
        ([], "dynamic", None),
    ],
)
def test_what_has_done_nothing_is_told_at_the_end(rows, mode, sentence):
    found = check_history(rows, mode, "why")
    assert len(found) == (sentence is not None) and all(text.startswith(sentence) for text in found)


@pytest.mark.parametrize("n_modalities", [1, 2])
@pytest.mark.parametrize("mode", ["none", "fixed", "dynamic", "dynamic+correction"])
@pytest.mark.parametrize("name, value", [("gate_rule", "and"), ("gate_rule", "or"), ("correction", "mean")])
def test_what_modalities_cannot_tell_each_other_is_told(n_modalities, mode, name, value):
    idle = {"gate_rule": mode == "none", "correction": mode != "dynamic+correction"}[name] or n_modalities == 1
    found = about_together({"gate_mode": mode, name: value}, n_modalities)
    assert len(found) == idle and all(text.startswith(f"{name} is {value}, and") for text in found)
    assert about_together({"gate_mode": mode, name: "own"}, n_modalities) == []


def test_a_modality_that_weighs_nothing_is_told():
    entries = {"face": {"weight": 0}, "gait": {"weight": 0.1}, "hand": {}}
    (sentence,) = about_together({"gate_mode": "none", "modalities": entries}, 4)
    assert sentence.startswith("modalities.face.weight is 0: its encoder and classifier learn nothing")
