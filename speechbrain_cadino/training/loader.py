"""The loader of a training run: a global batch shared out over the ranks."""

from __future__ import annotations

import numpy as np

from speechbrain_cadino.utils.distributed import rank, world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.loader import ViewLoader
from speechbrain_cadino.views.sampler import ViewSampler


def make_train_loader(
    dataset: ViewDataset, batch_size: int, seed: int, weights: np.ndarray | None = None, **loader_options
) -> ViewLoader:
    """A `ViewLoader` for this rank.

    Arguments
    ---------
    dataset : ViewDataset
    batch_size : int
        Items in a batch of all ranks together, so that schedules need no change with the number of GPUs.
    seed : int
        Of the order of the items.
    weights : np.ndarray, optional
        As for `ViewSampler`.
    **loader_options
        As for `ViewLoader`, such as ``num_workers``.

    Returns
    -------
    ViewLoader

    Raises
    ------
    UserError
        If the ranks cannot share the batch evenly.
    """
    check_batch_size(batch_size)
    ranks = world_size()
    sampler = ViewSampler(len(dataset), batch_size // ranks, seed, rank=rank(), world_size=ranks, weights=weights)
    return ViewLoader(dataset, sampler, **loader_options)


def check_batch_size(batch_size: int, name: str = "batch_size") -> None:
    """Refuse a batch that the ranks cannot share evenly, two items each at least.

    Arguments
    ---------
    batch_size : int
        Of all ranks together.
    name : str
        Of the setting.

    Raises
    ------
    UserError
    """
    ranks = world_size()
    if batch_size < 2 * ranks:
        raise UserError(
            f"{name} is {batch_size}, for {ranks} process{'' if ranks == 1 else 'es'}: set at least {2 * ranks}, "
            "since batch norm needs 2 items or more in each."
        )
    if batch_size % ranks:
        raise UserError(
            f"{name} {batch_size} cannot be shared by {ranks} processes: set a multiple of {ranks}, such as "
            f"{batch_size - batch_size % ranks}."
        )
