"""``verify``: trial lists -> scores, decisions and error rates."""

from __future__ import annotations

import click

from speechbrain_cadino.commands.options import OverZero, WithLists, check_unused, device_option, example
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.imports import stoppable_imports


@click.command(
    "verify",
    cls=WithLists,
    short_help="trial lists to scores and decisions",
    epilog=example(
        "speechbrain-cadino verify --encoder encoder --data_folder wav --trials trials.txt",
        "speechbrain-cadino verify --encoder encoder --data_folder wav --trials t.txt --models m.txt --cohort train",
    ),
)
@click.option("--encoder", required=True, help="folder that training exported")
@click.option("--data_folder", required=True, help="folder that the lists' names start from")
@click.option("--trials", multiple=True, required=True, help="one or more lists: 'label enrol test' or 'enrol test'")
@click.option("--models", help="list of 'model file': the trials' enrolment sides name models of several files")
@click.option("--mean", help="folder, CSV or file list: subtract the mean embedding of these utterances too")
@click.option("--cohort", help="folder, CSV or file list for AS-norm; the trials' own utterances are left out of it")
@click.option("--cohort_folder", help="where --mean, --cohort and --plda start from  [default: --data_folder]")
@click.option("--top_n", type=click.IntRange(min=2), default=300, show_default=True, help="cohort scores for AS-norm")
@click.option("--plda", help="folder, CSV or file list: score by PLDA fitted on these; the trials' own are left out")
@click.option("--plda_labels", help="label table of --plda, such as labels.csv  [default: clusters are made]")
@click.option("--threshold", type=float, help="cosine from which a trial is accepted  [default: the encoder's]")
@click.option("--face_encoder", help="folder that training exported, to score by faces as well")
@click.option("--face_folder", help="the faces of the lists' recordings: id/video/*.jpg of id/video/a.wav")
@click.option("--face_pattern", help="what of a name is its face's; docs/data.md")
@click.option("--face_weight", type=float, default=1.0, show_default=True, help="in both together; the voice's is 1")
@click.option("--output_folder", "-o", default="results/verify", show_default=True, help="where all is written")
@click.option("--batch_seconds", type=OverZero(), default=200.0, show_default=True, help="audio in a batch")
@device_option
def command(**options) -> None:
    """Score trial lists with a trained encoder, and decide by its threshold.

    Names that have blanks stand in double quotes, or tabs part the fields. The output folder gets scores_LIST.txt
    (cosines), scores_LIST_as_norm.txt with a cohort, scores_LIST_plda.txt with --plda, decisions_LIST.csv, metrics.md,
    and the embeddings, which a second run finds again.
    """
    if bool(options["face_encoder"]) != bool(options["face_folder"]):
        raise UserError("Of --face_encoder and --face_folder one alone does nothing: give both.")
    if not options["face_encoder"]:
        check_unused(("face_pattern", "face_weight"), "without --face_encoder")
    if not options["cohort"]:
        check_unused(["top_n"], "without --cohort")
    if not (options["cohort"] or options["mean"] or options["plda"]):
        check_unused(["cohort_folder"], "without --cohort, --mean or --plda")
    if options["plda_labels"] and not options["plda"]:
        raise UserError("--plda_labels are the labels of --plda, which is not given: give both.")
    for other in ("mean", "face_encoder"):
        if options["plda"] and options[other]:
            raise UserError(f"--plda and --{other} do not go together: leave one of them out.")
    if options["plda"] and options["models"] and options["cohort"]:
        raise UserError("PLDA scores models of several files without a cohort: leave --cohort, --models or --plda out.")
    if not 0 < options["face_weight"] < float("inf"):
        raise UserError(f"--face_weight is {options['face_weight']}: set a number over 0, such as 1.")
    if options["face_encoder"] and options["models"]:
        raise UserError("--models is for voices alone: leave it or --face_encoder out.")
    if options["face_encoder"] and options["threshold"] is not None:
        raise UserError("--threshold is for voices alone, nothing is decided by faces: leave it or --face_encoder out.")
    with stoppable_imports():
        from speechbrain_cadino.corpus.layout import SESSION_PATTERN
        from speechbrain_cadino.encoder.load import load_encoder
        from speechbrain_cadino.faces.load import load_face_encoder
        from speechbrain_cadino.training.plda import plda_of_utterances
        from speechbrain_cadino.training.run_files import PARTS
        from speechbrain_cadino.utils.locks import hold_folder
        from speechbrain_cadino.utils.places import check_output
        from speechbrain_cadino.verification.decisions import Decider
        from speechbrain_cadino.verification.lists import ListVerifier
    folders = {f"--{name}": options[name] for name in ("data_folder", "cohort_folder")}
    faces, output, face_net = {"--face_folder": options["face_folder"]}, options["output_folder"], None
    check_output(output, "--output_folder", read=faces, named=folders, parts=PARTS)
    net, metadata = load_encoder(options["encoder"], options["device"])
    if options["face_encoder"]:
        face_net = load_face_encoder(options["face_encoder"], options["device"])[0]
    decider = Decider.of(metadata, options["threshold"])
    given = {name: options[name] for name in ("trials", "data_folder", "models", "batch_seconds")}
    verifier = ListVerifier(output_folder=output, **given)
    with hold_folder(output):
        if face_net is None:
            verifier.check_files()
        scoring = verifier.scoring(net, *(options[name] for name in ("mean", "cohort", "cohort_folder", "top_n")))
        if options["plda"]:
            training = verifier.others(options["plda"], options["cohort_folder"])
            scoring["plda"] = plda_of_utterances(net, training, options["plda_labels"], **verifier.kept("plda"))
        if face_net is None:
            rows = verifier.by_voice(net, scoring, decider)
        else:
            how = options["face_pattern"] or SESSION_PATTERN, options["face_weight"]
            rows = verifier.by_voice_and_face(net, face_net, scoring, options["face_folder"], *how)
        print(verifier.write_table(rows))
    for sentence in _doubts(options, decider):
        print(sentence)
    print(f"Scores and embeddings are in {output}.")


def _doubts(options, decider):
    if options["face_encoder"]:
        return
    if decider.threshold is None:
        yield "Nothing is accepted or rejected, since the encoder has no threshold: give --threshold."
    of_encoder = ["threshold"] if options["threshold"] is None and decider.threshold is not None else []
    of_encoder += ["log-odds"] if decider.calibration is not None else []
    what, advice = " and ".join(of_encoder), ": set --threshold by trials of your own" * ("threshold" in of_encoder)
    those = "is that" if of_encoder == ["threshold"] else "are those"
    if options["models"] and of_encoder:
        yield (
            f"The encoder's {what} {those} of two files; models of several files score higher, so false acceptances "
            f"are more{advice}."
        )
    if options["mean"] and of_encoder:
        yield f"The encoder's {what} {those.split()[0]} for scores without --mean{advice}."
