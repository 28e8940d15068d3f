#!/usr/bin/env python3
"""Label tables of the demo corpus's true speakers of which a known fraction is wrong, for sweeps over stage II.

> python benchmarks/noisy_labels.py CORPUS OUTPUT --fractions 0 0.2 0.4 0.6 --seeds 1 2 3

CORPUS is a folder of `make_demo_corpus`. OUTPUT gets ``random_SHARE/labels_SEED.txt`` and, with --structured,
``structured_SHARE/labels_SEED.txt``, lines of ``utterance label``, as `dlg_lc.yaml` takes them (``labels``).
"""

import argparse
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.corpus.scan import read_file_list
from speechbrain_cadino.utils.files import atomic_path
from speechbrain_cadino.verification.mfcc import N_MFCC, mfcc_statistics


def random_noise(labels, fraction, rng):
    """Give a fraction of the items another label, each other one being as likely as the next.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, from 0.
    fraction : float
    rng : np.random.Generator

    Returns
    -------
    np.ndarray
        (n,) int64; ``round(fraction n)`` of them changed.
    """
    labels, classes = labels.copy(), int(labels.max()) + 1
    wrong = rng.permutation(len(labels))[: round(fraction * len(labels))]
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return labels


def structured_noise(speakers, sessions, spectra, fraction, rng):
    """Err as clustering does: of a fraction of the sessions half get a class of their own, half a stranger's class.

    Arguments
    ---------
    speakers, sessions : np.ndarray
        (n,) int64, from 0; a session belongs to one speaker.
    spectra : np.ndarray
        (sessions, dim): what the channel of each sounds like. The stranger is the one with the nearest session.
    fraction : float
    rng : np.random.Generator

    Returns
    -------
    np.ndarray
        (n,) int64
    """
    owner = np.zeros(len(spectra), dtype=np.int64)
    owner[sessions] = speakers
    distances = np.linalg.norm(spectra[:, None] - spectra[None], axis=2)
    distances[owner[:, None] == owner[None]] = np.inf
    drawn = rng.permutation(len(spectra))[: round(fraction * len(spectra))]
    split, merged = np.array_split(drawn, 2)
    label = owner.copy()
    label[split] = owner.max() + 1 + np.arange(len(split))
    label[merged] = owner[distances[merged].argmin(axis=1)]
    return label[sessions]


def main(arguments=None):
    args = parse(arguments)
    names = sorted(read_file_list(args.corpus / "train_files.txt"))
    speakers = np.unique([name.split("/")[0] for name in names], return_inverse=True)[1]
    sessions = np.unique([name.rsplit("/", 1)[0] for name in names], return_inverse=True)[1]
    makers = {"random": lambda fraction, rng: random_noise(speakers, fraction, rng)}
    if args.structured:
        spectra = session_spectra([args.corpus / "wav" / name for name in names], sessions)
        makers["structured"] = lambda fraction, rng: structured_noise(speakers, sessions, spectra, fraction, rng)
    for kind, make in makers.items():
        for fraction in args.fractions:
            for seed in args.seeds:
                labels = make(fraction, np.random.default_rng([seed, round(1000 * fraction)]))
                with atomic_path(args.output / f"{kind}_{fraction:g}" / f"labels_{seed}.txt") as temporary:
                    temporary.write_text("".join(f"{name} {label}\n" for name, label in zip(names, labels)))


def session_spectra(paths, sessions):
    """(sessions, dim) the mean MFCCs of each session, standardised: the channel, as far as an average tells it."""
    statistics = mfcc_statistics(read_audio(path) for path in paths)
    means = np.stack([statistics[sessions == session].mean(axis=0) for session in range(sessions.max() + 1)])
    means = means[:, :N_MFCC]  # the deviations tell the speaker
    return (means - means.mean(axis=0)) / means.std(axis=0)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0, 0.2, 0.4, 0.6])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--structured", action="store_true", help="make those of structured noise too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
