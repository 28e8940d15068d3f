#!/usr/bin/env python3
"""Train a speaker encoder without labels. The YAML is the experiment; its ``brain_class`` names the stage, and ``run``,
if it is there, what is done in place of one training.

> python train.py hparams/dino.yaml --data_folder /data/voxceleb2
> python train.py hparams/dino.yaml --help   (its settings)
> torchrun --nproc_per_node=4 train.py hparams/dino.yaml --data_folder /data/voxceleb2

Killed at any moment, the same command goes on. The output folder gets ``encoder`` (for SpeechBrain's
``SpeakerRecognition.from_hparams``), ``epochs.csv``, ``epochs.png``, the log and the checkpoints.
"""

import sys

import speechbrain as sb
from prepare import prepare_corpus
from speechbrain.utils.distributed import run_on_main

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.training.experiment import Experiment
from speechbrain_cadino.training.finish import DevelopmentList
from speechbrain_cadino.training.plan import announce
from speechbrain_cadino.utils.distributed import join_ranks
from speechbrain_cadino.utils.errors import one_sentence_errors
from speechbrain_cadino.utils.settings.command_line import parse_arguments


def main(arguments):
    hparams_file, run_opts, options = parse_arguments(arguments)
    join_ranks(run_opts)
    experiment = Experiment(hparams_file, options, run_opts)
    sb.create_experiment_directory(experiment.hparams.output_folder)
    manifest = load_manifest(experiment.hparams)
    experiment = experiment.sized(manifest)
    run_on_main(experiment.save_settings)
    run_on_main(announce, args=[experiment, manifest])
    hparams, development = experiment.hparams, None
    if hparams.development_trials:
        development = DevelopmentList(hparams.development_trials, hparams.development_folder, manifest)
    run = experiment.settings.get("run", Experiment.train)
    run(experiment, manifest, development)


def load_manifest(hparams):
    """The training utterances: of a CSV that is given, or of one that is made from the data folder."""
    if hparams.train_csv:
        return read_manifest(hparams.train_csv, hparams.data_folder)
    corpus_folder = f"{hparams.output_folder}/corpus"
    run_on_main(
        prepare_corpus,
        kwargs=dict(
            data_folder=hparams.data_folder,
            save_folder=corpus_folder,
            file_list=hparams.file_list,
            trials=[*filter(None, [hparams.development_trials]), *hparams.held_out_trials],
            **hparams.prepare_options,
        ),
    )
    return read_manifest(f"{corpus_folder}/train.csv", hparams.data_folder)


if __name__ == "__main__":
    with one_sentence_errors():
        main(sys.argv[1:])
