"""The states of the random generators, as a recoverable: without them resume is a lie."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import numpy as np
import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks
from speechbrain.utils.logger import get_logger

from speechbrain_cadino.utils.distributed import all_gather_object, is_main, rank, world_size

logger = get_logger(__name__)


@partial(register_checkpoint_hooks, save_on_main_only=False)  # every rank has its own states to give
class RandomStates:
    """Saves and restores the global generators of Python, NumPy, PyTorch and every CUDA device, for each rank.

    Give it to the checkpointer: ``checkpointer.add_recoverable("random_states", RandomStates())``. A checkpoint that
    was written by another number of ranks restores nothing, with a warning: the run goes on, with other random numbers.

    Example
    -------
    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "states.ckpt")
    >>> RandomStates().save(path)
    >>> first = torch.rand(1)
    >>> RandomStates().load(path)
    >>> bool(torch.rand(1) == first)
    True
    """

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Gather the states of all ranks; rank 0 writes them."""
        states = all_gather_object(_get_states())
        if is_main():
            torch.save(states, path)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Restore this rank's states."""
        states = torch.load(path, map_location="cpu", weights_only=True)
        if len(states) != world_size():
            logger.warning(
                f"{path} holds the random states of {len(states)} ranks and this run has {world_size()}: "
                "they are not restored, so the run goes on with other random numbers."
            )
            return
        _set_states(states[rank()])


def _get_states():
    # NumPy's array goes as a tensor, so that the file is read without unpickling foreign classes.
    name, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_states(states):
    name, keys, *rest = states["numpy"]
    random.setstate(states["python"])
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    for device, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)
