"""``prepare``: audio on disk -> ``train.csv`` (SpeechBrain's columns), ``rejected.csv``, and what they came from."""

from __future__ import annotations

import click

from speechbrain_cadino.commands.options import WithLists, example, given
from speechbrain_cadino.utils.imports import stoppable_imports


@click.command(
    "prepare",
    cls=WithLists,
    short_help="audio on disk to train.csv",
    epilog=example("speechbrain-cadino prepare --data_folder wav --save_folder corpus --trials trials.txt"),
)
@click.option("--data_folder", required=True, help="the audio, with all sub-folders")
@click.option("--save_folder", "--output", required=True, help="where train.csv and rejected.csv are written")
@click.option("--file_list", help="use only these files: one path a line, relative to data_folder")
@click.option("--trials", multiple=True, help="trial lists whose utterances are left out")
@click.option("--trial_folders", multiple=True, help="what their names start from, besides data_folder")
@click.option("--train_csv", help="take the rows of this CSV in place of the folder")
@click.option("--min_duration", type=float, help="seconds; a shorter file is set aside  [default: 1]")
@click.option("--max_duration", type=float, help="seconds; a longer file is cut into pieces  [default: 60]")
@click.option("--speaker_pattern", help="regular expression of the speaker in a path, such as '^([^/]+)/'")
@click.option("--session_pattern", help="the same for the session  [default: the two folders above a file]")
@click.option("--workers", type=int, help="threads  [default: one a core]")
def command(**options) -> None:
    """Make a corpus ready for training, once: look at each file, and write what can be used to train.csv.

    train.py does it by itself.
    """
    with stoppable_imports():
        from speechbrain_cadino.corpus.prepare import prepare_corpus
        from speechbrain_cadino.utils.locks import hold_folder
        from speechbrain_cadino.utils.places import CHECKPOINT, ENCODER, RECORD, check_output
    listed = options["file_list"] or options["train_csv"]  # then the rest of the data folder does not count
    data = {"--data_folder": options["data_folder"]}
    folders = {"named": data} if listed else {"read": data}
    check_output(options["save_folder"], "--save_folder", itself=(RECORD, CHECKPOINT, ENCODER), **folders)
    with hold_folder(options["save_folder"]):
        prepare_corpus(**given(options))
