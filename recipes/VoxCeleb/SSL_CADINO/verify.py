#!/usr/bin/env python3
"""Score trial lists with a trained encoder and print its error rates.

    python verify.py --encoder results/encoder --data_folder /data/voxceleb1/wav --trials veri_test2.txt

A list has lines of ``label enrol test``, label 1 for one speaker; names start from --data_folder; wav, flac, ogg, opus.
Scores are cosines of embeddings of whole utterances. The encoder subtracts the mean of its training embeddings itself;
--mean subtracts another one on top. With --cohort, scores are normalised (AS-norm). The output folder gets
``scores_LIST.txt`` (``label enrol test score``), ``metrics.md`` and the embeddings, which a second run finds again.

    python verify.py ... --face_encoder results/face_encoder --face_folder /data/voxceleb1/faces

scores by the voice, by the face, and by both together, or by the one that a trial has (``scores_LIST_voice.txt``,
``scores_LIST_face.txt``, ``scores_LIST_together.txt``); the cohort counts for the voice.
"""

import argparse
import logging
from pathlib import Path

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    from speechbrain_cadino.corpus.held_out import drop_held_out
    from speechbrain_cadino.corpus.layout import SESSION_PATTERN
    from speechbrain_cadino.corpus.listing import read_file_list
    from speechbrain_cadino.corpus.manifest import read_manifest
    from speechbrain_cadino.corpus.rows import fit_to_files
    from speechbrain_cadino.corpus.trials import read_trials
    from speechbrain_cadino.encoder.extract import extract_embeddings
    from speechbrain_cadino.inference import FaceEncoder, SpeakerEncoder
    from speechbrain_cadino.training.run_files import PARTS
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_path
    from speechbrain_cadino.utils.locks import hold_folder
    from speechbrain_cadino.utils.places import check_output
    from speechbrain_cadino.verification.evaluation import evaluate, files_manifest
    from speechbrain_cadino.verification.report import format_table, write_scores
    from speechbrain_cadino.verification.sides import face_side, fused, voice_side, with_scores


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", required=True, help="folder that training exported")
    parser.add_argument("--data_folder", required=True, help="folder that the lists' names start from")
    parser.add_argument("--trials", required=True, nargs="+", help="one or more trial lists")
    parser.add_argument("--mean", help="CSV or file list: subtract the mean embedding of these utterances too")
    parser.add_argument("--cohort", help="CSV or file list for AS-norm; the trials' own utterances are left out of it")
    parser.add_argument("--cohort_folder", help="folder that --mean and --cohort start from; default: --data_folder")
    parser.add_argument("--top_n", type=int, default=300, help="cohort scores for AS-norm (default: %(default)s)")
    parser.add_argument("--face_encoder", help="folder that training exported, to score by faces as well")
    parser.add_argument("--face_folder", help="the faces of the lists' recordings: id/video/*.jpg of id/video/a.wav")
    parser.add_argument("--face_pattern", default=SESSION_PATTERN, help="what of a name is its face's; docs/data.md")
    parser.add_argument("--face_weight", type=float, default=1.0, help="in both together; the voice's is 1")
    parser.add_argument("--output_folder", default="results/verify", help="default: %(default)s")
    parser.add_argument("--batch_seconds", type=float, default=200.0, help="audio in a batch (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 (default: %(default)s)")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_arguments(argv)
    folders = {"--data_folder": args.data_folder, "--cohort_folder": args.cohort_folder}
    if bool(args.face_encoder) != bool(args.face_folder):
        raise UserError("Of --face_encoder and --face_folder one alone does nothing: give both.")
    if not 0 < args.face_weight < float("inf"):
        raise UserError(f"--face_weight is {args.face_weight}: set a number over 0, such as 1.")
    faces = {"--face_folder": args.face_folder}
    check_output(args.output_folder, "--output_folder", read=faces, named=folders, parts=PARTS)
    net = SpeakerEncoder.from_folder(args.encoder, device=args.device).net
    face_net = args.face_encoder and FaceEncoder.from_folder(args.face_encoder, device=args.device).net
    lists = [read_trials(path) for path in args.trials]
    with hold_folder(args.output_folder):
        verify(args, net, face_net, lists, Path(args.output_folder))


def verify(args, net, face_net, lists, output):
    """Embed, score, and write it all into the output folder."""

    def embed(utterances, name):
        folder = output / "embeddings" / name
        return extract_embeddings(net, utterances, folder, batch_seconds=args.batch_seconds)[0]

    root = args.cohort_folder or args.data_folder
    mean = embed(read_utterances(args.mean, root), "mean").mean(axis=0) if args.mean else None
    cohort = embed(read_utterances(args.cohort, root, args.trials, args.data_folder), "cohort") if args.cohort else None
    scoring = dict(mean=mean, cohort=cohort, top_n=args.top_n)
    extraction = dict(folder=output / "embeddings" / "trials", batch_seconds=args.batch_seconds)
    rows, names = [], score_names(args.trials)
    if face_net:
        kept = output / "embeddings" / "faces"
        faces = face_side(face_net, lists, args.data_folder, args.face_folder, output, args.face_pattern, folder=kept)
        sides = {"voice": voice_side(net, lists, args.data_folder, scoring, **extraction), "face": faces}
        scored = fused(sides, lists, {"face": args.face_weight})
        for path, name, trials, (scores, metrics) in zip(args.trials, names, lists, scored):
            for side, own in scores.items():
                write_scores(output / f"{name}_{side}.txt", *with_scores(trials, own))
            rows += [{"list": Path(path).stem, **row} for row in metrics]
    else:
        evaluations = evaluate(net, lists, args.data_folder, **scoring, **extraction)
        for path, name, trials, evaluation in zip(args.trials, names, lists, evaluations):
            write_scores(output / f"{name}.txt", trials, evaluation.scores)
            rows.append({"list": Path(path).stem, "trials": len(trials.labels), **evaluation.metrics})
    table = format_table(rows)
    with atomic_path(output / "metrics.md") as temporary:
        temporary.write_text(table + "\n", encoding="utf-8")
    print(f"{table}\nScores and embeddings are in {output}.")


def score_names(paths):
    """What the score file of each list is called, without suffix."""
    stems = [Path(path).stem for path in paths]
    return [f"scores_{stem if stems.count(stem) == 1 else f'{number}_{stem}'}" for number, stem in enumerate(stems, 1)]


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
