#!/usr/bin/env python3
"""Train a speaker encoder without labels. The YAML is the experiment; its ``brain_class`` names the stage.

> python train.py hparams/dino.yaml --data_folder /data/voxceleb2
> torchrun --nproc_per_node=4 train.py hparams/dino.yaml --data_folder /data/voxceleb2

Killed at any moment, the same command goes on. The output folder gets ``encoder`` (for SpeechBrain's
``SpeakerRecognition.from_hparams``), ``epochs.csv``, ``epochs.png``, the log and the checkpoints.
"""

import sys

import speechbrain as sb
from prepare import prepare_corpus
from speechbrain.utils.distributed import run_on_main

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.training.distributed import is_main, join_ranks
from speechbrain_cadino.training.finish import DevelopmentList, export_with_threshold
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.utils.errors import one_sentence_errors
from speechbrain_cadino.utils.files import make_folder
from speechbrain_cadino.utils.settings import Settings, load_settings
from speechbrain_cadino.verification.report import format_table

TABLE = ["epoch", "loss", "max_entropy", "entropy_of_mean", "mean_entropy", "entropy_gap", "embedding_spread"]
TABLE += ["EER %", "minDCF(0.01)", "minDCF(0.05)", "seconds"]


def main(arguments):
    hparams_file, run_opts, overrides = sb.parse_arguments(arguments)
    join_ranks(run_opts)
    settings = load_settings(hparams_file, overrides)
    hparams = Settings(**settings)
    make_folder(hparams.output_folder)
    sb.create_experiment_directory(hparams.output_folder, hparams_file, overrides)

    manifest = load_manifest(hparams)
    development = None
    if hparams.development_trials:
        development = DevelopmentList(hparams.development_trials, hparams.development_folder, manifest)
    loader = make_train_loader(hparams.dataset(manifest), hparams.batch_size, hparams.seed, **hparams.loader_options)
    brain = hparams.brain_class(
        modules=hparams.modules,
        opt_class=hparams.opt_class,
        hparams=settings,
        run_opts=run_opts,
        checkpointer=hparams.checkpointer,
        evaluate_development=development,
    )
    brain.fit_loader(loader)
    if is_main():
        finish(brain, manifest, development)


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


def finish(brain, manifest, development):
    """The table of the run, the encoder averaged over the last epochs, and where it lies."""
    columns = [name for name in TABLE if name in brain.history.columns()]
    print(format_table(brain.history.rows, columns))
    encoder = brain.encoder_to_export()
    info = {"epochs": brain.hparams.epoch_counter.current, "utterances": len(manifest)}
    if development is not None:
        info["development list"] = development(encoder)
        print("\nThe encoder to keep, averaged over the last epochs, on the development list:")
        print(format_table([info["development list"]]))
    folder = export_with_threshold(encoder, manifest, f"{brain.hparams.output_folder}/encoder", info=info)
    print(f"\nThe encoder is in {folder}: SpeakerEncoder.from_folder loads it, and SpeechBrain's from_hparams.")


if __name__ == "__main__":
    with one_sentence_errors():
        main(sys.argv[1:])
