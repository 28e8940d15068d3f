#!/usr/bin/env python3
"""Prepare a corpus: audio on disk -> train.csv (SpeechBrain's columns), rejected.csv, and what they came from.

To run by hand (train.py does it by itself); ``python -m speechbrain_cadino prepare`` is the same:
> python prepare.py --data_folder /data/voxceleb2 --save_folder results/corpus --trials veri_test2.txt
"""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from speechbrain_cadino.commands.group import run
    from speechbrain_cadino.commands.prepare import command
    from speechbrain_cadino.corpus.prepare import prepare_corpus  # noqa: F401 (for who imports this file)

if __name__ == "__main__":
    run(command=command, name="prepare.py")
