"""A DINO run on the smallest encoder there is: 16 prototypes, two steps an epoch, milliseconds a step."""

import functools
from pathlib import Path

import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.dino.brain import DINOBrain
from speechbrain_cadino.dino.collapse import CollapseWatch
from speechbrain_cadino.dino.head import DINOHead
from speechbrain_cadino.dino.koleo import KoLeoLoss
from speechbrain_cadino.dino.loss import CosineConsistencyLoss, DINOLoss
from speechbrain_cadino.dino.multicrop import MultiCropNet
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.clipping import GradientClipper
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.training.loggers import FileTrainLogger
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset

CROPS = CropSpec(n_global=2, global_seconds=0.1, n_local=1, local_seconds=0.05)


class TinyEncoder(nn.Module):
    """Statistics of 20 samples at a time, a linear layer and batch norm: waves -> features -> embeddings (batch, 8)."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(20, 8), nn.BatchNorm1d(8)

    def features(self, waves):
        return 10 * waves.unfold(1, 20, 20)

    def embed(self, features):
        return self.norm(self.linear(features).abs().mean(1))


def make_student():
    torch.manual_seed(0)
    return MultiCropNet(TinyEncoder(), DINOHead(8, 16, hidden_dim=12, bottleneck_dim=6))


def make_brain(folder, epochs=2, brain_class=DINOBrain, run_opts=None, **changes):
    """A Brain with plain settings, which ``changes`` replaces."""
    student, counter = make_student(), EpochCounter(epochs)
    settings = dict(
        output_folder=str(folder),
        epoch_counter=counter,
        crops=CROPS,
        augmenter=ViewAugmenter(),
        dino_loss=DINOLoss(16),
        consistency_loss=CosineConsistencyLoss(),
        consistency_weight=0.0,
        koleo_loss=KoLeoLoss(),
        koleo_weight=0.0,
        collapse_watch=CollapseWatch(warmup_epochs=100),
        teacher_batch_norm="own",
        freeze_last_layer_epochs=0,
        lr_schedule=Constant(0.1),
        momentum_schedule=Constant(0.9),
        teacher_temp_schedule=Constant(0.04),
        gradient_clipper=GradientClipper(3.0),
        train_loggers={"text": functools.partial(FileTrainLogger, str(folder / "log.txt"))},
        average_checkpoints=10,
        keep_checkpoints=10,
        last_layer_refit=None,
        evaluate_every=1,
        noprogressbar=True,
        remove_vector_weight_decay=True,
    )
    return brain_class(
        modules={"student": student},
        opt_class=functools.partial(torch.optim.SGD, lr=1.0, weight_decay=0.1),
        hparams={**settings, **changes},
        run_opts={"device": "cpu", **(run_opts or {})},
        checkpointer=SafeCheckpointer(folder / "save", {"student": student, "counter": counter}),
    )


@pytest.fixture
def make_loader(noises):
    """Give a function that makes the loader of a run: batches of 4 of the 8 noises."""
    return lambda: make_train_loader(ViewDataset(noises, CROPS, seed=1), batch_size=4, seed=1)


@pytest.fixture
def train(make_loader, monkeypatch, tmp_path):
    """Give a function that makes a Brain, trains it and returns it."""
    # Plots take longer than training here.
    monkeypatch.setattr(History, "plot", lambda self, path, panels: Path(path).write_text(f"{list(panels)}"))

    def train(folder=tmp_path, **changes):
        brain = make_brain(folder, **changes)
        brain.fit_loader(make_loader())
        return brain

    return train
