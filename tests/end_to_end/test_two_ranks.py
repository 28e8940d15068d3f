"""Two processes on a CPU: ``torchrun --nproc_per_node=2 train.py HPARAMS --distributed_backend=gloo``."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.end_to_end.conftest import EPOCHS, STEPS, training


CLUSTERS = dict(cluster_start_epoch=1, cluster_every=1, n_clusters=3)


@pytest.fixture(scope="module", params=["dino", "ca_dino"])
def run(request, corpus, tmp_path_factory):
    """The output folder, what the processes printed, and what each had learnt."""
    folder = tmp_path_factory.mktemp("ranks")
    checkpoints = dict(ckpt_interval_minutes=0, ckpt_interval_steps=3)
    settings = {**corpus.lists, **checkpoints, **(CLUSTERS if request.param == "ca_dino" else {})}
    arguments = training(folder / "run", f"hparams/{request.param}.yaml", tensorboard_logger=None, **settings)
    script = [str(Path(__file__).with_name("two_ranks.py")), str(folder), *arguments, "--distributed_backend", "gloo"]
    # Not torchrun's --standalone, which asks that the machine's name resolves.
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={port}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    found = subprocess.run([*launcher, *script], env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr[-3000:]
    return folder / "run", found.stdout, [torch.load(folder / f"rank-{rank}.pt") for rank in range(2)]


def test_the_ranks_agree(run):
    first, second = map(dict, run[2])
    classes = first["classes"]
    assert first.pop("classes") == second.pop("classes") == classes
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert first["steps"] == EPOCHS * STEPS  # the batch is that of all ranks together
    assert "DistributedDataParallel" in classes and "SyncBatchNorm" not in classes
    assert first["clusters"] is None or len(first["clusters"].unique()) > 1


def test_output_is_written_once(run):
    output, printed, _ = run
    assert printed.count("The encoder is in") == printed.count("16 utterances, ") == 1
    assert printed.count("| epoch |") == 1
    assert len((output / "epochs.csv").read_text().splitlines()) == 1 + EPOCHS
    assert len((output / "train_log.txt").read_text().splitlines()) == EPOCHS
    assert (output / "encoder/encoder.json").is_file()


def test_two_ranks_learn_about_what_one_does(run, whole):
    """Not the same: on CPUs each rank's batch norm sees its own items alone."""
    alone = [line.split(",")[1] for line in (whole[0] / "epochs.csv").read_text().splitlines()[1:]]
    together = [row["loss"] for row in run[2][0]["history"]]
    assert [float(loss) for loss in alone] == pytest.approx(together, rel=0.5)
