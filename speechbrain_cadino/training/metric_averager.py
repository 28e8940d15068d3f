"""The means of a step's metrics over an epoch and all ranks."""

from __future__ import annotations

from pathlib import Path

import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from speechbrain_cadino.utils.distributed import all_reduce_mean


@register_checkpoint_hooks
class MetricAverager:
    """Averages each step's metrics. A recoverable: an epoch that is resumed in its middle gives the same averages.

    Attributes
    ----------
    epochs : int
        How many are finished.

    Example
    -------
    >>> means = MetricAverager()
    >>> for value in (1.0, 3.0):
    ...     means.add({"loss": torch.tensor(value)})
    >>> means.finish_epoch()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self.epochs = 0
        self._steps = 0
        self._sums = {}

    def add(self, stats: dict[str, torch.Tensor]) -> None:
        """Take in one step; nothing waits for the device.

        Arguments
        ---------
        stats : dict of torch.Tensor
            Scalars.
        """
        for name, value in stats.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach().double()
        self._steps += 1

    def finish_epoch(self) -> dict[str, float]:
        """Close the epoch; every rank must call it.

        Returns
        -------
        dict of float
            The mean of each figure over the steps of the epoch and the ranks: what to log.
        """
        means = all_reduce_mean(torch.stack(list(self._sums.values())) / self._steps)
        metrics = dict(zip(self._sums, means.tolist()))
        self.epochs += 1
        self._steps, self._sums = 0, {}
        return metrics

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the state of the epoch so far."""
        torch.save({"epochs": self.epochs, "steps": self._steps, "sums": self._sums}, path)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Go on from a saved state."""
        state = torch.load(path, map_location="cpu")
        self.epochs, self._steps, self._sums = state["epochs"], state["steps"], state["sums"]
