"""The two training steps that `train_step.py` compares: the package's own, and the plain way of writing it.

Both start from the same weights, see the same crops with the same parameters, and minimise the same loss.
"""

import copy
import itertools
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.signal import fftconvolve
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models import ECAPA_TDNN as speechbrain_ecapa
from speechbrain.processing.features import InputNormalization
from speechbrain.utils.epoch_loop import EpochCounter
from speechbrain.utils.optimizers import rm_vector_weight_decay
from torch.nn import functional as F

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.dino.brain import DINOBrain
from speechbrain_cadino.dino.collapse import CollapseWatch
from speechbrain_cadino.dino.head import DINOHead
from speechbrain_cadino.dino.loss import DINOLoss
from speechbrain_cadino.dino.multicrop import MultiCropNet
from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.training.clipping import GradientClipper
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.training.schedules import Constant
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.sampler import ViewSampler

SEED = 0
STUDENT_TEMP, TEACHER_TEMP, CENTER_MOMENTUM, EMA_MOMENTUM = 0.1, 0.04, 0.9, 0.996
MAX_NORM = 3.0
# The demo's. The check takes SGD: Adam makes whole steps of the rounding errors of gradients that are zero.
ADAMW = partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.01)
SGD = partial(torch.optim.SGD, lr=0.01, momentum=0.9, weight_decay=1e-4)


@dataclass(frozen=True)
class Sizes:
    """What a step is made of; the defaults are the demo's. Lengths in seconds."""

    batch: int = 32
    channels: int = 128
    last_channels: int = 384
    attention: int = 64
    squeeze: int = 64
    embedding: int = 192
    hidden: int = 1024
    prototypes: int = 1024
    mels: int = 80
    n_global: int = 2
    global_seconds: float = 2.0
    n_local: int = 4
    local_seconds: float = 1.2

    @property
    def crops(self):
        """The views of an item."""
        return CropSpec(self.n_global, self.global_seconds, self.n_local, self.local_seconds)


def make_student(sizes, ecapa_class):
    """Encoder and head; the same weights at every call, whichever class the encoder is of."""
    torch.manual_seed(SEED)
    ecapa = ecapa_class(
        sizes.mels,
        channels=[sizes.channels] * 4 + [sizes.last_channels],
        attention_channels=sizes.attention,
        se_channels=sizes.squeeze,
        lin_neurons=sizes.embedding,
    )
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    encoder = SpeakerEncoderNet(Fbank(n_mels=sizes.mels), norm, ecapa, sizes.embedding)
    return MultiCropNet(encoder, DINOHead(sizes.embedding, sizes.prototypes, sizes.hidden))


class PackageStep:
    """What a run of the recipe does for one batch: its loader, its Brain's ``fit_batch``.

    Arguments
    ---------
    sizes : Sizes
    device : str
    optimizer : callable
        From groups of parameters to an optimiser.
    """

    def __init__(self, sizes, device="cpu", optimizer=ADAMW):
        self.batch_size = sizes.batch
        hparams = {
            "crops": sizes.crops,
            "augmenter": ViewAugmenter(),
            "dino_loss": DINOLoss(sizes.prototypes, STUDENT_TEMP, CENTER_MOMENTUM),
            "consistency_weight": 0.0,
            "koleo_weight": 0.0,
            "teacher_batch_norm": "own",
            "freeze_last_layer_epochs": 0,
            "lr_schedule": Constant(optimizer.keywords["lr"]),
            "momentum_schedule": Constant(EMA_MOMENTUM),
            "teacher_temp_schedule": Constant(TEACHER_TEMP),
            "gradient_clipper": GradientClipper(MAX_NORM),
            "collapse_watch": CollapseWatch(),
            "train_loggers": {"tensorboard": None},
            "average_checkpoints": 1,
            "keep_checkpoints": 1,
            "last_layer_refit": None,
            "evaluate_every": 1,
            "epoch_counter": EpochCounter(limit=1),
        }
        self.brain = DINOBrain(
            modules={"student": make_student(sizes, ECAPA_TDNN)},
            opt_class=optimizer,
            hparams=hparams,
            run_opts={"device": device, "remove_vector_weight_decay": True},
        )
        self.brain.steps_per_epoch = 1
        self.brain.on_fit_start()
        self.student, self.teacher = self.brain.modules.student.train(), self.brain.teacher.model

    def batches(self, dataset):
        """Batches without end, in the sampler's order."""
        loader = make_train_loader(dataset, self.batch_size, SEED)
        for epoch in itertools.count(1):
            loader.set_epoch(epoch)
            yield from loader

    def fit(self, batch):
        """One step of training; gives the loss."""
        return float(self.brain.fit_batch(batch))


