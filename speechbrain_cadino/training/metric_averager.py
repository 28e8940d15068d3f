"""The means of a step's metrics over an epoch and all ranks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from speechbrain_cadino.utils.distributed import all_gather_object, all_reduce, is_main


@partial(register_checkpoint_hooks, save_on_main_only=False)  # every rank has sums of its own to give
class MetricAverager:
    """Averages each step's metrics. A recoverable: an epoch that is resumed in its middle gives the same averages.

    A value that is not finite is left out of its metric's mean, which is NaN only if no step has given a finite one.

    Attributes
    ----------
    epochs : int
        How many are finished.

    Example
    -------
    >>> means = MetricAverager()
    >>> for value in (1.0, 3.0, float("nan")):
    ...     means.add({"loss": torch.tensor(value)})
    >>> means.finish_epoch()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self.epochs = 0
        self._totals = {}  # names of metrics that come together -> (2, names): their sums, and of how many values

    def add(self, stats: dict[str, torch.Tensor], weight: float = 1.0) -> None:
        """Take in one step; nothing waits for the device.

        Arguments
        ---------
        stats : dict of torch.Tensor
            Scalars.
        weight : float
            Of this step in the means: where it is of a part of the batch, that fraction.
        """
        if not stats:
            return
        values = torch.stack([value.detach().double() for value in stats.values()])
        finite = values.isfinite()
        step = torch.stack([torch.where(finite, values, 0.0), finite.double()]) * weight
        before = self._totals.get(tuple(stats))
        self._totals[tuple(stats)] = step if before is None else before.to(step.device) + step

    def finish_epoch(self) -> dict[str, float]:
        """Close the epoch; every rank must call it.

        Returns
        -------
        dict of float
            The mean of each metric over the steps of the epoch and the ranks: what to log. Empty if no step was made.
        """
        names, totals = self._totals_of_all()
        self.epochs += 1
        self._totals = {}
        return dict(zip(names, (totals[0] / totals[1]).tolist()))

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the state of the epoch so far, of all ranks."""
        names, totals = self._totals_of_all()
        if is_main():
            torch.save({"epochs": self.epochs, "names": names, "totals": totals.cpu()}, path)

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Go on from a saved state."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.epochs = state["epochs"]
        # One rank takes the sums of all: they will be added up again.
        self._totals = {tuple(state["names"]): state["totals"]} if is_main() and state["names"] else {}

    def _totals_of_all(self):
        """The metrics that any rank has, in the order of their first use, and their totals (2, names) of all ranks."""
        own = {}
        for together, totals in self._totals.items():
            for name, total in zip(together, totals.cpu().unbind(1)):
                own[name] = own.get(name, 0.0) + total
        names = list(dict.fromkeys(name for names in all_gather_object(list(own)) for name in names))
        if not names:
            return names, torch.zeros(2, 0, dtype=torch.float64)
        nothing = torch.zeros(2, dtype=torch.float64)
        return names, all_reduce(torch.stack([own.get(name, nothing) for name in names], dim=1))
