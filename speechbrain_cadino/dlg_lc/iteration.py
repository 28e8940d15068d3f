"""Stage II as a whole: embed, cluster, train with gate and correction, and again with the encoder that came out."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from speechbrain.utils.distributed import infer_device

from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.clusters.quality import cluster_metrics
from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.distillation import active_distillation
from speechbrain_cadino.dlg_lc.foreign_init import with_known_init
from speechbrain_cadino.dlg_lc.given import check_given, first_sources, teacher_embeddings
from speechbrain_cadino.dlg_lc.item_clusters import cluster_items, labels_made_from
from speechbrain_cadino.dlg_lc.labelled import Labelled, train_once
from speechbrain_cadino.dlg_lc.labels import keep_labels, true_labels
from speechbrain_cadino.dlg_lc.large_margin import check_large_margin
from speechbrain_cadino.dlg_lc.report import Report
from speechbrain_cadino.dlg_lc.side import FIRST
from speechbrain_cadino.dlg_lc.started import Started
from speechbrain_cadino.dlg_lc.trial_scores import TrialScores
from speechbrain_cadino.dlg_lc.voice import find_items, modalities_of
from speechbrain_cadino.training.development import DevelopmentList
from speechbrain_cadino.training.experiment import Experiment
from speechbrain_cadino.training.finish import LARGE_MARGIN
from speechbrain_cadino.training.sources import file_digest
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

logger = logging.getLogger(__name__)

TABLE = "labels.csv"


def iterate(experiment: Experiment, manifest: Manifest, development: DevelopmentList | None = None) -> None:
    """The iterations of DLG-LC (Han, Chen, Qian, arXiv 2208.01928 and 2304.05754); a ``run`` of `train.py`.

    Read from ``hparams``, besides what `DLGLCBrain` reads: ``init``, the encoder folder whose embeddings are clustered
    first, with ``trust_init`` also one of SpeechBrain's own (`with_known_init`); ``embeddings``, ``embedding_ids``,
    given ones to cluster in their place, or None; ``labels``, a label table to take in place of these clusters, or
    None; ``distillation``, a `Distillation` of the voices, or None; ``cluster_compensation``, a `Compensation` of the
    encoder before it is asked for clusters, or None; ``clustering``, a `Clustering`; ``n_iterations``;
    ``stop_agreement``, the agreement of two label tables in a row, as AMI, from which no further iteration is made, or
    None; ``large_margin``, settings of a last training on from the last iteration's encoder, classifier and gate, or
    None. Where there are further ``modalities``, each with an encoder folder ``init`` or None to begin with, labels are
    of items: those of the voices alone are clustered first, if there is no other encoder yet, then all together by
    ``join``, a `Join`. With ``voice_data``, `Precomputed` voices, no encoder of voices is trained. The trial lists
    ``held_out_trials``, whose names start from ``development_folder``, are scored after each iteration beside the
    development list; see `TrialScores`.

    Each iteration is a training of the same YAML with ``output_folder``, ``n_classes``, ``iteration`` and ``init`` set
    for it, on the utterances that have a label. Its folder gets ``labels.csv``, ``encoder``, for a modality ``face``
    also ``face_encoder``, and what every training leaves; the output folder gets ``iterations.csv``, which says after
    each iteration which encoder to keep as far as that is known without labels, and ``iterations.png``. Killed, the
    same command goes on.

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
    experiment = with_known_init(experiment, manifest)
    hparams = experiment.hparams
    modalities = modalities_of(experiment.settings)
    _check(hparams, modalities, len(manifest))
    if hparams.large_margin:
        check_large_margin(experiment)
    output = Path(hparams.output_folder)
    voices_are_given = modalities[FIRST].is_given
    if voices_are_given:
        if (development or hparams.held_out_trials) and is_main():
            logger.warning("No trials are scored: the embeddings of the voices are given, no encoder is trained.")
        development = None
    scores = TrialScores(hparams, manifest, modalities)
    items = find_items(modalities, manifest, output, trial_lists(hparams))
    started = Started.of(hparams, modalities, items)
    teacher = _teacher(experiment, items, output)
    report = Report(output, hparams.train_loggers, hparams.init, [*modalities], keeps_one=not voices_are_given)
    previous, part = None, None
    for number in range(1, hparams.n_iterations + 1):
        folder = output / f"iteration_{number}"
        labels = _labels(experiment, items, number, started, folder)
        metrics = on_main(cluster_metrics, labels, previous, items.spk_ids, items.sessions)
        agreement = metrics.get("ami_previous")
        if None not in (agreement, hparams.stop_agreement) and agreement >= hparams.stop_agreement:
            logger.info("The labels agree with the last ones to %.3f: no further iteration.", agreement)
            break
        labelled = Labelled.of(items, labels, folder / TABLE)
        part = {"output_folder": str(folder), "iteration": number, **started.settings()}
        made_from = started.made_from() | _teacher_digest(teacher)
        trained = train_once(experiment, part, labelled, development, scores, made_from, teacher)
        report.add({"iteration": number, "step": "DLG-LC", **metrics, **trained}, folder)
        previous, started = labels, started.after(folder)
    if hparams.large_margin and part is not None:
        folder = output / "large_margin"
        part |= {"start_from": part["output_folder"], "output_folder": str(folder)}
        settings = hparams.large_margin | part
        trained = train_once(experiment, settings, labelled, development, scores, made_from, teacher)
        report.add({"iteration": part["iteration"] + 1, "step": LARGE_MARGIN, **trained}, folder)
    report.show()


