#!/usr/bin/env python3
"""Speed, memory and inertia of k-means against scikit-learn's, from the same first centroids, in the same run.

> python benchmarks/kmeans.py --threads 2 --repeats 5
> python benchmarks/kmeans.py --threads 2 --repeats 1 --full

Both are Lloyd's algorithm in space (not on the sphere) with equal iterations. Each runs in a process of its own, so
that its peak of memory is its own; they take turns fit by fit, so that a machine that slows down slows both; medians
count. "ratio" is scikit-learn's time over ours; the target is at least 1 / 1.1 at 100,000 x 192 and 2,000 clusters. The
inertias must agree to 1 %, or it ends with an error.

`--full` measures the package alone at the size of VoxCeleb2: 1,092,009 x 192, 7,500 clusters.

n iterations assign n + 1 times: "s/iteration" is the time of a fit over n + 1, "CPU s" the same of all threads' time at
work, which other processes disturb less. "beside MB" is the peak of the process's
memory less what it held before the first fit, the embeddings among it.
"""

import argparse
import multiprocessing
import os
import statistics
import time
import warnings

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import numpy as np
    import sklearn.cluster
    import torch
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits
    from train_step import ask, peak_memory

    from speechbrain_cadino.clusters.kmeans import KMeans
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.verification.report import format_table


FULL = {"items": 1092009, "clusters": 7500}
FORMATS = {"s/iteration": ".3f", "CPU s": ".3f", "GFLOP/s": ".1f", "ratio": ".2f", "inertia": ".6g"}
TOLERANCE = 0.01


def main(arguments=None):
    options = parse(arguments)
    names = ["package"] if options.full else ["scikit-learn", "package"]
    rows = compare(names, options)
    load = os.getloadavg()
    print(f"{options.items} x {options.dim}, {options.clusters} clusters, {options.iterations} iterations")
    print(f"{options.device}, {options.threads} threads, {options.repeats} fits each, load {load[0]:.1f}")
    print(format_table(rows, formats=FORMATS))
    if abs(rows[-1]["inertia"] / rows[0]["inertia"] - 1) > TOLERANCE:
        raise UserError(f"The inertias differ by more than {TOLERANCE:.0%}: the variants do not compute the same.")
    return rows


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of each variant")
    parser.add_argument("--repeats", type=int, default=5, help="timed fits of each variant")
    parser.add_argument("--items", type=int, default=100000)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--clusters", type=int, default=2000)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="of the package")
    parser.add_argument("--full", action="store_true", help="the package alone; sets --items and --clusters")
    options = parser.parse_args(arguments)
    if options.full:
        vars(options).update(FULL)
    for name in ("threads", "repeats", "items", "dim", "clusters", "iterations"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} is {getattr(options, name)}: give at least 1.")
    if options.clusters > options.items:
        raise UserError(f"--clusters is {options.clusters} for {options.items} items: give fewer.")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device is cuda and PyTorch sees no GPU here: give --device cpu.")
    return options


def compare(names, options):
    """Rows of the table, dicts by column: the variants fit by fit in turns, each in its process."""
    context = multiprocessing.get_context("spawn")
    ends, processes = [], []
    for name in names:
        end, other = context.Pipe()
        process = context.Process(target=serve, args=(other, name, options))
        process.daemon = True
        process.start()
        other.close()
        ends.append(end)
        processes.append(process)
    measured = [[ask(end) for end in ends] for _ in range(options.repeats)]
    for end, process in zip(ends, processes):
        end.send(False)
        process.join()
    rows = []
    for name, results in zip(names, zip(*measured)):
        seconds, cpu = [statistics.median(column) / (options.iterations + 1) for column in list(zip(*results))[:2]]
        row = {"variant": name, "s/iteration": seconds, "CPU s": cpu}
        row["GFLOP/s"] = 2e-9 * options.items * options.dim * options.clusters / seconds
        row["ratio"] = rows[0]["s/iteration"] / seconds if rows else 1.0
        peak, before, row["inertia"] = results[-1][2:]
        rows.append({**row, "peak MB": round(peak / 1e6), "beside MB": round((peak - before) / 1e6)})
    return rows


def serve(end, name, options):
    """What a process does: a timed fit whenever it is asked for one."""
    torch.set_num_threads(options.threads)
    embeddings = make_embeddings(options.items, options.dim)
    init = embeddings[np.random.default_rng(1).permutation(options.items)[: options.clusters]]
    fit = {"package": fit_package, "scikit-learn": fit_sklearn}[name]
    before = peak_memory(options.device)
    while end.recv():
        start, cpu_start = time.perf_counter(), time.process_time()
        inertia = fit(embeddings, init, options)
        seconds = time.perf_counter() - start, time.process_time() - cpu_start
        end.send((*seconds, peak_memory(options.device), before, inertia))


def fit_package(embeddings, init, options):
    kmeans = KMeans(options.clusters, spherical=False, n_iter=options.iterations, device=options.device)
    return kmeans.fit(embeddings, init=init).inertia


def fit_sklearn(embeddings, init, options):
    kmeans = sklearn.cluster.KMeans(
        options.clusters, init=init, n_init=1, max_iter=options.iterations, tol=0, algorithm="lloyd"
    )
    with threadpool_limits(options.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kmeans.fit(embeddings).inertia_


def make_embeddings(n_items, dim, per_speaker=50, rows_at_once=65536):
    """Like those of speakers: (n_items, dim) float32, as much spread within a speaker as between."""
    rng = np.random.default_rng(0)
    speakers = rng.standard_normal((max(1, n_items // per_speaker), dim), dtype=np.float32)
    embeddings = np.empty((n_items, dim), np.float32)
    for start in range(0, n_items, rows_at_once):
        rows = embeddings[start : start + rows_at_once]
        rng.standard_normal(out=rows, dtype=np.float32)
        rows += speakers[rng.integers(len(speakers), size=len(rows))]
    return embeddings


if __name__ == "__main__":
    with one_sentence_errors():
        main()
