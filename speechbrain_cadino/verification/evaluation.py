"""Trial lists scored with an encoder: each utterance of all the lists is embedded once, clean and whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.pieces import lengths_from_files
from speechbrain_cadino.corpus.trials import Trials, utterance_paths
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.enrolment import enrolled, model_embeddings
from speechbrain_cadino.verification.plda import PLDA
from speechbrain_cadino.verification.plda_models import score_models
from speechbrain_cadino.verification.report import metrics_row
from speechbrain_cadino.verification.scoring import score_trials


class Evaluation(NamedTuple):
    """One trial list, scored.

    Arguments
    ---------
    scores : np.ndarray
        (n_trials,) float32.
    metrics : dict
        As `metrics_row` gives them: "EER %", "minDCF(0.01)", "minDCF(0.05)"; empty for a list without labels.
    cosines : np.ndarray
        (n_trials,) float32: the scores before a cohort normalised them.
    seconds : np.ndarray
        (2, n_trials) durations of both sides; of a model of several files, of all together.
    """

    scores: np.ndarray
    metrics: dict
    cosines: np.ndarray
    seconds: np.ndarray


def evaluate(
    net: SpeakerEncoderNet,
    lists: Sequence[Trials],
    data_folder: str | Path,
    mean: np.ndarray | None = None,
    cohort: np.ndarray | None = None,
    top_n: int = 300,
    models: Mapping[str, Sequence[str]] | None = None,
    plda: PLDA | None = None,
    **extraction,
) -> list[Evaluation]:
    """Score trial lists and measure their error rates.

    Arguments
    ---------
    net : speechbrain_cadino.encoder.model.SpeakerEncoderNet
        On the device that is to compute.
    lists : sequence of speechbrain_cadino.corpus.trials.Trials
    data_folder : str or Path
        The folder that the lists' names start from.
    mean : np.ndarray, optional
        (embedding_dim,) subtracted from every embedding: the mean of training embeddings. None for a loaded encoder,
        which has subtracted it.
    cohort : np.ndarray, optional
        (n_cohort, embedding_dim) embeddings for AS-norm, not centered. None: plain cosine.
    top_n : int
        How many of the cohort's highest scores AS-norm takes.
    models : mapping of str to sequence of str, optional
        Files of each model that the lists' enrolment sides name, as of `read_models`.
    plda : PLDA, optional
        Whose log-likelihood ratios are the scores, in place of cosines; fitted on embeddings of this encoder. Of models
        of several files it has no ``cohort``.
    **extraction
        Passed to `extract_embeddings`, such as ``folder`` and ``batch_seconds``.

    Returns
    -------
    list of Evaluation
        One for each list.

    Raises
    ------
    UserError
        If an utterance is absent or cannot be used, or a list has trials of one kind only.
    """
    if None not in (plda, models, cohort):
        raise UserError("PLDA scores models of several files without a cohort: leave one of the three out.")
    both = [enrolled(trials, models) for trials in lists]
    names = list(dict.fromkeys(name for _, files in both for of in files for name in of))
    paths = dict(zip(names, utterance_paths(Trials(None, None, None, names), data_folder)))
    manifest = files_manifest(paths, paths.values())
    embeddings, _ = extract_embeddings(net, manifest, strict=True, **extraction)
    rows = {name: row for row, name in enumerate(paths)}
    evaluations = []
    for trials, files in both:
        own = model_embeddings(embeddings, rows, files, mean)
        cosines = score_trials(own, trials, mean)
        if plda is not None and models is not None and cohort is None:
            scores = score_models(embeddings, trials, plda, [[rows[name] for name in of] for of in files])
        elif plda is None and cohort is None:
            scores = cosines
        else:
            scores = score_trials(own, trials, mean, cohort, top_n, plda)
        metrics = {} if trials.labels is None else metrics_row(scores, trials.labels)
        seconds = np.array([sum(manifest.durations[rows[name]] for name in of) for of in files])
        evaluations.append(Evaluation(scores, metrics, cosines, seconds[np.stack([trials.enrol, trials.test])]))
    return evaluations


def files_manifest(names: Iterable[str], paths: Iterable[str | Path]) -> Manifest:
    """A manifest of whole files, their lengths read from the headers.

    Arguments
    ---------
    names : iterable of str
        The IDs.
    paths : iterable of str or Path

    Returns
    -------
    Manifest
    """
    wavs = [str(Path(path)) for path in paths]
    return Manifest(list(names), wavs, np.zeros(len(wavs)), lengths_from_files(wavs))
