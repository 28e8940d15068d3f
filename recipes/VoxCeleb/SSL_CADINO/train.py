#!/usr/bin/env python3
"""Train a speaker encoder without labels. The YAML is the experiment; its ``brain_class`` names the stage, and ``run``,
if it is there, what is done in place of one training.

> python train.py hparams/dino.yaml --data_folder /data/voxceleb2
> python train.py hparams/dino.yaml --help   (its settings)
> torchrun --nproc_per_node=4 train.py hparams/dino.yaml --data_folder /data/voxceleb2

Killed at any moment, the same command goes on; another one is refused: an output folder belongs to one run. It gets
``encoder`` (for SpeechBrain's ``SpeakerRecognition.from_hparams``), ``epochs.csv``, ``epochs.png``, the log, the
checkpoints, ``run.json``, which says what run it is, and at its end ``report.html``, which shows how it went.
"""

import sys

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import speechbrain as sb

    from speechbrain_cadino.corpus.manifest import read_manifest
    from speechbrain_cadino.corpus.prepare import prepare_corpus
    from speechbrain_cadino.report import report_or_warn
    from speechbrain_cadino.training.before import check_before_corpus, check_with_corpus
    from speechbrain_cadino.training.development import check_development, development_list
    from speechbrain_cadino.training.experiment import Experiment, ExperimentSettings
    from speechbrain_cadino.training.finish import tell_finished
    from speechbrain_cadino.training.identity import RunIdentity
    from speechbrain_cadino.training.plan import announce
    from speechbrain_cadino.training.run_files import check_place
    from speechbrain_cadino.training.settings_record import record_settings
    from speechbrain_cadino.utils.distributed import is_main, join_ranks, leave_ranks
    from speechbrain_cadino.utils.errors import one_sentence_errors
    from speechbrain_cadino.utils.locks import FolderLock
    from speechbrain_cadino.utils.logs import log_config
    from speechbrain_cadino.utils.on_main import on_main
    from speechbrain_cadino.utils.settings.command_line import parse_arguments
    from speechbrain_cadino.utils.settings.tree import write_tree


def main(arguments):
    hparams_file, run_opts, options = parse_arguments(arguments)
    join_ranks(run_opts)
    read = ExperimentSettings.read(hparams_file, options)
    settings = record_settings(write_tree(read.tree), run_opts, read.name, read.auto)
    check_before_corpus(settings.get, run_opts)
    on_main(check_place, settings.get)
    lock = FolderLock(settings.get("output_folder"))
    try:
        on_main(lock.acquire)
        train(read, run_opts, RunIdentity(settings, lock.folder), lock)
    finally:
        if is_main():
            lock.release()
    leave_ranks()


def train(read, run_opts, identity, lock):
    """One run in its folder, unless that belongs to another one, or the run is finished."""
    on_main(identity.check_settings)
    experiment = Experiment(read, run_opts)

    def check(manifest):
        identity.check_data(manifest, experiment.numbers(manifest))
        lock.announce()

    hparams = experiment.hparams
    on_main(identity.before_corpus, check_development, hparams)
    on_main(load_manifest, hparams, check)
    if on_main(identity.is_finished):
        on_main(tell_finished, lock.folder)
        return
    manifest = load_manifest(experiment.hparams)
    # Behind the preparation, which is kept: with a number corrected the corpus is not read anew.
    check_with_corpus(identity.settings.filled(experiment.numbers(manifest)).get, len(manifest))
    experiment = experiment.sized(manifest)
    on_main(announce, experiment, manifest)
    hparams, development = experiment.hparams, None
    sb.create_experiment_directory(
        hparams.output_folder, log_config=log_config(experiment.settings.get("verbose", False))
    )
    on_main(experiment.save_settings)
    if hparams.development_trials:
        development = development_list(hparams.development_trials, hparams.development_folder, manifest)
    run = experiment.settings.get("run", Experiment.train)
    run(experiment, manifest, development)
    on_main(identity.finish)
    on_main(report_or_warn, lock.folder)


def load_manifest(hparams, check=None):
    """The training utterances, of a CSV that is given or of the data folder, without those of the trial lists.

    With ``check`` they are made ready on this rank: it is called with them before anything is written.
    """
    corpus_folder = f"{hparams.output_folder}/corpus"
    if check is None:
        return read_manifest(f"{corpus_folder}/train.csv", hparams.data_folder)
    prepare_corpus(
        data_folder=hparams.data_folder,
        save_folder=corpus_folder,
        file_list=hparams.file_list,
        trials=[*filter(None, [hparams.development_trials]), *hparams.held_out_trials],
        train_csv=hparams.train_csv,
        trial_folders=[hparams.development_folder],
        check=check,
        **hparams.prepare_options,
    )


if __name__ == "__main__":
    with one_sentence_errors():
        main(sys.argv[1:])
