#!/usr/bin/env python3
"""Score trial lists with a trained encoder and print its error rates.

    python verify.py --encoder results/encoder --data_folder /data/voxceleb1/wav --trials veri_test2.txt

A list has lines of ``label enrol test``, label 1 for one speaker; names start from --data_folder; wav, flac, ogg, opus.
Scores are cosines of embeddings of whole utterances. The encoder subtracts the mean of its training embeddings itself;
--mean subtracts another one on top. With --cohort, scores are normalised (AS-norm). The output folder gets
``scores_LIST.txt`` (``label enrol test score``), ``metrics.md`` and the embeddings, which a second run finds again.
"""

import argparse
import logging
from pathlib import Path

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from speechbrain_cadino.corpus.held_out import drop_held_out
    from speechbrain_cadino.corpus.listing import read_file_list
    from speechbrain_cadino.corpus.manifest import read_manifest
    from speechbrain_cadino.corpus.rows import fit_to_files
    from speechbrain_cadino.corpus.trials import read_trials
    from speechbrain_cadino.encoder.extract import extract_embeddings
    from speechbrain_cadino.inference import SpeakerEncoder
    from speechbrain_cadino.training.run_files import PARTS
    from speechbrain_cadino.utils.errors import one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_path
    from speechbrain_cadino.utils.locks import hold_folder
    from speechbrain_cadino.utils.places import check_output
    from speechbrain_cadino.verification.evaluation import evaluate, files_manifest
    from speechbrain_cadino.verification.report import format_table, write_scores


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", required=True, help="folder that training exported")
    parser.add_argument("--data_folder", required=True, help="folder that the lists' names start from")
    parser.add_argument("--trials", required=True, nargs="+", help="one or more trial lists")
    parser.add_argument("--mean", help="CSV or file list: subtract the mean embedding of these utterances too")
    parser.add_argument("--cohort", help="CSV or file list for AS-norm; the trials' own utterances are left out of it")
    parser.add_argument("--cohort_folder", help="folder that --mean and --cohort start from; default: --data_folder")
    parser.add_argument("--top_n", type=int, default=300, help="cohort scores for AS-norm (default: %(default)s)")
    parser.add_argument("--output_folder", default="results/verify", help="default: %(default)s")
    parser.add_argument("--batch_seconds", type=float, default=200.0, help="audio in a batch (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 (default: %(default)s)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_arguments(argv)
    folders = {"--data_folder": args.data_folder, "--cohort_folder": args.cohort_folder}
    check_output(args.output_folder, "--output_folder", named=folders, parts=PARTS)
    net = SpeakerEncoder.from_folder(args.encoder, device=args.device).net
    lists = [read_trials(path) for path in args.trials]
    with hold_folder(args.output_folder):
        verify(args, net, lists, Path(args.output_folder))


def verify(args, net, lists, output):
    """Embed, score, and write it all into the output folder."""

    def embed(utterances, name):
        folder = output / "embeddings" / name
        return extract_embeddings(net, utterances, folder, batch_seconds=args.batch_seconds)[0]

    root = args.cohort_folder or args.data_folder
    mean = embed(read_utterances(args.mean, root), "mean").mean(axis=0) if args.mean else None
    cohort = embed(read_utterances(args.cohort, root, args.trials, args.data_folder), "cohort") if args.cohort else None
    evaluations = evaluate(
        net,
        lists,
        args.data_folder,
        mean,
        cohort,
        args.top_n,
        folder=output / "embeddings" / "trials",
        batch_seconds=args.batch_seconds,
    )
    rows = []
    for number, (path, trials, evaluation) in enumerate(zip(args.trials, lists, evaluations), 1):
        name = Path(path).stem
        unique = sum(Path(other).stem == name for other in args.trials) == 1
        write_scores(output / f"scores_{name if unique else f'{number}_{name}'}.txt", trials, evaluation.scores)
        rows.append({"list": name, "trials": len(trials.labels), **evaluation.metrics})
    table = format_table(rows)
    with atomic_path(output / "metrics.md") as temporary:
        temporary.write_text(table + "\n", encoding="utf-8")
    print(f"{table}\nScores and embeddings are in {output}.")


def read_utterances(path, folder, trials=(), trials_folder=None):
    """The manifest of a CSV or a file list, without the utterances of trial lists."""
    if Path(path).suffix.lower() == ".csv":
        manifest, rejected = fit_to_files(read_manifest(path, data_root=folder), path, folder)
        for name, reason in rejected[:1]:
            print(f"{len(rejected)} rows or files of {path} are not as it says, the first: {name} {reason}.")
    else:
        names = read_file_list(path, folder)
        manifest = files_manifest(names, [Path(folder, name) for name in names])
    if not trials:
        return manifest
    manifest, out = drop_held_out(manifest, path, trials, folder, [trials_folder])
    print(f"{int(out.mask.sum())} files of {path} are left out, since the trials name them.")
    for sentence in out.sentences():
        print(sentence)
    return manifest


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with one_sentence_errors():
        main()
