"""What predicts in stage II: the moving average of encoder and classifier, against a plain loop over their weights."""

import copy
import functools
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
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.clipping import GradientClipper
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.training.loggers import FileTrainLogger
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset

CROPS = CropSpec(n_global=1, global_seconds=0.1, n_local=0)


class TinyEncoder(nn.Module):
    embedding_dim = 8

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(20, 8), nn.BatchNorm1d(8)

    def forward(self, waves):
        return self.norm(self.linear(10 * waves.unfold(1, 20, 20)).abs().mean(1))


class Watched(DLGLCBrain):
    """Beside each prediction what the plain mean of the weights so far predicts, in evaluation mode."""

    def on_fit_start(self):
        super().on_fit_start()
        self.average, self.pairs = copy.deepcopy(self.modules.state_dict()), []

    def compute_forward(self, batch, stage):
        plain = copy.deepcopy(self.modules)
        plain.load_state_dict(self.average)
        plain.eval()
        seen = super().compute_forward(batch, stage)
        with torch.no_grad():
            self.pairs.append((seen["voice"].clean, plain.classifier(plain.encoder(batch.waves[0]))))
        return seen

    def on_fit_batch_end(self, *arguments, **settings):
        super().on_fit_batch_end(*arguments, **settings)
        momentum = self.hparams.correction_momentum or 0
        for name, value in self.modules.state_dict().items():
            if value.is_floating_point():
                self.average[name] = momentum * self.average[name] + (1 - momentum) * value


@pytest.fixture
def train(noises, tmp_path, monkeypatch):
    """Give a function that trains two epochs of two steps, with all labels turned away, and returns the Brain."""
    for name in ("loss_histogram", "write_figure"):
        monkeypatch.setattr(module, name, lambda *arguments, **settings: None)
    monkeypatch.setattr(History, "plot", lambda self, path, panels: Path(path).write_text(""))

    def train(folder=tmp_path, epochs=2, **changes):
        torch.manual_seed(0)
        modules = {"encoder": TinyEncoder(), "classifier": CosineClassifier(8, 3)}
        counter, gate = EpochCounter(epochs), DynamicLossGate(3, start_epoch=100)
        gate.threshold = 0.0
        settings = dict(
            output_folder=str(folder),
            epoch_counter=counter,
            init=None,
            start_from=None,
            fresh_encoder=True,
            gate_mode="dynamic+correction",
            gate=gate,
            aam=AAMSoftmax(),
            corrector=LabelCorrector(tau_2=0.0),
            correction_start_epoch=1,
            correction_momentum=0.9,
            margin_schedule=Constant(0.2),
            lr_schedule=Constant(0.1),
            gradient_clipper=GradientClipper(3.0),
            augmenter=ViewAugmenter(),
            train_loggers={"text": functools.partial(FileTrainLogger, str(folder / "log.txt"))},
            average_checkpoints=1,
            last_layer_refit=None,
            keep_checkpoints=1,
            evaluate_every=1,
            noprogressbar=True,
        )
        brain = Watched(
            modules=modules,
            opt_class=functools.partial(torch.optim.SGD, lr=1.0),
            hparams={**settings, **changes},
            run_opts={"device": "cpu"},
            checkpointer=SafeCheckpointer(folder / "save", {**modules, "counter": counter}),
            labels=np.arange(len(noises)) % 3,
        )
        brain.fit_loader(make_train_loader(ViewDataset(noises, CROPS, seed=1), batch_size=4, seed=1))
        return brain

    return train


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.97])
def test_the_mean_of_the_weights_predicts(train, momentum):
    brain = train(correction_momentum=momentum)
    assert len(brain.pairs) == 4
    for found, wanted in brain.pairs:
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    last = brain.pairs[-1][0]
    assert not torch.allclose(last, brain.pairs[0][0], atol=1e-3)
    assert not last.requires_grad


def test_momentum_changes_what_is_learnt(train, tmp_path):
    brains = [train(tmp_path / str(momentum), correction_momentum=momentum) for momentum in (0.0, 0.9)]
    assert not torch.allclose(*(brain.modules.classifier.weight for brain in brains), atol=1e-4)


def test_the_mean_goes_on_where_a_run_was_stopped(train, tmp_path):
    whole = train(tmp_path / "whole", epochs=2)
    train(tmp_path / "parts", epochs=1)
    rest = train(tmp_path / "parts", epochs=2)
    for found, wanted in zip(rest.predictor.state_dict().values(), whole.predictor.state_dict().values()):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("mode", ["none", "fixed", "dynamic"])
def test_where_nothing_is_corrected_there_is_no_mean(train, mode):
    brain = train(gate_mode=mode, correction_momentum=None)
    assert brain.predictor is None and {clean for clean, _ in brain.pairs} == {None}


@pytest.mark.parametrize("momentum", [-0.1, 1.0, float("nan")])
def test_a_momentum_that_is_none(train, momentum):
    with pytest.raises(UserError, match="correction_momentum is .*: set at least 0 and less than 1"):
        train(correction_momentum=momentum)


def test_the_encoder_to_export_is_refitted_within_its_labels(train):
    class Recording:
        def refit(self, net, manifest, setting, labels):
            self.asked = net, manifest, labels
            return True

    refit = Recording()
    brain = train(last_layer_refit=refit)
    assert brain.encoder_to_export() is refit.asked[0] and refit.asked[1] is brain.manifest
    assert torch.equal(refit.asked[2], torch.arange(len(brain.manifest)) % 3)