class PlainStep:
    """The usual way: crops augmented one by one, features for teacher and student each, loops over pairs and weights.

    Arguments as of `PackageStep`.
    """

    def __init__(self, sizes, device="cpu", optimizer=ADAMW):
        self.sizes, self.device = sizes, device
        self.student = make_student(sizes, speechbrain_ecapa.ECAPA_TDNN).to(device)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.center = torch.zeros(1, sizes.prototypes, device=device)
        self.parameters = list(self.student.parameters())
        self.optimizer = optimizer(rm_vector_weight_decay(torch.nn.ModuleDict({"student": self.student})))

    def batches(self, dataset):
        """As of `PackageStep`, but each a list of tensors (batch, time), one a view, augmented already."""
        sampler = ViewSampler(len(dataset), self.sizes.batch, SEED)
        for epoch in itertools.count(1):
            sampler.set_epoch(epoch)
            for keys in sampler:
                samples = [dataset[key] for key in keys]
                crops = [map(augment_crop, sample.crops, sample.parameters) for sample in samples]
                yield [torch.from_numpy(np.stack(view)) for view in zip(*crops)]

    def fit(self, views):
        """One step of training; gives the loss."""
        views = [view.to(self.device) for view in views]
        with torch.no_grad():
            teacher_logits = forward_by_length(self.teacher, views[: self.sizes.n_global])
        loss = self.pairwise_loss(forward_by_length(self.student, views), teacher_logits)
        self.optimizer.zero_grad()
        loss.backward()
        for parameter in self.parameters:
            torch.nn.utils.clip_grad_norm_(parameter, MAX_NORM)
        self.optimizer.step()
        with torch.no_grad():
            for old, new in zip(self.teacher.parameters(), self.parameters):
                old.mul_(EMA_MOMENTUM).add_(new, alpha=1 - EMA_MOMENTUM)
        return loss.item()

    def pairwise_loss(self, student_logits, teacher_logits):
        """Cross-entropy of every pair of a teacher's view and another of the student's; then the center moves."""
        losses = []
        for t, teacher in enumerate(teacher_logits):
            for s, student in enumerate(student_logits):
                if s != t:
                    target = F.softmax((teacher - self.center) / TEACHER_TEMP, dim=-1)
                    losses.append(-(target * F.log_softmax(student / STUDENT_TEMP, dim=-1)).sum(dim=-1).mean())
        mean = torch.cat(teacher_logits).mean(dim=0, keepdim=True)
        self.center = self.center * CENTER_MOMENTUM + mean * (1 - CENTER_MOMENTUM)
        return torch.stack(losses).mean()


def forward_by_length(net, views):
    """Waves to logits, one tensor a view: the encoder once a length of crop, the head on all (Caron et al., 2021)."""
    groups = [list(group) for _, group in itertools.groupby(views, key=lambda view: view.shape[1])]
    embeddings = torch.cat([net.encoder(torch.cat(group)) for group in groups])
    return net.head(embeddings).chunk(len(views))


def augment_crop(crop, parameters):
    """A room's response or noise on one crop (time,), as drawn; a room leaves the level (RMS) as it was."""
    if "rir" in parameters:
        echoed = fftconvolve(crop, parameters["rir"])[: len(crop)]
        return echoed * (level(crop) / max(level(echoed), 1e-20))
    if "noise" in parameters:
        noise = parameters["noise"]
        return crop + noise * (level(crop) / max(level(noise), 1e-20) * 10 ** (-parameters["snr_db"] / 20))
    return crop


def level(wave):
    """Root mean square."""
    return np.sqrt(np.mean(wave**2))
