"""A gate on two gloo ranks against one process that has all the losses."""

import os
import subprocess
import sys

import pytest
import torch

from speechbrain_cadino.dlg_lc.gate import DynamicLossGate
from speechbrain_cadino.training.checkpoints import SafeCheckpointer

from . import two_ranks


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, two_ranks.__file__, folder], env=environment, check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def ranks(folder):
    return [torch.load(folder / f"rank-{number}.pt") for number in range(two_ranks.WORLD)]


@pytest.mark.parametrize("name", ["gate", "resumed"])
def test_every_rank_has_the_losses_of_all_and_the_threshold(ranks, name):
    gate = DynamicLossGate(10, start_epoch=2)
    gate.update(two_ranks.make_losses().numpy())
    for rank in ranks:
        items, losses, threshold, epochs, mixture = rank[name]
        assert torch.equal(items, torch.arange(two_ranks.ITEMS))
        assert torch.equal(losses, two_ranks.make_losses())
        assert (threshold, mixture) == (gate.threshold, tuple(gate.mixture))
        assert epochs == 2


def test_ranks_may_have_nothing(ranks):
    for rank in ranks:
        assert len(rank["empty"]) == 0 and len(rank["one rank"]) == 100


def test_one_process_goes_on_from_the_checkpoint_of_two(folder):
    gate = DynamicLossGate(10, start_epoch=2)
    SafeCheckpointer(folder / "save", {"gate": gate}).recover_if_possible()
    assert len(gate.finish_epoch().items) == 600
