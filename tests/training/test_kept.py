"""The encoder that is kept, beside the one before its refit and the one that it began with."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.dlg_lc.report import Report
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.training.finish import LARGE_MARGIN
from speechbrain_cadino.training.half_retrieval import HalfRetrieval
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.kept import BLIND, advice, is_worse, look_at_kept, refitted
from speechbrain_cadino.training.retrieval import ranks
from tests.encoder.conftest import tiny_encoder
from tests.training.test_half_retrieval import N, Store


@pytest.fixture
def halves():
    """Tones, each with a pitch of its own."""
    rng, time = np.random.default_rng(0), np.arange(16000) / 16000
    waves = [0.1 * np.sin(2 * np.pi * (300 + 400 * n) * time) + 0.01 * rng.standard_normal(16000) for n in range(N)]
    return HalfRetrieval(Store([wave.astype(np.float32) for wave in waves]), None, ViewAugmenter(), seconds=0.4)


def test_what_is_kept_is_measured_as_it_is_used(halves, tmp_path):
    torch.manual_seed(0)
    net = tiny_encoder()
    folder = export_encoder(net, tmp_path / "encoder", mean=torch.randn(12))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    kept = look_at_kept(net, halves, {"half_rank": 0.5}, init=folder)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    # norm and mean are folded into the folder's weights: the same encoder
    assert kept.metrics["init_half_rank"] == pytest.approx(kept.metrics["exported_half_rank"], abs=1e-3)
    assert kept.metrics["init_gain_low"] <= 0 <= kept.metrics["init_gain_high"] and not is_worse(kept.metrics)
    assert "of the last epoch 0.500" in kept.sentences[0] and str(folder) in kept.sentences[1]
    assert look_at_kept(net, None, {}, init=folder) == ({}, [])


def test_an_encoder_of_another_filterbank_hears_its_own_features(halves, tmp_path):
    torch.manual_seed(0)
    net, narrow = tiny_encoder(), tiny_encoder(fbank=dict(n_mels=16, f_max=3000))
    folder = export_encoder(narrow, tmp_path / "encoder")
    found = look_at_kept(net, halves, {}, init=folder).metrics
    alone = look_at_kept(narrow, halves, {}).metrics
    assert found["init_half_rank"] == pytest.approx(alone["exported_half_rank"], abs=1e-3)


@pytest.mark.parametrize("gain, told", [(-0.2, True), (-0.005, False), (0.1, False)])
def test_a_refit_that_lowers_half_rank_is_told(halves, gain, told):
    torch.manual_seed(0)
    net = tiny_encoder()
    now = look_at_kept(net, halves, {}).metrics["exported_half_rank"]
    without = ranks(*halves.kept(net)) - gain
    kept = look_at_kept(net, halves, {}, without_refit=without)
    assert kept.metrics["half_rank_without_refit"] == pytest.approx(now - gain, abs=1e-5)
    assert any("Without last_layer_refit it had half_rank" in sentence for sentence in kept.sentences) is told


def measured(new, old, width=0.02):
    gain = new - old
    return dict(exported_half_rank=new, init_half_rank=old, init_gain_low=gain - width, init_gain_high=gain + width)


@pytest.mark.parametrize(
    "metrics, init, said",
    [
        (measured(0.70, 0.85), "I", "keep the encoder of --init (I): half_rank 0.850, after iteration 1 0.700"),
        (measured(0.84, 0.85), "I", "keep the encoder of iteration 1 (F): half_rank 0.840, of --init 0.850"),
        (measured(0.95, 0.85), "I", "keep the encoder of iteration 1 (F): half_rank 0.950"),
        ({}, "I", "nothing says whether the encoder of iteration 1 (F) or that of --init (I) is the better one"),
        ({}, None, "keep the encoder of iteration 1 (F): there is no --init that it could be compared with"),
    ],
)
def test_advice(metrics, init, said):
    assert advice(metrics, "F", init, "iteration 1").startswith(said)


@pytest.mark.parametrize("half_ranks, eers, told", [
    ((0.84, 0.85), (10.0, 6.0), True), ((0.84, 0.85), (6.0, 10.0), False), ((0.84, 0.85), (6.0, 6.0), False),
    ((0.70, 0.85), (6.0, 10.0), True), ((0.70, 0.85), (10.0, 6.0), False), ((0.84, 0.85), (float("nan"), 6.0), False),
])  # fmt: skip
def test_a_development_list_that_says_the_opposite_is_told(half_ranks, eers, told):
    metrics = {**measured(*half_ranks), "EER %": eers[0], "init EER %": eers[1]}
    assert (f"says the opposite: EER {eers[0]:.2f} %, of --init {eers[1]:.2f} %" in advice(metrics, "F", "I")) is told


GOOD, BAD = measured(0.9, 0.85), measured(0.7, 0.85)


@pytest.mark.parametrize(
    "iterations, keep",
    [
        ([GOOD, GOOD], "keep the encoder of iteration 2 (iteration_2/encoder): half_rank 0.900"),
        ([GOOD, BAD], "keep the encoder of iteration 1 (iteration_1/encoder): half_rank 0.900, of --init 0.850, "
                      "after iteration 2 0.700"),
        ([BAD, BAD], "keep the encoder of --init (I): half_rank 0.850, after iteration 2 0.700"),
        ([BAD, GOOD], "keep the encoder of iteration 2"),
        ([GOOD, GOOD, BAD], "keep the encoder of iteration 2 (iteration_2/encoder): half_rank 0.900, of --init "
                            "0.850, after the large margin 0.700"),
    ],
)  # fmt: skip
def test_the_iterations_say_which_encoder_to_keep(tmp_path, iterations, keep, capsys):
    report = Report(tmp_path, {}, "I")
    for number, metrics in enumerate(iterations, 1):
        folder = tmp_path / (f"iteration_{number}" if number < 3 else "large_margin")
        report.add({"iteration": number, "step": "DLG-LC" if number < 3 else LARGE_MARGIN, **metrics}, folder)
    rows = History.read_csv(tmp_path / "iterations.csv").rows
    assert rows[-1]["keep"].startswith(keep) and all("keep the encoder of" in row["keep"] for row in rows)
    report.show()
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith(f"Which encoder? K{keep[1:]}") and BLIND in last


def test_the_labels_of_each_modality_have_a_panel(tmp_path):
    one, two = Report(tmp_path, {}, "I").panels, Report(tmp_path, {}, "I", ("voice", "face")).panels
    assert list(one)[2:] == ["labels, last epoch"] and "wrong_labels" in one["clusters"]
    assert list(two)[2:] == ["labels of voice, last epoch", "labels of face, last epoch"]
    assert two["labels of face, last epoch"][0] == "face_fraction_kept"
    assert two["labels of voice, last epoch"] == one["labels, last epoch"]


@pytest.mark.parametrize("done", [True, False])
def test_a_refit_that_had_too_few_items_is_none(done):
    """Compensation of the clusters goes by it."""
    refit = SimpleNamespace(refit=lambda *_: done)
    brain = SimpleNamespace(hparams=SimpleNamespace(last_layer_refit=refit), manifest=None, half_retrieval=None)
    brain.evaluate_development, brain.ranks_without_refit = None, "none yet"
    refitted(brain, None)
    assert brain.is_refitted is done and (brain.ranks_without_refit == "none yet") is not done