def _labels(experiment, items, number, started, folder):
    """(n,) int64: the class of each item in an iteration, -1 for none; read or made, and kept in its folder."""
    hparams, given = experiment.hparams, experiment.hparams.labels if number == 1 else None
    if given:
        make_labels = partial(read_label_table, given)
        made_from = {"labels": on_main(file_digest, given)}
    else:
        device, join = experiment.run_opts.device or infer_device(), experiment.settings.get("join")
        sources = first_sources(started.sources(), experiment.settings) if number == 1 else started.sources()
        make_labels = partial(cluster_items, sources, items, hparams.clustering, folder, device, join)
        made_from = on_main(labels_made_from, sources, items, hparams.clustering, join)
    return keep_labels(folder / TABLE, items, make_labels, made_from, given)


def finetune(experiment: Experiment, manifest: Manifest, development: DevelopmentList | None = None) -> None:
    """Train on a fraction of the true labels, from an encoder or from nothing; a ``run`` of `train.py`.

    Read from ``hparams``, besides what `DLGLCBrain` reads: ``label_fraction``.

    Arguments
    ---------
    experiment, manifest, development :
        As for `iterate`.
    """
    experiment = with_known_init(experiment, manifest, clusters=False)
    hparams = experiment.hparams
    folder = Path(hparams.output_folder)
    drawn = {"fraction": hparams.label_fraction, "seed": hparams.seed}
    items = find_items(modalities_of(experiment.settings), manifest, folder, trial_lists(hparams))
    labels = keep_labels(folder / TABLE, items, partial(true_labels, items, **drawn), drawn)
    labelled = Labelled.of(items, labels, folder / TABLE)
    teacher = _teacher(experiment, items, folder)
    labelled.train(experiment, {"output_folder": str(folder)}, development, teacher)


def _teacher(experiment, items, output):
    """What the setting ``distillation`` learns from, a table and where it is from, or None."""
    distillation = active_distillation(experiment.settings)
    if distillation is None:
        return None
    return teacher_embeddings(distillation, experiment.hparams.init, items.first, output, experiment.run_opts.device)


def _teacher_digest(teacher):
    return {} if teacher is None else {"teacher": on_main(teacher[0].digest)}


def trial_lists(hparams: Any) -> list:
    """The paths of all trial lists that a YAML's top level names."""
    return [*filter(None, [hparams.development_trials]), *hparams.held_out_trials]


def _check(hparams, modalities, n_utterances):
    first, join = modalities[FIRST], vars(hparams).get("join")
    if first.is_given and hparams.init:
        raise UserError(f"init is {hparams.init}, and the embeddings of the voices are given: leave one of them out.")
    if join is not None and len(modalities) > 1:
        join.check([*modalities])
    if len(modalities) > 1 and hparams.clustering.plda_rounds:
        raise UserError("clustering has plda_rounds, and several modalities have none: set plda_rounds to 0.")
    check_given(hparams, first.is_given)
    embeddings = vars(hparams).get("embeddings")
    if hparams.init is None and hparams.labels is None and embeddings is None and not first.is_given:
        raise UserError(
            "There is nothing to start from: give --init, an encoder folder, --labels, a label table, or --embeddings, "
            "those of another encoder."
        )
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
