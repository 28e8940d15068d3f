"""The hot loop of k-means: which centroid is nearest to each row.

For n rows it is 2 n K dim operations, in chunks whose (chunk, K) scores stay in cache: written by one matrix product,
then read once to add -|c|^2 / 2 (not on the sphere) and once by the argmax.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from speechbrain_cadino.augmentation.batch import Rows
from speechbrain_cadino.clusters.rows import blocks

# Bytes of a chunk's scores: a part of a CPU's last cache for each thread, a small part of a GPU's memory.
CPU_BYTES, GPU_BYTES = 8 << 20, 512 << 20


@contextmanager
def assigner(rows: Rows, shard: slice, n_clusters: int, chunk_size: int | None = None):
    """Give a function that assigns rows to centroids, on the rows' device.

    On a CPU each thread (as many as `torch.get_num_threads`) takes the next chunk when it has done one, with NumPy,
    whose argmax is several times as fast as PyTorch's. So threads wait for each other once a pass, and the result is
    the same for any number of them.

    Arguments
    ---------
    rows : speechbrain_cadino.clusters.rows.Rows
        Used as they are, never normalised: that would change all scores of a row alike.
    shard : slice
        Of the rows.
    n_clusters : int
    chunk_size : int, optional
        Rows scored at a time. Default: by the cache and ``n_clusters``.

    Yields
    ------
    callable
        (labels (rows of the shard,) int64, centroids (n_clusters, dim) float32, offsets (n_clusters,) float32 or None)
        -> int: sets labels, in place, to the argmax over centroids of ``row . centroid + offset``, of equals the first,
        and gives the number of those that changed.

    Example
    -------
    >>> from speechbrain_cadino.clusters.rows import Rows
    >>> labels = torch.tensor([1, 1])
    >>> with assigner(Rows(torch.tensor([[1.0, 0.0], [0.6, 0.8]])), slice(0, 2), n_clusters=2) as assign:
    ...     assign(labels, torch.eye(2), None)
    1
    >>> labels
    tensor([0, 1])
    """
    on_cpu = rows.device.type == "cpu"
    fitting = (CPU_BYTES if on_cpu else GPU_BYTES) // (4 * n_clusters)
    chunks = list(blocks(shard, chunk_size or max(64, fitting)))
    if not on_cpu:
        yield lambda *operands: _assign_torch(rows, chunks, *operands)
        return
    longest = max((part.stop - part.start for part, _ in chunks), default=0)
    buffers = [np.empty((longest, n_clusters), np.float32) for _ in range(torch.get_num_threads())]
    with ThreadPoolExecutor(len(buffers)) as pool, threadpool_limits(1, user_api="blas"):
        yield lambda *operands: _assign_numpy(rows, chunks, *operands, pool, buffers)


def _assign_torch(rows, chunks, labels, centroids, offsets):
    changed = torch.zeros((), dtype=torch.int64, device=labels.device)
    for part, chunk in chunks:
        chunk = rows.raw(chunk)
        scores = chunk @ centroids.T if offsets is None else torch.addmm(offsets, chunk, centroids.T)
        nearest = scores.argmax(dim=1)
        changed += (nearest != labels[part]).sum()
        labels[part] = nearest
    return int(changed)


def _assign_numpy(rows, chunks, labels, centroids, offsets, pool, buffers):
    labels, columns = labels.numpy(), centroids.numpy().T
    offsets = None if offsets is None else offsets.numpy()
    todo = iter(chunks)  # shared by the threads: each chunk is taken once

    def work(buffer):
        changed = 0
        for part, chunk in todo:
            scores = np.matmul(rows.raw(chunk).numpy(), columns, out=buffer[: part.stop - part.start])
            if offsets is not None:
                scores += offsets
            nearest = scores.argmax(axis=1)
            changed += int(np.count_nonzero(nearest != labels[part]))
            labels[part] = nearest
        return changed

    return sum(pool.map(work, buffers))
