#!/usr/bin/env python3
"""What PLDA on pseudo-labels is worth: error rates beside the cosine's, and clusters made again, on development lists.

    python benchmarks/plda.py results/dino results/dlg_lc/1986/iteration_2

Each folder is that of a run, or of an iteration of stage II, with a development list in the settings. The labels are
labels.csv's, where there are any, else clusters of the embeddings. Labels of the list serve for the table alone, as do
speakers, if the corpus has them (first folder of an ID with --speakers).
"""

import argparse
from pathlib import Path

import numpy as np
from threshold import finished_run

from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.clusters.clustering import Clustering
from speechbrain_cadino.clusters.mutual_information import adjusted_mutual_information
from speechbrain_cadino.clusters.rounds import SHRINKAGE
from speechbrain_cadino.clusters.table import read_label_table
from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.corpus.trials import read_trials, utterance_paths
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.utils.errors import one_sentence_errors
from speechbrain_cadino.verification.evaluation import files_manifest
from speechbrain_cadino.verification.plda_fit import fit_plda
from speechbrain_cadino.verification.report import format_table, metrics_row
from speechbrain_cadino.verification.scoring import score_trials

N_FINE = 900  # of the clusters


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="output folders of train.py")
    parser.add_argument("--speakers", action="store_true", help="the first folder of an ID is its speaker")
    parser.add_argument("--keep", type=Path, help="folder in which embeddings are kept and found again")
    args = parser.parse_args(argv)
    rows = []
    for number, run in enumerate(map(Path, args.runs)):
        train, ids, test, trials = embedded(run, args.keep and args.keep / str(number))
        speakers = [name.split("/")[0] for name in ids] if args.speakers else None
        rows += rows_of(str(run), train, labels_of(run, ids), test, trials, speakers)
    print(format_table(rows, formats={}))


def embedded(run, folder):
    """Embeddings of the training utterances, their IDs, those of the trials, and the trials."""
    whole, hparams = finished_run(run)
    net, _ = load_encoder(run / "encoder")
    manifest = read_manifest(whole / "corpus/train.csv", hparams["data_folder"])
    trials = read_trials(hparams["development_trials"])
    test = files_manifest(trials.utterances, utterance_paths(trials, hparams["development_folder"]))
    train, ids = extract_embeddings(net, manifest, folder and folder / "train")
    return train, ids, extract_embeddings(net, test, folder and folder / "trials", strict=True)[0], trials


def labels_of(run, ids):
    """Of an iteration's table, -1 for none; None: there is no table."""
    path = run / "labels.csv"
    return read_label_table(path).for_manifest(ids)[0] if path.is_file() else None


def rows_of(name, train, labels, test, trials, speakers=None):
    """A row for the cosine, one for each PLDA, with the agreement of labels and speakers where these are known."""

    def agreement(found):
        known = found >= 0
        return f"{adjusted_mutual_information(found[known], speakers[known]):.3f}" if speakers is not None else ""

    def cluster(x):
        clustering = Clustering(AUTO, n_fine=min(N_FINE, len(x) - 1), size_power=0.5)
        return clustering((x - x.mean(axis=0)).astype(np.float32))[0]

    if speakers is not None:
        speakers = np.unique(speakers, return_inverse=True)[1]
    clusters = cluster(train)
    rows = [row(name, "cosine", "", score_trials(test, trials, train.mean(axis=0)), trials, "")]
    for kind, found in {"clusters": clusters, "labels.csv": labels, "true": speakers}.items():
        if found is None:
            continue
        plda = fit_plda(train, found)
        scores = score_trials(test, trials, plda=plda)
        again = agreement(cluster(fit_plda(train, found, shrinkage=SHRINKAGE).latent(train)))
        rows.append(row(name, f"PLDA on {kind}", agreement(found), scores, trials, again))
        rows.append(row(name, "cosine in its axes", "", score_trials(plda.latent(test), trials), trials, ""))
    return rows


def row(name, how, labels_ami, scores, trials, again):
    """A line of the table."""
    metrics = {key: f"{value:.2f}" for key, value in metrics_row(scores, trials.labels).items()}
    return {"run": name, "scores": how, **metrics, "AMI of the labels": labels_ami, "of clusters in its axes": again}


if __name__ == "__main__":
    with one_sentence_errors():
        main()
