"""What the main rank does after the last epoch: judge, measure, export, tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speechbrain_cadino.clusters.quality import cluster_sizes
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.publish.facts import UNKNOWN
from speechbrain_cadino.training.brain import CadinoBrain
from speechbrain_cadino.training.clustered import Clustered
from speechbrain_cadino.training.development import DevelopmentList
from speechbrain_cadino.training.finish import export_with_threshold, tell_training
from speechbrain_cadino.training.for_report import ForReport
from speechbrain_cadino.training.kept import look_at_kept
from speechbrain_cadino.training.verdict import RunFacts, judge


def finish(
    brain: CadinoBrain,
    encoder: SpeakerEncoderNet,
    facts: RunFacts,
    manifest: Manifest,
    development: DevelopmentList | None,
    init: str | None,
    clustered: Clustered,
) -> dict[str, float]:
    """Export the encoder, averaged over the last epochs, say how the run went, and give the encoder's metrics.

    Arguments
    ---------
    brain : CadinoBrain
        After its training.
    encoder : SpeakerEncoderNet
        Which is kept.
    facts : RunFacts
        Of the run, without clusters.
    manifest : Manifest
        The training utterances.
    development : DevelopmentList or None
    init : str or None
        An encoder folder that the exported one is compared with.
    clustered : Clustered
        What its threshold comes from.

    Returns
    -------
    dict of float
    """
    labels = getattr(brain, "labels", None)
    sizes = None if labels is None else cluster_sizes(labels.cpu().numpy())
    verdict = judge(brain.history.rows, replace(facts, cluster_sizes=sizes))
    kept = look_at_kept(encoder, brain.half_retrieval, brain.history.rows[-1], brain.ranks_without_refit, init)
    info = {
        "epochs": brain.hparams.epoch_counter.current,
        "utterances": len(manifest),
        "files": len(np.unique(manifest.wavs)),
        "hours": round(float(manifest.durations.sum()) / 3600, 4),
        "license": getattr(brain.hparams, "license", UNKNOWN),
        "verdict": verdict.word,
        "half_rank": kept.metrics,
        "last_layer_refit": brain.is_refitted,
        "did it learn": "\n".join([verdict.text(), *kept.sentences]),
    }
    rates, left = {}, ForReport()
    if development is not None:
        evaluation = development.evaluation(encoder)
        rates = evaluation.metrics
        left.add_trials(evaluation, development.trials.labels)
    info |= {"development list": rates} if rates else {}
    if brain.rates_without_refit:
        info["development list, without last_layer_refit"] = brain.rates_without_refit
    of_init = {}
    if development is not None and init is not None:
        info["development list, --init"] = found = development.of_folder(init, next(encoder.parameters()).device)
        of_init = {"init EER %": found["EER %"]} if "EER %" in found else {}
    folder, hparams = brain.hparams.output_folder, brain.hparams
    drawn = dict(false_acceptance=hparams.false_acceptance, seed=hparams.seed)
    export_with_threshold(encoder, manifest, f"{folder}/encoder", **drawn, info=info, clustered=clustered, left=left)
    left.write(folder)
    brain.history.write_csv(f"{folder}/epochs.csv")  # perhaps somebody has taken it away
    tell_training(folder)
    return rates | of_init | kept.metrics
