"""Work that one rank does for all, however long it takes.

A collective call that waits for rank 0 fails after the process group's timeout (10 minutes with NCCL, 30 with gloo).
Here the others ask the store that the ranks have met in, now and then, and so may wait for hours.
"""

import itertools
import pickle
import time
from collections.abc import Callable
from typing import Any

import torch.distributed as dist

from speechbrain_cadino.utils.distributed import OtherRankError, is_main, world_size
from speechbrain_cadino.utils.signals import Stopped

POLL_SECONDS = 0.2
_numbers = itertools.count()


class MainRankError(OtherRankError):
    """Rank 0 had to stop."""


def on_main(work: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call ``work`` on rank 0 while the others wait, without a limit of time; every rank gets what it gives.

    Every rank must call it. Without a process group it is a plain call.

    Arguments
    ---------
    work : callable
    *args, **kwargs
        For ``work``.

    Returns
    -------
    Any
        What ``work`` gives on rank 0; it is pickled, so let it be small.

    Raises
    ------
    MainRankError
        On the other ranks, if ``work`` raises on rank 0; `Stopped` if it was stopped.

    Example
    -------
    >>> on_main(max, 1, 2)
    2
    """
    if world_size() == 1:
        return work(*args, **kwargs)
    store, key = dist.distributed_c10d._get_default_store(), f"on_main/{next(_numbers)}"
    if not is_main():
        while not store.check([key]):
            time.sleep(POLL_SECONDS)
        outcome, answer = pickle.loads(store.get(key))
        if outcome == "stopped":
            raise Stopped(answer)
        if outcome == "failed":
            raise MainRankError(answer)
        return answer
    try:
        answer = work(*args, **kwargs)
    except Stopped as stop:
        store.set(key, pickle.dumps(("stopped", stop.status - 128)))
        raise
    except BaseException:
        store.set(key, pickle.dumps(("failed", "this rank ends because rank 0 has: see what that one says.")))
        raise
    store.set(key, pickle.dumps(("done", answer)))
    return answer
