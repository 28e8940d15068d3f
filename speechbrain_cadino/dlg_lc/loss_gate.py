"""What every loss-gate shares: the losses of an epoch from all ranks, and the threshold of the next one."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from speechbrain_cadino.corpus.keys import id_keys, places_of
from speechbrain_cadino.dlg_lc.mixture import Mixture, fit_mixture, log_losses
from speechbrain_cadino.utils.distributed import all_gather_object, is_main
from speechbrain_cadino.utils.errors import UserError


class EpochLosses(NamedTuple):
    """The losses of an epoch: ``losses[i]`` (n,) float32, in nats, is that of ``items[i]`` (n,) int64, rising."""

    items: np.ndarray
    losses: np.ndarray


@partial(register_checkpoint_hooks, save_on_main_only=False)  # every rank has losses of its own to give
class LossGate:
    """A gate lets the samples of low loss through: their labels are trusted.

    During an epoch each rank records the losses of its own items, without waiting for the device. At the end they are
    gathered and decide the threshold of the next epoch. A recoverable, in the middle of an epoch too, and for any
    number of ranks. Each modality has a gate of its own. A subclass gives ``_choose``.

    Arguments
    ---------
    start_epoch : int
        The first epoch, counted from 1, in which the gate is not open; 2 at least, since it needs the losses of one.

    Attributes
    ----------
    threshold : float
        For the coming epoch: a loss in nats, below which a sample is reliable. Infinity is an open gate.
    reason : str
        Where the threshold comes from, for the log.
    mixture : Mixture or None
        Fitted to the logarithms of the last epoch's losses, whatever the gate makes of it; None if that was impossible.

    Raises
    ------
    UserError
        If ``start_epoch`` is under 2.
    """

    def __init__(self, start_epoch: int = 2) -> None:
        if start_epoch < 2:
            raise UserError(f"start_epoch is {start_epoch}: set at least 2, the gate needs the losses of an epoch.")
        self.start_epoch = start_epoch
        self.epochs = 0
        self.threshold, self.reason, self.mixture = math.inf, f"the gate is open until epoch {start_epoch}", None
        self._items, self._losses = [], []
        self._keys = None

    def bind(self, ids: np.ndarray) -> None:
        """Say which utterances the items are, (n,) the manifest's IDs: losses are then kept by utterance."""
        self._keys = id_keys(ids)

    def record(self, items: torch.Tensor, losses: torch.Tensor) -> None:
        """Take in a batch.

        Arguments
        ---------
        items : torch.Tensor, (batch,) int64
            The items' indices in the manifest. If one comes twice in an epoch, its last loss counts.
        losses : torch.Tensor, (batch,)
            In nats, as if the gate were open; on any device, whatever they are.
        """
        self._items.append(items.detach())
        self._losses.append(losses.detach().float())

    def finish_epoch(self) -> EpochLosses:
        """Close the epoch and `update`; every rank must call it.

        Returns
        -------
        EpochLosses
            Those of all ranks, on each rank.
        """
        epoch = self._gathered()
        self._items, self._losses = [], []
        self.update(epoch.losses)
        return epoch

    def update(self, losses: np.ndarray) -> float:
        """Choose the threshold of the coming epoch from the losses of the one that ends.

        Arguments
        ---------
        losses : np.ndarray, (n,)
            In nats, whatever they are.

        Returns
        -------
        float
            The threshold.
        """
        self.epochs += 1
        logs, _ = log_losses(losses)
        self.mixture = fit_mixture(logs)
        if self.epochs + 1 >= self.start_epoch:
            self.threshold, self.reason = self._choose(logs)
        return self.threshold

    def _choose(self, logs):
        """The threshold and its reason, from the usable log losses (n,) and ``self.mixture``."""
        raise NotImplementedError

    def _gathered(self):
        own = [torch.cat([part.cpu() for part in parts]) for parts in (self._items, self._losses) if parts]
        ranks = [rank for rank in all_gather_object(own) if rank]
        if not ranks:
            return EpochLosses(np.empty(0, np.int64), np.empty(0, np.float32))
        items, losses = (torch.cat(column).numpy()[::-1] for column in zip(*ranks))
        items, last = np.unique(items, return_index=True)
        return EpochLosses(items, losses[last])

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the state, with the losses of all ranks in the epoch so far."""
        epoch = self._gathered()
        state = {name: getattr(self, name) for name in ("epochs", "threshold", "reason")}
        state["mixture"] = self.mixture and tuple(self.mixture)
        state["items"], state["losses"] = map(torch.from_numpy, epoch)
        if self._keys is not None:
            state["keys"] = torch.from_numpy(self._keys[epoch.items])
        if is_main():
            torch.save(state, path)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Go on from a saved state; losses of utterances that are not there any more are left out."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.epochs, self.threshold, self.reason = state["epochs"], state["threshold"], state["reason"]
        self.mixture = state["mixture"] and Mixture(*state["mixture"])
        items, losses = state["items"], state["losses"]
        if self._keys is not None and "keys" in state:
            items = torch.from_numpy(places_of(state["keys"].numpy(), self._keys))
            items, losses = items[items >= 0], losses[items >= 0]
        # One rank takes the losses of all: they will be gathered again.
        self._items, self._losses = ([items], [losses]) if is_main() else ([], [])
