"""What two gloo ranks do with a gate, each in its own process; the tests read what they leave."""

import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from speechbrain_cadino.dlg_lc.gate import DynamicLossGate
from speechbrain_cadino.training.checkpoints import SafeCheckpointer

WORLD, ITEMS = 2, 1001


def make_losses():
    """The same on every rank: right labels, then wrong ones."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.exp(np.concatenate([rng.normal(-2, 1, 600), rng.normal(2, 0.4, 401)]))).float()


def record(gate, items):
    """Take in some items, batch by batch."""
    for part in items.split(50):
        gate.record(part, make_losses()[part])


def run_rank(number, folder):
    """What each process does; it leaves ``rank-N.pt`` in the folder."""
    os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=number, world_size=WORLD)
    order = torch.randperm(ITEMS, generator=torch.Generator().manual_seed(0))
    own = order[number::WORLD]
    gate = DynamicLossGate(10, start_epoch=2)
    empty_epoch = gate.finish_epoch()
    record(gate, own[:300])
    SafeCheckpointer(folder / "save", {"gate": gate}).save_checkpoint(end_of_epoch=False)
    resumed = DynamicLossGate(10, start_epoch=2)
    record(resumed, own)  # forgotten when the checkpoint is read
    SafeCheckpointer(folder / "save", {"gate": resumed}).recover_if_possible()
    results = {"empty": torch.from_numpy(empty_epoch.items)}
    for name, one in {"gate": gate, "resumed": resumed}.items():
        record(one, own[300:])
        epoch = one.finish_epoch()
        results[name] = (*map(torch.from_numpy, epoch), one.threshold, one.epochs, tuple(one.mixture))
    if number == 0:  # one rank has nothing
        record(gate, order[:100])
    results["one rank"] = torch.from_numpy(gate.finish_epoch().items)
    torch.save(results, folder / f"rank-{number}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    mp.start_processes(run_rank, args=(Path(sys.argv[1]),), nprocs=WORLD, start_method="fork")
