"""Samples of a dataset to one batch: views of one length stacked, what was drawn for them beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from speechbrain_cadino.augmentation.batch import Rows, stack_parameters
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.dataset import ViewSample


class ViewGroup(NamedTuple):
    """The views of one length: which they are, their crops, view after view (views x batch, time), parameters."""

    views: list
    waves: torch.Tensor
    parameters: dict


class ViewBatch(NamedTuple):
    """A batch of items, each seen in several views.

    Arguments
    ---------
    items : torch.Tensor
        (batch,) int64, indices into the manifest.
    groups : list of ViewGroup
        Views of one length share one stack, so that augmentation runs in few, large calls.
    failures : list of str
        One reason for each item that was replaced because a file could not be read.
    """

    items: torch.Tensor
    groups: list
    failures: list

    @property
    def waves(self):
        """The crops as cut: a list of tensors (batch, time), one a view, global ones first."""
        return self.split([group.waves for group in self.groups])

    @property
    def clean(self):
        """The only view as cut, (batch, time): what a prediction is asked of."""
        (wave,) = self.waves
        return wave

    def split(self, stacks: Any):
        """Tensors stacked as the groups' waves are, as a list of one a view, each (batch, ...)."""
        views = {}
        for group, stack in zip(self.groups, stacks):
            views.update(zip(group.views, stack.chunk(len(group.views))))
        return [views[view] for view in range(len(views))]

    def to(self, device: torch.device | str | None, non_blocking: bool = True):
        """The batch on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self):
        """The batch in page-locked memory, from which copies to a GPU run beside its work."""
        return self._map(torch.Tensor.pin_memory)

    def _map(self, change):
        groups = [
            ViewGroup(views, change(waves), {name: Rows(*map(change, rows)) for name, rows in parameters.items()})
            for views, waves, parameters in self.groups
        ]
        return ViewBatch(change(self.items), groups, self.failures)


def collate_views(samples: list[ViewSample]) -> ViewBatch:
    """Stack samples of `ViewDataset`.

    Arguments
    ---------
    samples : list of ViewSample
        Or among them a `UserError`, which a worker sends as a value: raised there, it would come with a stack trace.

    Returns
    -------
    ViewBatch, or the UserError
    """
    for sample in samples:
        if isinstance(sample, UserError):
            return sample
    lengths = [len(crop) for crop in samples[0].crops]
    groups = []
    for length in dict.fromkeys(lengths):
        views = [view for view, other in enumerate(lengths) if other == length]
        waves = torch.from_numpy(np.stack([sample.crops[view] for view in views for sample in samples]))
        parameters = stack_parameters([sample.parameters[view] for view in views for sample in samples])
        groups.append(ViewGroup(views, waves, parameters))
    items = torch.tensor([sample.item for sample in samples])
    return ViewBatch(items, groups, [sample.failure for sample in samples if sample.failure])


def collate_of(dataset: Any) -> Callable:
    """What makes a batch of a dataset's samples: its own ``collate``, or `collate_views`."""
    return getattr(dataset, "collate", collate_views)
