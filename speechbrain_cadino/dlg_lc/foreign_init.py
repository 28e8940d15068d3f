"""A folder of SpeechBrain's own as ``init``: its weights where the YAML's encoder is alike, else its clusters alone."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from speechbrain.utils.distributed import infer_device

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.dlg_lc.distillation import active_distillation
from speechbrain_cadino.encoder.export import export_encoder, is_encoder
from speechbrain_cadino.encoder.speechbrain_folder import (
    as_net,
    check_trust,
    is_speechbrain_folder,
    load_speechbrain,
    speechbrain_digest,
)
from speechbrain_cadino.training.experiment import Experiment
from speechbrain_cadino.training.pseudo_labels import embed_corpus
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.on_main import on_main

logger = logging.getLogger(__name__)

ENCODER, EMBEDDINGS = "init_encoder", "init_clusters"  # folders that a run keeps what it has made of it in


def with_known_init(experiment: Experiment, manifest: Manifest, clusters: bool = True) -> Experiment:
    """The same experiment, in which ``init`` is an encoder folder of ours, or given embeddings stand in its place.

    An ``init`` that was exported here stays as it is. One of SpeechBrain's own is exported into ``init_encoder`` of the
    output folder, if the YAML's encoder has the same classes, sizes and features; else the utterances are embedded by
    it, and their embeddings are the ``embeddings`` that are clustered first. Which of both is told. Every rank must
    call it.

    Arguments
    ---------
    experiment : Experiment
    manifest : Manifest
        The training utterances.
    clusters : bool
        Whether the run clusters: else an encoder that can give no weights is refused.

    Returns
    -------
    Experiment

    Raises
    ------
    UserError
        If ``trust_init`` is not set, the folder cannot be loaded, or nothing of it could be used.
    """
    hparams, settings = experiment.hparams, experiment.settings
    init = hparams.init
    if not is_speechbrain_folder(init):
        return experiment
    check_trust(init, settings.get("trust_init", False))
    output, device = Path(hparams.output_folder), experiment.run_opts.device or infer_device()
    encoder = load_speechbrain(init, device)
    net, mean, why = as_net(encoder, hparams.encoder)
    if net is not None:
        folder = output / ENCODER
        on_main(_keep, net, folder, mean, init)
        if is_main():
            weights = (
                "its clusters, and no weights, since fresh_encoder is set" if hparams.fresh_encoder else "its weights"
            )
            logger.warning("--init (%s) has the same encoder as the YAML: the run starts from %s.", init, weights)
        return experiment.changed({"init": str(folder)})
    distillation = active_distillation(settings)
    if distillation is not None and distillation.embeddings is None:
        raise UserError(
            f"The run is to stay near the encoder of --init ({init}) by distillation, and cannot start from its "
            f"weights, since {why}: set the YAML's encoder alike."
        )
    if not clusters:
        raise UserError(
            f"The run cannot start from the weights of --init ({init}), since {why}, and clusters nothing: set the "
            "YAML's encoder alike, or leave --init out."
        )
    for name in ("embeddings", "labels"):
        if settings.get(name) is not None:
            raise UserError(
                f"--init ({init}) can give clusters alone, since {why}, and {name} give the first labels already: "
                "leave one of them out."
            )
    if is_main():
        logger.warning("--init (%s) gives the first clusters alone, and no weights: %s.", init, why)
    embed_corpus(encoder, manifest, output / EMBEDDINGS)
    return experiment.changed({"init": None, "embeddings": str(output / EMBEDDINGS)})


def _keep(net, folder, mean, init):
    """Once: the folder's digest would not change, and its files would."""
    made_from = {"made_from": speechbrain_digest(init)}
    if not is_encoder(folder):
        export_encoder(net, folder, None if mean is None else np.asarray(mean.cpu()), None, "not looked for", made_from)
