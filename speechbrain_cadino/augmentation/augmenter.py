"""Augmentation of a batch of crops on the training device, each crop on its own, by what `AugmentationSampler` drew."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from speechbrain_cadino.augmentation.batch import Rows
from speechbrain_cadino.augmentation.clipping import clip
from speechbrain_cadino.augmentation.filters import filter_crops
from speechbrain_cadino.augmentation.levels import set_level
from speechbrain_cadino.augmentation.modulated_noise import add_modulated_noise
from speechbrain_cadino.augmentation.mulaw import quantise_mulaw
from speechbrain_cadino.augmentation.noise import add_noise
from speechbrain_cadino.augmentation.rirs import reverberate

N_WHITE = 2**18
# On a CPU, crops are worked on in blocks of so many samples: twice as fast as a whole batch, which leaves the cache.
CACHED_SAMPLES = 2**18


class ViewAugmenter(nn.Module):
    """Does to every crop of a batch what was drawn for it; views of one length go in one call.

    Everything random was drawn with the crops, so the result depends on the batch alone, on any device.

    Example
    -------
    >>> from speechbrain_cadino.augmentation.batch import Rows
    >>> level = Rows(rows=torch.tensor([1]), values=torch.tensor([-20.0]))
    >>> waves = ViewAugmenter().augment(torch.ones(2, 100), {"level_db": level})
    >>> waves[:, 0]
    tensor([1.0000, 0.1000])
    """

    def __init__(self) -> None:
        super().__init__()
        white = torch.randn(N_WHITE, generator=torch.Generator().manual_seed(0))
        self.register_buffer("white", white, persistent=False)

    @torch.no_grad()
    def forward(self, batch: Any) -> list[torch.Tensor]:
        """Augment a `ViewBatch`.

        Returns
        -------
        list of torch.Tensor
            One a view, global ones first, each (batch, time).
        """
        return batch.split([self.augment(group.waves, group.parameters) for group in batch.groups])

    def augment(self, waves: torch.Tensor, parameters: dict[str, Rows]) -> torch.Tensor:
        """Augment crops of one length.

        Arguments
        ---------
        waves : torch.Tensor
            (batch, time), left as it is.
        parameters : dict of str to Rows
            By operation, which crops and with what values; names as in `AugmentationSampler`.

        Returns
        -------
        torch.Tensor, (batch, time)
        """
        waves = waves.clone()
        n_rows = max(1, CACHED_SAMPLES // waves.shape[1]) if waves.device.type == "cpu" else len(waves)
        for names, operation in (
            (("noise", "snr_db"), add_noise),
            (("rir", "rir_gain"), reverberate),
            (("gain",), filter_crops),
            (("level_db",), set_level),
            (("clip_db",), clip),
            (("mulaw_bits",), quantise_mulaw),
            (("mnru_db", "mnru_offset"), self._add_modulated_noise),
        ):
            if names[0] in parameters:
                values = [parameters[name].values.split(n_rows) for name in names if name in parameters]
                for rows, *parts in zip(parameters[names[0]].rows.split(n_rows), *values):
                    waves.index_copy_(0, rows, operation(waves.index_select(0, rows), *parts))
        return waves

    def _add_modulated_noise(self, waves, q_db, offsets):
        """`add_modulated_noise` with white noise from each of ``offsets`` (batch,) on, repeated after 16 s."""
        white = self.white[(offsets[:, None] + torch.arange(waves.shape[1], device=waves.device)) % N_WHITE]
        return add_modulated_noise(waves, q_db, white)
