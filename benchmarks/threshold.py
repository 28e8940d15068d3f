#!/usr/bin/env python3
"""How right the decisions of trained encoders are: the threshold of random pairs and that of clusters, on trial lists.

    python benchmarks/threshold.py results/dino results/calls

Each folder is that of a run, or of an iteration of stage II, with a development list in the settings, whose labels
serve for the table alone.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from hyperpyyaml import load_hyperpyyaml
from ruamel.yaml.error import YAMLError
from sklearn.isotonic import IsotonicRegression

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.corpus.trials import read_trials, utterance_paths
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.training.clustered import ready_to_cluster
from speechbrain_cadino.training.decision import decide, decide_by_random_pairs
from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
from speechbrain_cadino.utils.settings.faults import FAULTS, fault_line
from speechbrain_cadino.verification.evaluation import files_manifest
from speechbrain_cadino.verification.metrics import cllr, eer, min_dcf
from speechbrain_cadino.verification.report import format_table
from speechbrain_cadino.verification.scoring import score_trials

P_TARGET = 0.05


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="output folders of train.py")
    parser.add_argument("--false_acceptance", type=float, default=0.01, help="wanted (default: %(default)s)")
    args = parser.parse_args(argv)
    if not 0 < args.false_acceptance < 1:
        raise UserError(f"--false_acceptance is {args.false_acceptance}: give a rate between 0 and 1, such as 0.01.")
    rows = []
    for run in args.runs:
        rows += rows_of(Path(run), args.false_acceptance)
    print(format_table(rows, formats={}))


def rows_of(run, wanted):
    """Three rows of the table: random pairs, clusters, and what the list's own labels would give."""
    whole, hparams = finished_run(run)
    net, metadata = load_encoder(run / "encoder")
    manifest = read_manifest(whole / "corpus/train.csv", hparams["data_folder"])
    embeddings, _ = extract_embeddings(net, manifest, strict=True, progress=False)
    mean, seed = embeddings.mean(axis=0), hparams["seed"]
    compensate = not (metadata.get("info") or {}).get("last_layer_refit", hparams.get("last_layer_refit") is not None)
    clustered = ready_to_cluster(net, manifest, hparams["augment"], hparams["augmenter"], compensate, seed)
    old = decide_by_random_pairs(embeddings, manifest, mean, wanted, seed)
    new = decide(net, mean, clustered, wanted, seed)
    if old.threshold is None or new.calibration is None:
        raise UserError(f"{run} gives no threshold of random pairs, or no probabilities: there are no rows of it.")
    print(new)
    trials = read_trials(hparams["development_trials"])
    test = files_manifest(trials.utterances, utterance_paths(trials, hparams["development_folder"]))
    scores = score_trials(extract_embeddings(net, test, strict=True, progress=False)[0], trials, mean)
    seconds = test.durations[trials.enrol], test.durations[trials.test]
    log_odds = new.calibration.log_odds(scores, *seconds)
    name, labels = str(run), trials.labels
    bayes = np.where(log_odds >= -np.log(P_TARGET / (1 - P_TARGET)), 1.0, 0.0)
    best = np.quantile(scores[~labels], 1 - wanted)
    return [
        row(name, "random pairs", scores, labels, old.threshold, scores, scores >= old.threshold),
        row(name, "clusters", scores, labels, new.threshold, log_odds, bayes),
        row(name, "the list's labels", scores, labels, best, isotonic(scores, labels), None),
    ]


def finished_run(run):
    """The output folder of a finished run, or of the one that an iteration's folder is of, and its settings."""
    whole = run if (run / "hyperparams.yaml").is_file() else run.parent  # that of an iteration
    for path in (whole / "hyperparams.yaml", whole / "corpus/train.csv", run / "encoder"):
        if not path.exists():
            raise UserError(f"There is no {path}: give the output folder of a finished run of train.py.")
    return whole, settings_of(whole)


def settings_of(run):
    """The settings of a run, built; a `UserError` if it is none, or has no development list."""
    path = run / "hyperparams.yaml"
    try:
        with tempfile.TemporaryDirectory() as folder, open(path, encoding="utf-8") as file:
            hparams = load_hyperpyyaml(file, overrides={"output_folder": folder})
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give the output folder of a run.") from error
    except (*FAULTS, YAMLError) as error:
        raise UserError(f"{path} cannot be used ({fault_line(error)}): give the output folder of a run.") from error
    names = ("data_folder", "seed", "augment", "augmenter", "development_trials", "development_folder")
    missing = [name for name in names if name not in hparams]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: give the output folder of a run.")
    if not hparams["development_trials"]:
        raise UserError(f"The run {run} has no development_trials, which the table is of: give a run that has.")
    return hparams


def row(name, how, scores, labels, threshold, log_odds, accepted):
    """Error rates at a threshold, the cost of decisions (or the least), and Cllr."""
    if accepted is None:
        dcf = min_dcf(scores[labels], scores[~labels], P_TARGET)[0]
    else:
        miss, false = 1 - np.mean(accepted[labels]), np.mean(accepted[~labels])
        dcf = miss + false * (1 - P_TARGET) / P_TARGET
    return {
        "run": name,
        "EER %": f"{100 * eer(scores[labels], scores[~labels])[0]:.1f}",
        "from": how,
        "threshold": f"{threshold:.3f}",
        "accepted false %": f"{100 * np.mean(scores[~labels] >= threshold):.2f}",
        "rejected true %": f"{100 * np.mean(scores[labels] < threshold):.1f}",
        f"DCF({P_TARGET})": f"{dcf:.3f}",
        "Cllr": f"{cllr(log_odds[labels], log_odds[~labels]):.3f}",
    }


def isotonic(scores, labels):
    """The best log-odds that rise with the score (pool adjacent violators)."""
    weights = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    odds = IsotonicRegression(y_min=1e-9, y_max=1 - 1e-9, out_of_bounds="clip")
    found = odds.fit_transform(scores.astype(np.float64), labels.astype(np.float64), sample_weight=weights)
    return np.log(found / (1 - found))


if __name__ == "__main__":
    with one_sentence_errors():
        main()
