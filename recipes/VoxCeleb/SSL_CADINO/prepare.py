#!/usr/bin/env python3
"""Prepare a corpus: audio on disk -> train.csv (SpeechBrain's columns), rejected.csv, and what they came from.

To run by hand (train.py does it by itself):
> python prepare.py --data_folder /data/voxceleb2 --save_folder results/corpus --trials veri_test2.txt
"""

import argparse
import inspect

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from speechbrain_cadino.corpus.prepare import prepare_corpus
    from speechbrain_cadino.utils.errors import one_sentence_errors
    from speechbrain_cadino.utils.locks import hold_folder
    from speechbrain_cadino.utils.places import CHECKPOINT, ENCODER, RECORD, check_output


def parse_arguments(arguments=None):
    """Command line -> arguments of `prepare_corpus`; what is not given keeps that function's default."""
    default = {name: parameter.default for name, parameter in inspect.signature(prepare_corpus).parameters.items()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_folder", required=True, help="the audio, with all sub-folders")
    parser.add_argument("--save_folder", "--output", required=True, help="where train.csv and rejected.csv are written")
    parser.add_argument("--file_list", help="use only these files: one path a line, relative to data_folder")
    parser.add_argument("--trials", nargs="+", default=(), help="trial lists whose utterances are left out")
    parser.add_argument(
        "--trial_folders", nargs="+", default=(), help="what their names start from, besides data_folder"
    )
    parser.add_argument("--train_csv", help="take the rows of this CSV in place of the folder")
    parser.add_argument("--min_duration", type=float, default=default["min_duration"], help="seconds")
    parser.add_argument("--max_duration", type=float, default=default["max_duration"], help="seconds")
    parser.add_argument("--speaker_pattern", help="regular expression of the speaker in a path, such as '^([^/]+)/'")
    parser.add_argument("--session_pattern", default=default["session_pattern"], help="the same for the session")
    parser.add_argument("--workers", type=int, help="threads; default: one a core")
    return vars(parser.parse_args(arguments))


if __name__ == "__main__":
    with one_sentence_errors():
        options = parse_arguments()
        listed = options["file_list"] or options["train_csv"]  # then the rest of the data folder does not count
        data = {"--data_folder": options["data_folder"]}
        folders = {"named": data} if listed else {"read": data}
        check_output(options["save_folder"], "--save_folder", itself=(RECORD, CHECKPOINT, ENCODER), **folders)
        with hold_folder(options["save_folder"]):
            prepare_corpus(**options)
