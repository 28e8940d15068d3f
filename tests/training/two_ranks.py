"""What two gloo ranks do, each in its own process; the tests read what they leave.

Run as a script with a folder: it imports once and forks the ranks, which is far cheaper than two new interpreters.
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from speechbrain_cadino.dino.collapse import CollapseWatch
from speechbrain_cadino.dino.loss import DINOLoss
from speechbrain_cadino.training import ddp
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.random_states import RandomStates
from speechbrain_cadino.utils import distributed

WORLD = 2


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
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=number, world_size=WORLD)
    half = slice(4 * number, 4 * number + 4)
    results = {
        "ranks": (distributed.world_size(), distributed.rank(), distributed.is_main()),
        "mean": distributed.all_reduce_mean(torch.tensor([1.0, 10.0]) * (number + 1)),
        "buffers": _buffers(number),
        "loss": _loss(half),
        "gradients": _gradients(half),
        "collapse": _collapse(number),
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
