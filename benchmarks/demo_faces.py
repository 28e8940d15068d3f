#!/usr/bin/env python3
"""The faces of a demo corpus (`make_demo_faces`), and a folder of them in which each session has those of another.

> python benchmarks/demo_faces.py hparams/demo/av_dlg_lc.yaml --demo_folder CORPUS --seed 1 --output_folder OUT

The YAML is not read: a sweep names one. OUT gets ``chance/<speaker>/<session>/*.jpg``: the sets of pictures of the
training speakers dealt out anew, so that a face tells nothing of the voice; those of the test speakers stay.
"""

import argparse
import shutil
from pathlib import Path

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import numpy as np

    from speechbrain_cadino.corpus.listing import read_file_list
    from speechbrain_cadino.demo.faces import make_demo_faces
    from speechbrain_cadino.utils.errors import one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_folder


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("hparams")
    parser.add_argument("--demo_folder", type=Path, required=True, help="of `make_demo_corpus`")
    parser.add_argument("--seed", type=int, required=True, help="of what is dealt to whom")
    parser.add_argument("--output_folder", type=Path, required=True)
    options, _ = parser.parse_known_args(arguments)  # the others are train.py's
    faces = make_demo_faces(options.demo_folder)
    training = {Path(name).parent for name in read_file_list(options.demo_folder / "train_files.txt", faces)}
    with atomic_folder(options.output_folder / "chance", lambda name: True) as folder:
        for to, of in deal(sorted(path.relative_to(faces) for path in faces.glob("*/*/")), training, options.seed):
            shutil.copytree(faces / of, folder / to)
    print(f"The faces are in {faces}, those of chance in {options.output_folder / 'chance'}.")


def deal(sessions, training, seed):
    """Pairs of sessions: each, and the one whose pictures it gets; those of training change among themselves."""
    changing = [session for session in sessions if session in training]
    order = np.random.default_rng(seed).permutation(len(changing))
    dealt = {session: changing[place] for session, place in zip(changing, order)}
    return [(session, dealt.get(session, session)) for session in sessions]


if __name__ == "__main__":
    with one_sentence_errors():
        main()
