"""What two gloo ranks do, each in its own process; the tests read what they leave.

Run as a script with a folder: it imports once and forks the ranks, which is far cheaper than two new interpreters.
"""

import itertools
import os
import sys
import time
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from unittest import mock

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from speechbrain.lobes.features import Fbank
from speechbrain.processing.features import InputNormalization
from torch import nn

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dino.collapse import CollapseWatch
from speechbrain_cadino.dino.loss import DINOLoss
from speechbrain_cadino.encoder import refit
from speechbrain_cadino.encoder.compensation import Compensation
from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.training import ddp
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.clustered import ready_to_cluster
from speechbrain_cadino.training.metric_averager import MetricAverager
from speechbrain_cadino.training.random_states import RandomStates
from speechbrain_cadino.utils import distributed
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

WORLD = 2
TIMEOUT = 3  # seconds, of the process group
REFIT_LABELS = torch.arange(40) // 3  # of items of both ranks


def make_views(num):
    """The same on every rank: each takes its half of the batch."""
    generator = torch.Generator().manual_seed(num)
    return [torch.randn(8, 12, generator=generator) for _ in range(num)]


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


def run_rank(number, folder):
    """What each process does: everything, and leaves ``rank-N.pt`` in the folder."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=number, world_size=WORLD, timeout=timedelta(seconds=TIMEOUT)
    )
    half = slice(4 * number, 4 * number + 4)
    results = {
        "ranks": (distributed.world_size(), distributed.rank(), distributed.is_main()),
        "mean": distributed.all_reduce_mean(torch.tensor([1.0, 10.0]) * (number + 1)),
        "buffers": _buffers(number),
        "loss": _loss(half),
        "gradients": _gradients(half),
        "collapse": _collapse(number),
        "nan": _not_finite(number),
        "means": _resumed_means(number, folder / "means"),
        "refit": _refit(half),
        "refit within labels": _refit(half, REFIT_LABELS),
        "refit of one that fails": _refit_that_fails(number),
        "patience": _patience(number),
        "agreement": distributed.max_over_ranks(number == 1, 5 * number, 0),
        "checkpoints": _checkpoints(number, folder / "save"),
    }
    torch.save(results, folder / f"rank-{number}.pt")
    dist.destroy_process_group()


def _buffers(number):
    model = make_model()
    model[1].running_mean += number + 1
    model[1].num_batches_tracked += number
    ddp.broadcast_buffers(model)
    return dict(model.named_buffers())


def _loss(half):
    dino_loss = DINOLoss(12)
    student, teacher = [[view[half] for view in make_views(num)] for num in (4, 2)]
    for _ in range(3):
        loss, stats = dino_loss(student, teacher, 0.04)
    if distributed.is_main():
        dino_loss.eval()(student, teacher, 0.04)  # alone: evaluation must not wait for the other rank
    return {"loss": loss, "center": dino_loss.center, "stats": stats}


def _gradients(half):
    model = make_model()
    wrapped = ddp.wrap(model)
    wrapped(make_views(1)[0][half]).square().mean().backward()
    return {
        "wrapped": type(wrapped).__name__,
        "unwrapped": ddp.unwrap(wrapped) is model,
        "batch_norm": type(wrapped.module[1]).__name__,
        "gradients": [parameter.grad for parameter in model.parameters()],
    }


def _collapse(number):
    watch = CollapseWatch()
    watch.add({"entropy_gap": torch.tensor(1.0 + number)}, torch.eye(4))
    return watch.finish_epoch()


def _not_finite(number):
    """The center, where one rank has a NaN."""
    dino_loss = DINOLoss(12)
    student, teacher = make_views(4), make_views(2)
    dino_loss(student, teacher, 0.04)
    before = dino_loss.center.clone()
    teacher[0][0, 0] = torch.nan if number == 1 else 0.0
    loss, _ = dino_loss(student, teacher, 0.04)
    return {"loss": loss, "before": before, "center": dino_loss.center}


def _resumed_means(number, folder):
    """Values of two ranks, one of which has a metric of its own, over a kill before the last step and after it."""
    results = {}
    for left in (1, 0):
        means = MetricAverager()
        for step in range(3):
            means.add({"a": torch.tensor(10.0 * number + step)})
        means.add({"b": torch.tensor(7.0)} if number else {})
        SafeCheckpointer(folder / str(left), {"means": means}).save_checkpoint(end_of_epoch=False)
        resumed = MetricAverager()
        SafeCheckpointer(folder / str(left), {"means": resumed}).recover_if_possible()
        for _ in range(left):
            means.add({"a": torch.tensor(100.0 + number)})
            resumed.add({"a": torch.tensor(100.0 + number)})
        results[left] = means.finish_epoch(), resumed.finish_epoch()
    return results


def _refit(half, labels=None):
    """The last layer, from half of each batch."""
    net = make_net()
    batches = ((items[half], [view[half] for view in views]) for items, views in make_batches())
    fit_last_layer(net, batches, 0.3, "compensation", labels)
    return net.embedding_model.fc.state_dict()


def _refit_that_fails(number):
    """What each rank gets where one fails alone: rank 1 while it embeds, then rank 0 at the layer; and what follows."""

    def fail(*_):
        raise MemoryError("no more")

    def embedded_by_half(*_):
        yield from itertools.islice(make_batches(), 2)
        if number == 1:
            fail()

    net, told = make_net(), []
    with mock.patch.object(Compensation, "_batches", embedded_by_half):
        manifest = Manifest(range(40), ["x.wav"] * 40, [0] * 40, [16000] * 40)
        clustered = ready_to_cluster(net, manifest, "some augmentation", None)
        told.append(clustered.compensated is net)
    copy = fail if number == 1 else deepcopy
    with mock.patch("speechbrain_cadino.encoder.compensation.deepcopy", copy):  # before any rank has got to work
        told.append(ready_to_cluster(net, manifest, "some augmentation", None).compensated is net)
    for where, batches in (("none", embedded_by_half()), ("discriminant_layer", make_batches())):
        with mock.patch.object(refit, "discriminant_layer", fail if where != "none" else None):
            try:
                fit_last_layer(make_net(), batches, 0.3, "compensation")
            except Exception as error:
                told += [type(error).__name__, str(error), getattr(error, "quiet", False)]
    return [*told, len(net.embedding_model.fc.conv._forward_pre_hooks)]


def make_net():
    """The smallest ECAPA-TDNN."""
    torch.manual_seed(0)
    model = ECAPA_TDNN(
        20, channels=[8, 8, 8, 8, 24], attention_channels=4, res2net_scale=2, se_channels=4, lin_neurons=6
    )
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    return SpeakerEncoderNet(Fbank(n_mels=20), norm, model, 6).eval()


def make_batches():
    """Five batches of 8 items, two views each: features."""
    generator = torch.Generator().manual_seed(3)
    for batch in range(5):
        items = torch.randn(8, 60, 20, generator=generator)
        yield torch.arange(8) + 8 * batch, [items + 0.3 * torch.randn(8, 60, 20, generator=generator) for _ in range(2)]


def _patience(number):
    """Work of rank 0 that takes longer than the process group's timeout, then some that fails."""

    def work(value):
        time.sleep(2 * TIMEOUT)
        return value + 1

    def fail():
        raise UserError("no good")

    results = [on_main(work, 1), on_main(os.getpid) != os.getpid()]
    try:
        on_main(fail)
    except UserError as error:
        results.append(f"{type(error).__name__}: {error}")
    return results


def _checkpoints(number, folder):
    model = make_model()
    checkpointer = SafeCheckpointer(folder, {"model": model, "random_states": RandomStates()})
    torch.manual_seed(100 + number)
    for epoch in range(3):
        checkpointer.save_and_keep_only(meta={"epoch": epoch}, num_to_keep=2)
    expected = torch.rand(3)
    with torch.no_grad():
        model[0].weight.zero_()
    found = checkpointer.recover_if_possible()
    random = (expected, torch.rand(3))
    return {
        "epoch": found.meta["epoch"],
        "path": str(found.path),
        "names": sorted(path.name for path in folder.iterdir()),
        "model": torch.equal(model[0].weight, make_model()[0].weight),
        "random": random,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    mp.start_processes(run_rank, args=(Path(sys.argv[1]),), nprocs=WORLD, start_method="fork")
