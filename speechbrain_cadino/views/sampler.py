"""Which items make up each batch, on each rank, in each epoch."""

from __future__ import annotations

import numpy as np
from torch.utils.data import Sampler

from speechbrain_cadino.utils.errors import UserError


class ViewSampler(Sampler):
    """Batches of (epoch, item) pairs; their order depends on seed and epoch alone.

    Every rank draws the same order and takes its own batches of it, so the ranks' batches partition the epoch.

    Arguments
    ---------
    n_items : int
        Items in the dataset.
    batch_size : int
        Items in a batch of one rank.
    seed : int
        Not negative.
    rank, world_size : int
        This process and how many there are.
    drop_last : bool
        Whether to leave out the items that do not fill a batch on every rank. If not, the last batch is smaller, of the
        same size on every rank; where the items do not divide, the first ones of the epoch come a second time.

    Attributes
    ----------
    epoch, start_batch : int
        Where iteration begins; set both to go on within an epoch.

    Raises
    ------
    UserError
        If no batch can be filled.

    Example
    -------
    >>> sampler = ViewSampler(n_items=5, batch_size=2, seed=1)
    >>> sampler.set_epoch(3)
    >>> len(sampler), [epoch for epoch, item in next(iter(sampler))]
    (2, [3, 3])
    """

    def __init__(
        self, n_items: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1, drop_last: bool = True
    ) -> None:
        self.n_items, self.batch_size, self.seed, self.rank = n_items, batch_size, seed, rank
        self.world_size, self.drop_last = world_size, drop_last
        self.epoch, self.start_batch = 0, 0
        if self.batches_per_epoch < 1:
            raise UserError(
                f"{n_items} utterances do not fill one batch of {batch_size} on each of {world_size} processes: "
                f"set batch_size to {n_items // world_size * world_size} at most, or give more utterances."
            )

    @property
    def batches_per_epoch(self):
        """Batches of a whole epoch, whatever ``start_batch`` is: what schedules count in."""
        full, rest = divmod(self.n_items, self.batch_size * self.world_size)
        return full + (rest > 0 and not self.drop_last)

    def __len__(self):
        return self.batches_per_epoch - self.start_batch

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch, to its start; if it is the current one, ``start_batch`` stays, so that it can be restored."""
        if epoch != self.epoch:
            self.epoch, self.start_batch = epoch, 0

    def __iter__(self):
        epoch = self.epoch
        order = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch,))).permutation(self.n_items)
        if not self.drop_last:
            # Equal shares for the ranks: a rank without its batch would leave the others waiting for ever.
            order = np.concatenate([order, np.resize(order, -self.n_items % self.world_size)])
        together = self.batch_size * self.world_size
        for batch in range(self.start_batch, self.batches_per_epoch):
            items = order[batch * together : (batch + 1) * together]
            yield [(epoch, int(item)) for item in items[self.rank :: self.world_size]]
