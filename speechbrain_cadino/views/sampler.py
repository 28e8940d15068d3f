"""Which items make up each batch, on each rank, in each epoch."""

from __future__ import annotations

import numpy as np
from torch.utils.data import Sampler

from speechbrain_cadino.utils.errors import UserError


def class_weights(labels: np.ndarray, balance: float) -> np.ndarray:
    """Weights for a `ViewSampler`: a class comes by the (1 - balance)th power of its size.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, from 0: the class of each item.
    balance : float
        0: every item comes once an epoch; 1: every class as often.

    Returns
    -------
    np.ndarray
        (n,) float64, with the mean 1: how often each item is expected in an epoch.

    Example
    -------
    >>> class_weights(np.array([0, 0, 0, 0, 1]), balance=0.5).round(2).tolist()
    [0.83, 0.83, 0.83, 0.83, 1.67]
    """
    weights = np.bincount(labels)[labels].astype(np.float64) ** -balance
    return weights / weights.mean()


class ViewSampler(Sampler):
    """Batches of (epoch, item) pairs; their order depends on seed and epoch alone.

    With weights an item comes as often as its weight says, rounded up or down at random, from the second time on as
    (epoch, item, 1) and so on. An epoch stays as long as without. Every rank draws the same order and takes its own
    batches of it, so the ranks' batches partition the epoch.

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
    weights : np.ndarray, optional
        (n_items,) with the mean 1; see `class_weights`. None: each item comes once an epoch.

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
        self,
        n_items: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        weights: np.ndarray | None = None,
    ) -> None:
        self.weights = weights
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
        order, copies = self._order(np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(epoch,))))
        if not self.drop_last:
            # Equal shares for the ranks: a rank without its batch would leave the others waiting for ever.
            missing = -self.n_items % self.world_size
            order, copies = (np.concatenate([part, np.resize(part, missing)]) for part in (order, copies))
        together = self.batch_size * self.world_size
        for batch in range(self.start_batch, self.batches_per_epoch):
            mine = slice(batch * together + self.rank, (batch + 1) * together, self.world_size)
            pairs = zip(order[mine].tolist(), copies[mine].tolist())
            yield [(epoch, item, copy) if copy else (epoch, item) for item, copy in pairs]

    def _order(self, rng):
        """The items of an epoch, and how often each has come before: (n_items,) each."""
        order = rng.permutation(self.n_items)
        if self.weights is None:
            return order, np.zeros_like(order)
        ends = np.floor(np.cumsum(self.weights[order]) + rng.random()).astype(np.int64)
        counts = np.diff(np.minimum(ends, self.n_items), prepend=0)
        counts[-1] += self.n_items - counts.sum()  # the sum of the weights is rounded
        items = np.repeat(order, counts)
        copies = np.arange(self.n_items) - np.repeat(np.cumsum(counts) - counts, counts)
        shuffled = rng.permutation(self.n_items)
        return items[shuffled], copies[shuffled]
