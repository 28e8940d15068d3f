"""One training of stage II: on the items that have a label, and not again where it was done before."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from speechbrain.utils.distributed import ddp_broadcast, infer_device

from speechbrain_cadino.dlg_lc.distillation import Targets, active_distillation
from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.side import FIRST
from speechbrain_cadino.dlg_lc.voice import modalities_of
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.training.development import DevelopmentList
from speechbrain_cadino.training.experiment import Experiment
from speechbrain_cadino.training.parts import claim_part
from speechbrain_cadino.training.sources import encoder_digest, file_digest, run_digests
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.on_main import on_main
from speechbrain_cadino.views.paired import PairedDataset

logger = logging.getLogger(__name__)

RESULT = "result.json"


class Labelled(NamedTuple):
    """The items that have a label.

    Arguments
    ---------
    items : Items
    labels : np.ndarray
        (n,) int64, from 0 without gaps: the class of each item.
    table : Path
        The file that keeps them, for people and for a run that goes on.
    """

    items: Items
    labels: np.ndarray
    table: Path

    @classmethod
    def of(cls, items: Items, labels: np.ndarray, table: Path) -> Labelled:
        """Those of some items with ``labels`` (n,), -1 for none; a `UserError` if no voice is among them."""
        known = labels >= 0
        if not known.all() and is_main():
            logger.info("%d of %d items have no label, and are not trained on.", np.count_nonzero(~known), len(known))
        part = items.subset(known)
        if not len(part.first):
            raise UserError(
                f"No item with a label in {table} has a {FIRST}, and it must be trained: give labels of some."
            )
        return cls(part, labels[known], table)

    def train(
        self,
        experiment: Experiment,
        settings: dict,
        development: DevelopmentList | None,
        teacher: tuple[EmbeddingTable, str] | None = None,
    ) -> dict[str, float]:
        """`Experiment.train` on them, with other settings (a dict) and a classifier of their classes.

        ``teacher``: what `teacher_embeddings` gives, for the setting ``distillation``.
        """
        part = experiment.changed(settings | {"n_classes": int(self.labels.max()) + 1})
        further = {"make_dataset": self._dataset} if self.items.are_more_than_voices else {}
        distillation = active_distillation(part.settings)
        if teacher is not None and distillation is not None:  # a large margin may do without
            table, path = teacher
            further["targets"] = Targets.of(table, self.items.ids, distillation.center, path)
        init = experiment.hparams.init
        return part.train(self.items.first, development, init, labels=self.labels, **further)

    def _dataset(self, hparams, manifest):
        modalities = modalities_of(vars(hparams))
        there = {name: part for name, part in self.items.parts.items() if name == FIRST or len(part)}
        datasets = {name: modalities[name].dataset(part) for name, part in there.items()}
        return PairedDataset(self.items.pairing, datasets)


def train_once(
    experiment: Experiment,
    settings: dict,
    labelled: Labelled,
    development: DevelopmentList | None,
    scores: Callable[[Path, torch.device | str], dict[str, float]],
    made_from: dict[str, str | None] | None = None,
    teacher: tuple[EmbeddingTable, str] | None = None,
) -> dict[str, float]:
    """Train with other settings, if that was not done yet.

    Arguments
    ---------
    experiment : Experiment
    settings : dict
        ``output_folder``, where the metrics are kept, and what else differs.
    labelled : Labelled
    development : DevelopmentList or None
    scores : callable
        From a folder with the exported encoders and the device to further metrics, such as `TrialScores`.
    made_from : dict, optional
        Digests of what else decides the weights, by name: of the further modalities.
    teacher : tuple, optional
        As of `Labelled.train`.

    Returns
    -------
    dict of float
        The metrics of `Experiment.train`, and these.

    Raises
    ------
    UserError
        If the folder has the training of something else, or what it keeps cannot be read.
    """
    result = Path(settings["output_folder"]) / RESULT
    on_main(_claim, result.parent, labelled.table, settings, made_from or {})
    if ddp_broadcast(result.exists()):
        return _read_result(result)
    metrics = labelled.train(experiment, settings, development, teacher)
    metrics = {name: value for name, value in metrics.items() if name not in ("epoch", "lr", "seconds")}
    return on_main(_keep_result, result, metrics, scores, experiment.run_opts.device or infer_device())


def _read_result(result):
    try:
        return dict(json.loads(result.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{result} cannot be read ({error}): delete it, and the same command makes it anew.") from error


def _keep_result(result, metrics, scores, device):
    metrics |= scores(result.parent, device)
    with atomic_path(result) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2))
    return metrics


def _claim(folder, table, settings, made_from):
    """`claim_part`, with what these paths lead to."""
    init, start_from = settings.get("init"), settings.get("start_from")
    start = None if start_from is None else (run_digests(start_from) or [None])[0]
    init = None if init is None else encoder_digest(init)
    claim_part(folder, labels=file_digest(table), init=init, start_from=start, **made_from)
