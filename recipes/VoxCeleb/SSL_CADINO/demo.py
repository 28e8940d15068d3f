#!/usr/bin/env python3
"""The whole recipe on a small machine: make the demo corpus, train every stage on it, verify, and print a table.

> python demo.py --output_folder demo_output

Each stage is the command that a user would give; a second call goes on where the first was stopped.
"""

import argparse
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import numpy as np

    from speechbrain_cadino.corpus.audio import read_audio
    from speechbrain_cadino.corpus.manifest import read_manifest
    from speechbrain_cadino.corpus.trials import read_trials, utterance_paths
    from speechbrain_cadino.demo.corpus import make_demo_corpus
    from speechbrain_cadino.training.development import DevelopmentList
    from speechbrain_cadino.utils.children import run_child
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.utils.places import check_output
    from speechbrain_cadino.utils.settings.command_line import parse_arguments as parse_settings
    from speechbrain_cadino.utils.settings.load import load_settings
    from speechbrain_cadino.utils.signals import STOPPED
    from speechbrain_cadino.verification import score_files
    from speechbrain_cadino.verification.det import write_det
    from speechbrain_cadino.verification.mfcc import mfcc_statistics, standardise
    from speechbrain_cadino.verification.report import format_table, metrics_row
    from speechbrain_cadino.verification.scoring import score_trials


RECIPE = Path(__file__).resolve().parent
# The demo's settings were picked on the corpus of seed 0; seeds 1 to 3 are kept for comparisons.
CORPUS_SEED = 10
ALL = "1000000"  # checkpoints to keep


def main(arguments=None):
    args = parse_arguments(arguments)
    check_output(args.output_folder, "--output_folder")
    Demo(args.output_folder.resolve(), args.options).run(args.corpus_seed)


class Demo:
    """The stages one after another, the scores of each system, and how long each took."""

    def __init__(self, output, options):
        self.output, self.options = output, options
        self.scores, self.seconds = {}, {}

    def run(self, corpus_seed):
        self.make_corpus(corpus_seed)
        dino, ca_dino, dlg_lc = self.train_without_labels()
        self.train("supervised", "finetune", "--label_fraction", "1.0")
        iterations = sorted(dlg_lc.glob("iteration_*"))
        with self.timed("verification"):
            self.measure_untrained(dino)
            self.verify("DINO", dino)
            self.verify("CA-DINO", ca_dino)
            for number, folder in enumerate(iterations, 1):
                self.verify(f"DLG-LC, iteration {number}", folder)
            self.verify("supervised", self.output / "finetune")
        self.report(iterations[-1] / "encoder")

    def make_corpus(self, seed):
        """The corpus' folder."""
        with self.timed("corpus"):
            corpus = make_demo_corpus(self.output / "corpus", seed=seed)
        self.wav, self.trials = corpus / "wav", corpus / "trials.txt"
        self.corpus = ["--demo_folder", str(corpus)]
        return corpus

    def train_without_labels(self):
        """The stages of the voice, one on top of the other: their output folders."""
        dino, ca_dino, dlg_lc = (self.output / name for name in ("dino", "ca_dino", "dlg_lc"))
        self.train("DINO", "dino", "--keep_checkpoints", ALL)
        self.train("CA-DINO", "ca_dino", "--start_from", dino)
        self.train("DLG-LC", "dlg_lc", "--init", ca_dino / "encoder")
        return dino, ca_dino, dlg_lc

    @contextmanager
    def timed(self, stage):
        start = time.monotonic()
        yield
        self.seconds[stage] = time.monotonic() - start

    def train(self, stage, name, *settings):
        """One call of train.py, its output in the folder ``name``."""
        folder = ["--output_folder", str(self.output / name)]
        with self.timed(stage):
            self.script(
                "train.py", f"hparams/demo/{name}.yaml", *self.corpus, *folder, *map(str, settings), *self.options
            )  # fmt: skip

    def verify(self, system, folder):
        """The scores of a training's encoder, by verify.py."""
        output = self.score(folder, folder.name)
        self.scores[system] = read_scores(output / "scores_trials.txt")

    def score(self, folder, name, *arguments):
        """Run verify.py with a training's encoder; its output folder."""
        output = self.output / "verify" / name
        self.script(
            "verify.py", "--encoder", str(folder / "encoder"), "--data_folder", str(self.wav),
            "--trials", str(self.trials), "--output_folder", str(output), *map(str, arguments),
        )  # fmt: skip
        return output

    def measure_untrained(self, dino):
        """What needs no training: statistics of MFCCs, and the encoder as training finds it."""
        manifest, trials = read_manifest(dino / "corpus" / "train.csv", self.wav), read_trials(self.trials)
        training = mfcc_statistics(read_audio(path) for path in manifest.wavs)
        test = mfcc_statistics(read_audio(path) for path in utterance_paths(trials, self.wav))
        self.scores["MFCC statistics"] = score_trials(standardise(test, training), trials), trials.labels
        hparams_file, _, options = parse_settings(
            [str(RECIPE / "hparams/demo/dino.yaml"), *self.corpus, "--output_folder", str(dino), *self.options]
        )
        encoder = load_settings(hparams_file, options)["encoder"].eval()
        scores = DevelopmentList(self.trials, self.wav, manifest).evaluation(encoder).scores
        self.scores["untrained encoder"] = scores, trials.labels

    def report(self, encoder):
        rows = [{"system": system, **metrics_row(*scores)} for system, scores in self.scores.items()]
        print(f"\n{format_table(rows)}\n\nTime: " + ", ".join(f"{name} {s:.0f} s" for name, s in self.seconds.items()))
        write_det(self.scores, self.output / "det.png")
        print(f"DET curves are in {self.output / 'det.png'}.\nThe trained encoder is in {encoder}.")

    def script(self, script, *arguments):
        """A script of the recipe, in its folder."""
        status = run_child([sys.executable, script, *arguments], cwd=RECIPE)
        if status in STOPPED:
            sys.exit(status)  # it has said where
        if status:
            raise UserError(f"{script} has stopped (see above): give the same command again to go on.")


def read_scores(path):
    """Scores and labels of a file of verify.py."""
    found = score_files.read_scores(path)
    return found.scores[score_files.SCORE].astype(np.float32), found.labels


def parse_arguments(arguments, description=__doc__):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_folder", type=Path, default=Path("demo_output"))
    parser.add_argument("--corpus_seed", type=int, default=CORPUS_SEED, help="of the corpus (default: %(default)s)")
    parser.add_argument("options", nargs="*", help="options of train.py: --name value, after a --")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    with one_sentence_errors():
        main()
