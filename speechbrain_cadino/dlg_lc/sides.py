"""All modalities of a training: which take part in a step, and the loss of each when the others have been asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from speechbrain_cadino.dlg_lc.gate import CORRECTING_MODES
from speechbrain_cadino.dlg_lc.side import FIRST, Side, further_settings
from speechbrain_cadino.dlg_lc.together import (
    CORRECTIONS,
    GATE_RULES,
    check_choice,
    joint_correction,
    kept_labels,
)
from speechbrain_cadino.utils.distributed import all_reduce, rank, world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.paired import PairedBatch, Part

FEWEST = 2  # samples of a modality on each rank: batch norm needs them


class Seen(NamedTuple):
    """A modality's part of a batch, its cosines (n, classes), those of the clean views or None, and the loss' factor.

    The factor is 1 but where ranks have different numbers of samples: DDP takes the mean of their gradients.
    ``distance`` is that to a teacher's embeddings, `cosine_distance`, if it is part of the loss.
    """

    part: Part
    cosines: torch.Tensor
    clean: torch.Tensor | None
    factor: float
    distance: torch.Tensor | None = None


class Sides:
    """The modalities, the first one leading.

    Arguments
    ---------
    hparams : Settings
        The YAML's top level: what the first `Side` needs, ``modalities``, ``gate_mode``, ``correction_momentum``, and
        ``gate_rule`` and ``correction``, by default ``own``.
    modules : torch.nn.ModuleDict
        Of the Brain.

    Raises
    ------
    UserError
        If a setting makes no sense.
    """

    def __init__(self, hparams: Any, modules: torch.nn.ModuleDict) -> None:
        settings, first = vars(hparams), {"gate": hparams.gate, "aam": hparams.aam, "corrector": hparams.corrector}
        first |= {"margin_schedule": hparams.margin_schedule, "augmenter": hparams.augmenter}
        self._sides = {FIRST: Side(FIRST, first, modules)}
        for name, entry in further_settings(settings).items():
            self._sides[name] = Side(name, entry, modules)
        self.rule, self.how = settings.get("gate_rule", "own"), settings.get("correction", "own")
        check_choice("gate_rule", self.rule, GATE_RULES)
        check_choice("correction", self.how, CORRECTIONS)
        if settings["gate_mode"] in CORRECTING_MODES:
            if not 0 <= settings["correction_momentum"] < 1:
                momentum = settings["correction_momentum"]
                raise UserError(f"correction_momentum is {momentum}: set at least 0 and less than 1.")
            for side in self:
                side.predict()

    def __iter__(self) -> Iterator[Side]:
        return iter(self._sides.values())

    def __len__(self):
        return len(self._sides)

    def __getitem__(self, name):
        return self._sides[name]

    @property
    def first(self) -> Side:
        """The leading one."""
        return self._sides[FIRST]

    @property
    def further(self) -> list[Side]:
        """The others."""
        return list(self)[1:]

    def taking_part(self, batch: PairedBatch) -> dict[str, float]:
        """The modalities with enough samples of a batch on every rank, and the factor of each one's loss on this rank.

        Every rank must call it. With a single modality, which is always there, no rank asks another.
        """
        counts = torch.tensor([len(batch.parts[side.name].items) if side.name in batch.parts else 0 for side in self])
        if len(self) == 1:
            return {FIRST: 1.0}
        if world_size() > 1:
            ranks = torch.zeros(world_size(), len(self), dtype=torch.int64)
            ranks[rank()] = counts
            ranks = all_reduce(ranks)
        else:
            ranks = counts[None]
        factors = counts * len(ranks) / ranks.sum(0)
        enough = (ranks >= FEWEST).all(0).tolist()
        return {side.name: factor for side, factor, there in zip(self, factors.tolist(), enough) if there}

    def corrected(self, names: Sequence[str]) -> list[str]:
        """Those of some modalities that may meet a label which is not trusted."""
        closed = {name for name in names if self[name].gate.threshold < torch.inf}
        return list(names) if self.rule == "and" and closed else [name for name in names if name in closed]

    def predicting(self, names: Sequence[str]) -> list[str]:
        """Those of some modalities whose clean views are looked at, if labels are to be corrected."""
        corrected = self.corrected(names)
        return list(names) if corrected and self.how != "own" else corrected

    def losses(self, seen: Mapping[str, Seen], labels: torch.Tensor) -> dict[str, tuple]:
        """Of each modality in a batch what `DLGLCLoss.total` gives.

        Arguments
        ---------
        seen : mapping of str to Seen
        labels : torch.Tensor
            (n_items,) int64.
        """
        corrections, judged = self._corrections(seen), {}
        for name, (part, cosines, *_) in seen.items():
            side = self[name]
            threshold, correction = side.gate.threshold, corrections.get(name)
            judged[name] = side.loss.judge(cosines, labels[part.items], threshold, correction)
        trusted = {name: one.trusted for name, one in judged.items()}
        return {
            name: self[name].loss.total(one, kept_labels(self.rule, one, _others(trusted, seen, name)))
            for name, one in judged.items()
        }

    def _corrections(self, seen):
        clean = {name: one.clean for name, one in seen.items() if one.clean is not None}
        logs = {}
        if self.how != "own":
            logs = {name: self[name].loss.corrector.log_posteriors(cosines) for name, cosines in clean.items()}
        return {
            name: joint_correction(self.how, self[name].loss.corrector, clean[name], _others(logs, seen, name))
            for name in self.corrected(list(seen))
            if name in clean
        }


def _others(values, seen, name):
    """What the other modalities have, each with the rows of this one's partners."""
    return [(value, seen[name].part.partners[other]) for other, value in values.items() if other != name]
