"""K-means on two gloo ranks, each in its own process; the tests read what they leave.

Run as a script with a folder: it imports once and forks the ranks.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.joint import Join
from speechbrain_cadino.clusters.kmeans import KMeans
from speechbrain_cadino.utils.errors import UserError

WORLD = 2
SETTINGS = {
    "spherical": {"n_clusters": 20},
    "k-means++, in space": {"n_clusters": 20, "spherical": False, "init": "k-means++"},
    "empty clusters": {"n_clusters": 80, "n_iter": 3},
    "one cluster": {"n_clusters": 1},
}
JOINS = ["concat", "voice", "face", "split", "ensemble"]
SESSIONS = np.arange(201) // 5


def make_embeddings():
    """The same on every rank, (501, 8): an odd number, and three copies of each, so that some seeds coincide."""
    return np.tile(np.random.default_rng(1).normal(size=(167, 8)), (3, 1))


def make_parts():
    """Voices of ten speakers, and their faces; some items lack one or the other, and the last one both."""
    rng = np.random.default_rng(2)
    speaker = np.arange(201) // 20 % 10
    parts = {}
    for name, dim in (("voice", 6), ("face", 9)):
        x = rng.normal(size=(10, dim))[speaker] + 0.5 * rng.normal(size=(201, dim))
        parts[name] = np.where((rng.random(201) < 0.3) | (np.arange(201) == 200), -1, np.arange(201)), x
    return parts


def run_all():
    """Every setting; a single item, which leaves a rank without work; and the second step."""
    embeddings = make_embeddings()
    results = {}
    for name, settings in SETTINGS.items():
        results[name] = vars(KMeans(**settings).fit(embeddings))
    results["more clusters than items"] = vars(KMeans(200).fit(embeddings[:167]))
    results["one item"] = vars(KMeans(1).fit(embeddings[:1]))
    try:
        Clustering(5, n_fine=10**8).check_memory(10**8)
    except UserError as error:
        results["refused"] = type(error).__name__, error.quiet
    results["merged"] = Clustering(5, n_fine=40)(embeddings)
    for how in JOINS:
        results[how] = Join(how)(make_parts(), Clustering("auto", n_fine=40, size_power=0.5), sessions=SESSIONS)
    return results


def run_rank(number, folder):
    """What each process does: everything, and leaves ``rank-N.pt`` in the folder."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=number, world_size=WORLD)
    torch.save(run_all(), folder / f"rank-{number}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    mp.start_processes(run_rank, args=(Path(sys.argv[1]),), nprocs=WORLD, start_method="fork")
