"""Stage II as a whole: embed, cluster, train with gate and correction, and again with the encoder that came out."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from speechbrain.utils.distributed import ddp_broadcast, infer_device

from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.clusters.quality import cluster_metrics
from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.labels import cluster_labels, keep_labels, true_labels
from speechbrain_cadino.dlg_lc.large_margin import check_large_margin
from speechbrain_cadino.dlg_lc.report import Report
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.training.development import DevelopmentList, development_list
from speechbrain_cadino.training.experiment import Experiment
from speechbrain_cadino.training.finish import LARGE_MARGIN
from speechbrain_cadino.training.parts import claim_part
from speechbrain_cadino.training.sources import encoder_digest, file_digest, run_digests
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.utils.on_main import on_main

logger = logging.getLogger(__name__)

RESULT, TABLE = "result.json", "labels.csv"


def iterate(experiment: Experiment, manifest: Manifest, development: DevelopmentList | None = None) -> None:
    """The iterations of DLG-LC (Han, Chen, Qian, arXiv 2208.01928 and 2304.05754); a ``run`` of `train.py`.

    Read from ``hparams``, besides what `DLGLCBrain` reads: ``init``, the encoder folder whose embeddings are clustered
    first; ``labels``, a label table to take in their place, or None; ``cluster_compensation``, a `Compensation` of the
    encoder before that, or None; ``clustering``, a `Clustering`; ``n_iterations``; ``stop_agreement``, the agreement of
    two label tables in a row, as AMI, from which no further iteration is made, or None; ``large_margin``, settings of a
    last training on from the last iteration's encoder, classifier and gate, or None. The trial lists
    ``held_out_trials``, whose names start from ``development_folder``, are scored after each iteration beside the
    development list.

    Each iteration is a training of the same YAML with ``output_folder``, ``n_classes``, ``iteration`` and ``init`` set
    for it, on the utterances that have a label. Its folder gets ``labels.csv``, ``encoder``, and what every training
    leaves; the output folder gets ``iterations.csv``, which says after each iteration which encoder to keep as far as
    that is known without labels, and ``iterations.png``. Killed, the same command goes on.

    Arguments
    ---------
    experiment : Experiment
    manifest : Manifest
        The training utterances.
    development : DevelopmentList, optional

    Raises
    ------
    UserError
        If a setting makes no sense.
    """
    hparams = experiment.hparams
    _check(hparams, len(manifest))
    if hparams.large_margin:
        check_large_margin(experiment)
    output, device = Path(hparams.output_folder), experiment.run_opts.device or infer_device()
    further = {
        f"EER % {Path(path).stem}": development_list(path, hparams.development_folder, manifest)
        for path in hparams.held_out_trials
    }
    report = Report(output, hparams.train_loggers, hparams.init)
    previous, encoder, part = None, hparams.init, None
    for number in range(1, hparams.n_iterations + 1):
        folder = output / f"iteration_{number}"
        if number == 1 and hparams.labels:
            make_labels = partial(read_label_table, hparams.labels)
            made_from = {"labels": on_main(file_digest, hparams.labels)}
        else:
            where = folder / "embeddings"
            made_by = hparams.clustering, where, device, hparams.cluster_compensation
            make_labels = partial(cluster_labels, encoder, manifest, *made_by)
            made_from = {"encoder": on_main(encoder_digest, encoder), "clustering": str(hparams.clustering)}
            made_from["compensation"] = str(hparams.cluster_compensation)
        labels = keep_labels(folder / TABLE, manifest, make_labels, made_from, hparams.labels if number == 1 else None)
        metrics = on_main(cluster_metrics, labels, previous, manifest.spk_ids, manifest.sessions)
        agreement = metrics.get("ami_previous")
        if None not in (agreement, hparams.stop_agreement) and agreement >= hparams.stop_agreement:
            logger.info("The labels agree with the last ones to %.3f: no further iteration.", agreement)
            break
        labelled = Labelled.of(manifest, labels, folder / TABLE)
        part = {"output_folder": str(folder), "iteration": number, "init": encoder and str(encoder)}
        trained = _train_once(experiment, part, labelled, development, further)
        report.add({"iteration": number, "step": "DLG-LC", **metrics, **trained}, folder)
        previous, encoder = labels, folder / "encoder"
    if hparams.large_margin and part is not None:
        folder = output / "large_margin"
        part |= {"start_from": part["output_folder"], "output_folder": str(folder)}
        trained = _train_once(experiment, hparams.large_margin | part, labelled, development, further)
        report.add({"iteration": part["iteration"] + 1, "step": LARGE_MARGIN, **trained}, folder)
    report.show()


def finetune(experiment: Experiment, manifest: Manifest, development: DevelopmentList | None = None) -> None:
    """Train on a fraction of the true labels, from an encoder or from nothing; a ``run`` of `train.py`.

    Read from ``hparams``, besides what `DLGLCBrain` reads: ``label_fraction``.

    Arguments
    ---------
    experiment, manifest, development :
        As for `iterate`.
    """
    hparams = experiment.hparams
    folder = Path(hparams.output_folder)
    drawn = {"fraction": hparams.label_fraction, "seed": hparams.seed}
    labels = keep_labels(folder / TABLE, manifest, partial(true_labels, manifest, **drawn), drawn)
    labelled = Labelled.of(manifest, labels, folder / TABLE)
    labelled.train(experiment, {"output_folder": str(folder)}, development)


class Labelled(NamedTuple):
    """The utterances that have a label.

    Arguments
    ---------
    manifest : Manifest
    labels : np.ndarray
        (n,) int64, from 0 without gaps: the class of each utterance.
    table : Path
        The file that keeps them, for people and for a run that goes on.
    """

    manifest: Manifest
    labels: np.ndarray
    table: Path

    @classmethod
    def of(cls, manifest: Manifest, labels: np.ndarray, table: Path) -> Labelled:
        """Those of a manifest with ``labels`` (n,), -1 for none."""
        return cls(manifest.subset(labels >= 0), labels[labels >= 0], table)

    def train(self, experiment: Experiment, settings: dict, development: DevelopmentList | None) -> dict[str, float]:
        """`Experiment.train` on them, with other settings (a dict) and a classifier of their classes."""
        part = experiment.changed(settings | {"n_classes": int(self.labels.max()) + 1})
        return part.train(self.manifest, development, experiment.hparams.init, labels=self.labels)


def _train_once(experiment, settings, labelled, development, further):
    """Train with other settings, if that was not done yet.

    Gives the metrics of `Experiment.train`, and the EER of the exported encoder on each further list (a dict).
    """
    result = Path(settings["output_folder"]) / RESULT
    on_main(_claim, result.parent, labelled.table, settings.get("init"), settings.get("start_from"))
    if ddp_broadcast(result.exists()):
        return _read_result(result)
    metrics = labelled.train(experiment, settings, development)
    metrics = {name: value for name, value in metrics.items() if name not in ("epoch", "lr", "seconds")}
    return on_main(_keep_result, result, metrics, further, experiment.run_opts.device or infer_device())


def _read_result(result):
    try:
        return json.loads(result.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{result} cannot be read ({error}): delete it, and the same command makes it anew.") from error


def _keep_result(result, metrics, further, device):
    if further:
        encoder, _ = load_encoder(result.with_name("encoder"), device)
        metrics |= {name: trials(encoder)["EER %"] for name, trials in further.items()}
    with atomic_path(result) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2))
    return metrics


def _claim(folder, table, init, start_from):
    """`claim_part`, with what these paths lead to."""
    start = None if start_from is None else (run_digests(start_from) or [None])[0]
    init = None if init is None else encoder_digest(init)
    claim_part(folder, labels=file_digest(table), init=init, start_from=start)


def _check(hparams, n_utterances):
    if hparams.init is None and hparams.labels is None:
        raise UserError("There is nothing to start from: give --init, an encoder folder, or --labels, a label table.")
    if hparams.n_iterations < 1:
        raise UserError(f"n_iterations is {hparams.n_iterations}: set at least 1.")
    if hparams.labels and hparams.n_iterations == 1:
        return  # nothing is clustered
    wanted = hparams.clustering.n_clusters
    if wanted == AUTO:
        return
    if wanted is None or wanted < 2:
        raise UserError(f"n_clusters is {wanted}: set 2 or more, about as many as there are speakers.")
    if wanted >= n_utterances:
        raise UserError(
            f"n_clusters is {wanted} for {n_utterances} utterances: each would be a cluster of its own, from which "
            "nothing can be learnt; set a number well under that of the utterances."
        )
