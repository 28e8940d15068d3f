"""What follows training: the mean of the embeddings, a threshold, the encoder folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.manifest import Manifest, some_utterances
from speechbrain_cadino.encoder.export import METADATA, export_encoder
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.publish.card import leave_card
from speechbrain_cadino.training.clustered import MAX_UTTERANCES, Clustered
from speechbrain_cadino.training.decision import decide, decide_by_random_pairs
from speechbrain_cadino.training.for_report import ForReport
from speechbrain_cadino.training.history import History
from speechbrain_cadino.training.kept import BLIND
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.faults import fault_line
from speechbrain_cadino.verification.report import format_table

logger = logging.getLogger(__name__)

TABLE = (
    "epoch", "half_retrieval", "half_rank", "loss", "max_entropy", "entropy_of_mean", "mean_entropy", "entropy_gap",
    "embedding_spread", "gate_threshold", "fraction_kept", "fraction_corrected", "gate_precision", "gate_recall",
    "corrected_accuracy", "EER %", "minDCF(0.01)", "minDCF(0.05)", "seconds",
)  # fmt: skip
LARGE_MARGIN = "large margin"  # a step of stage II, after its iterations
ITERATIONS = (
    "iteration", "step", "clusters", "EER %", "together_EER %", "init EER %", "exported_half_rank",
    "init_half_rank", "ami_speakers", "ami_previous", "wrong_labels", "same_spk_within", "same_spk_across",
    "fraction_kept", "fraction_corrected", "gate_precision", "gate_recall", "corrected_accuracy",
)  # fmt: skip


def export_with_threshold(
    encoder: SpeakerEncoderNet,
    manifest: Manifest,
    folder: str | Path,
    max_utterances: int = MAX_UTTERANCES,
    false_acceptance: float = 0.01,
    seed: int = 0,
    info: dict | None = None,
    clustered: Clustered | None = None,
    left: ForReport | None = None,
) -> Path:
    """Export an encoder with its training mean folded in, and a decision threshold found without labels.

    Utterances that are all of one session give no threshold, with a warning. The folder gets a model card.

    Arguments
    ---------
    encoder : SpeakerEncoderNet
    manifest : Manifest
        The training utterances.
    folder : str or Path
        Where the encoder goes.
    max_utterances : int
        So many, drawn by ``seed``, serve for the mean.
    false_acceptance : float
        Fraction of the pairs of two speakers that the threshold accepts.
    seed : int
    info : dict, optional
        Kept in the folder for people.
    clustered : Clustered, optional
        Of `ready_to_cluster`: what pairs of one and of two speakers are taken from; see `decide`. Without it, or if
        there are no such pairs, the pairs for the threshold are random ones, and there are no probabilities.
    left : ForReport, optional
        Takes in what the decision was made from.

    Returns
    -------
    Path
        The folder.
    """
    manifest = some_utterances(manifest, max_utterances, seed)
    embeddings, ids = extract_embeddings(encoder, manifest)
    used = manifest.subset(np.isin(manifest.ids, np.array(ids, dtype=manifest.ids.dtype)))
    mean, decision = embeddings.mean(axis=0), None
    if clustered is not None:
        try:
            the_same = np.array_equal(clustered.manifest.ids, manifest.ids)  # where the seed is
            embedded = (embeddings, ids) if the_same else None
            decision = decide(encoder, mean, clustered, false_acceptance, seed, embedded, left)
        except Exception as error:  # whatever it is, what was trained for hours is kept
            logger.warning("The threshold is of random pairs, and there are no probabilities: %s", _reason(error))
    if decision is None:
        decision = decide_by_random_pairs(embeddings, used, mean, false_acceptance, seed)
    if left is not None:
        left.calibration = decision.calibration
    calibration = None if decision.calibration is None else decision.calibration.as_dict()
    folder = export_encoder(encoder, folder, mean, decision.threshold, decision.how, info, calibration)
    leave_card(folder)
    return folder


def _reason(error):
    return error if isinstance(error, UserError) else f"{type(error).__name__}: {fault_line(error)}"


def tell_finished(folder: str | Path) -> None:
    """Say again what a finished run has said at its end, out of its folder.

    Arguments
    ---------
    folder : str or Path
        The output folder.
    """
    print(f"The run in {folder} is finished: nothing was done, nothing has changed. At its end it said:")
    try:
        _tell_again(Path(folder))
    except (OSError, ValueError, LookupError, TypeError) as error:  # what is there for people may be gone
        logger.warning("What the run in %s said at its end cannot be read any more (%s).", folder, fault_line(error))


def _tell_again(folder):
    last, iterations = folder, None
    if (folder / "iterations.csv").is_file():
        iterations = History.read_csv(folder / "iterations.csv")
        row = iterations.rows[-1]
        last = folder / ("large_margin" if row["step"] == LARGE_MARGIN else f"iteration_{row['iteration']}")
    tell_training(last)
    if iterations is not None:
        tell_iterations(iterations)


def tell_iterations(history: History) -> None:
    """Print the table of stage II's iterations, and which encoder to keep.

    Arguments
    ---------
    history : History
        A row each; the last one's ``keep`` says it.
    """
    _print_table(history, ITERATIONS)
    keep = history.rows[-1].get("keep") if history.rows else None
    if keep:
        print(f"\nWhich encoder? {keep[0].upper()}{keep[1:]}. But {BLIND}.")


def tell_training(folder: str | Path) -> None:
    """Say how one training went, and where its encoder is, out of its folder: the same at its end and later."""
    folder = Path(folder)
    _print_table(History.read_csv(folder / "epochs.csv"), TABLE)
    metadata = json.loads((folder / "encoder" / METADATA).read_text(encoding="utf-8"))
    info = metadata["info"]
    if "development list" in info:
        print("\nThe encoder to keep, averaged over the last epochs, on the development list:")
        names = {"": "to keep", ", without last_layer_refit": "without last_layer_refit", ", --init": "that of --init"}
        rows = {name: info.get(f"development list{key}") for key, name in names.items()}
        print(format_table([{"encoder": name, **row} for name, row in rows.items() if row]))
    if "did it learn" in info:
        print(f"\n{info['did it learn']}")
    if metadata["threshold"] is not None:
        print(f"\nThe encoder's threshold is {metadata['threshold']:.3f}: {metadata['threshold_from']}.")
    print(
        f"\nThe encoder is in {(folder / 'encoder').resolve()}: SpeakerEncoder.from_folder loads it, and SpeechBrain's "
        "from_hparams."
    )


def _print_table(history, names):
    print(f"\n{format_table(history.rows, _of_modalities(names, history.columns()))}")


def _of_modalities(names, columns):
    """Those of some columns that are there, and after them those of each further modality, which has a gate."""
    gate = "_gate_threshold"
    prefixes = ["", *(f"{name.removesuffix(gate)}_" for name in columns if name.endswith(gate))]
    return [prefix + name for prefix in prefixes for name in names if prefix + name in columns]
