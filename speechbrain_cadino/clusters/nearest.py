"""The hot loop of k-means: which centroid is nearest to each row.

For n rows it is 2 n K dim operations, in chunks whose (chunk, K) scores stay in cache: written by one matrix product, then
read once to add -|c|^2 / 2 (not if all centroids have one length) and once by the argmax.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

# Bytes of a chunk's scores: a part of a CPU's last cache for each thread, a small part of a GPU's memory.
CPU_BYTES, GPU_BYTES = 8 << 20, 512 << 20


@contextmanager
def nearest_on(device, n_clusters, chunk_size=None):
    """Give a function that finds the nearest centroids on a device.

    On a CPU each thread (as many as `torch.get_num_threads`) takes the next chunk when it has done one, with NumPy,
    whose argmax is ten times as fast as PyTorch's. So one barrier a block is left, and the result is the same for any
    number of threads.

    Arguments
    ---------
    device : torch.device
    n_clusters : int
    chunk_size : int, optional
        Rows scored at a time. Default: by the cache and ``n_clusters``.

    Yields
    ------
    callable
        (rows (batch, dim) float32, centroids (n_clusters, dim) float32, offsets (n_clusters,) float32 or None) ->
        (batch,) int64: the argmax over centroids of ``row . centroid + offset``; of equals the first.

    Example
    -------
    >>> with nearest_on(torch.device("cpu"), n_clusters=2) as nearest:
    ...     nearest(torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.eye(2), None)
    tensor([0, 1])
    """
    budget = CPU_BYTES if device.type == "cpu" else GPU_BYTES
    chunk_size = chunk_size or max(64, budget // (4 * n_clusters))
    if device.type != "cpu":
        yield lambda *operands: _nearest_torch(*operands, chunk_size)
        return
    buffers = [np.empty((chunk_size, n_clusters), np.float32) for _ in range(torch.get_num_threads())]
    with ThreadPoolExecutor(len(buffers)) as pool, threadpool_limits(1, user_api="blas"):
        yield lambda *operands: _nearest_numpy(*operands, pool, buffers)


def _nearest_torch(rows, centroids, offsets, chunk_size):
    score = torch.mm if offsets is None else lambda chunk, columns: torch.addmm(offsets, chunk, columns)
    return torch.cat([score(chunk, centroids.T).argmax(dim=1) for chunk in rows.split(chunk_size)])


def _nearest_numpy(rows, centroids, offsets, pool, buffers):
    rows, columns = rows.numpy(), centroids.numpy().T
    offsets = None if offsets is None else offsets.numpy()
    labels = np.empty(len(rows), np.int64)
    starts = iter(range(0, len(rows), len(buffers[0])))  # shared by the threads: each start is taken once

    def work(buffer):
        for start in starts:
            chunk = rows[start : start + len(buffer)]
            scores = np.matmul(chunk, columns, out=buffer[: len(chunk)])
            if offsets is not None:
                scores += offsets
            scores.argmax(axis=1, out=labels[start : start + len(chunk)])

    list(pool.map(work, buffers))
    return torch.from_numpy(labels)
