"""When an encoder may say "one speaker": a threshold and a probability, from clusters of the training utterances.

Nobody knows which utterances are of one speaker, but clusters of compensated embeddings say it with few errors. What
that biases, and what is done against it:

- Two clusters may be one speaker. Large ones, which are split most, count by the root of their size only.
- Whoever is mistaken for another is of the same sex and language, and those who are alike most may have been merged. So
  impostors are drawn from the nearest two fifths of the other clusters.
- Utterances of one cluster were put there because they score high. So targets are scored on other audio than the
  clusters: an excerpt each, through a channel and noise of its own, and of different sessions where those are known.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from speechbrain_cadino.clusters.choice import directions_of
from speechbrain_cadino.clusters.pairs import clusters_by_silhouette, impostor_pairs, target_pairs
from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.augmented import embed_augmented, excerpt_lengths
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.training.clustered import Clustered
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.calibration import Calibration, fit_calibration
from speechbrain_cadino.verification.scoring import cosine_scores
from speechbrain_cadino.verification.threshold import threshold_at_false_acceptance, threshold_without_labels

logger = logging.getLogger(__name__)

NEAREST = 0.4  # of the other clusters, whose utterances are impostors
THRESHOLD_PAIRS, CALIBRATION_PAIRS = 100_000, 20_000
FEWEST_PAIRS = 20  # different ones of one speaker, and of two, without which coefficients would be those of chance
USELESS = 0.1  # of the pairs of one session: a threshold that accepts less is told of


@dataclass(frozen=True)
class Decision:
    """Arguments: ``threshold`` (float or None), ``how`` (str) it was found, and a ``calibration``, if there is one."""

    threshold: float | None
    how: str
    calibration: Calibration | None = None


def decide(
    encoder: SpeakerEncoderNet,
    mean: np.ndarray,
    clustered: Clustered,
    false_acceptance: float,
    seed: int = 0,
    embedded: tuple[np.ndarray, list] | None = None,
) -> Decision:
    """Find threshold and calibration of an encoder. One rank does it.

    Arguments
    ---------
    encoder : SpeakerEncoderNet
    mean : np.ndarray
        (embedding_dim,), which is subtracted from its embeddings.
    clustered : Clustered
        Of this encoder.
    false_acceptance : float
        Fraction of the impostor pairs that the threshold accepts.
    seed : int
    embedded : (np.ndarray, list), optional
        What `extract_embeddings` gives for ``encoder`` and the utterances of ``clustered``, if that was asked before.

    Returns
    -------
    Decision

    Raises
    ------
    UserError
        If there are under three utterances, one cluster only or none that stands out, or no cluster holds utterances of
        two files; or if the scores leave no threshold.
    """
    names = clustered.manifest.ids
    one_encoder = clustered.compensated is encoder
    if one_encoder and embedded is not None:
        inner, ids = embedded
    else:
        inner, ids = extract_embeddings(clustered.compensated, clustered.manifest, progress=False)
    manifest = clustered.manifest.subset(np.isin(names, np.array(ids, dtype=names.dtype)))
    if len(manifest) < 3:
        raise UserError(f"There are {len(manifest)} utterances.")
    logger.info("Clusters of %d training utterances, for the threshold and the probabilities:", len(manifest))
    directions = directions_of(inner.astype(np.float64) - inner.mean(axis=0, dtype=np.float64))
    labels = clusters_by_silhouette(directions, seed)
    targets, groups = _targets(labels, manifest, seed)
    if one_encoder:
        whole = inner
    elif embedded is not None and embedded[1] == ids:
        whole = embedded[0]
    else:
        whole, _ = extract_embeddings(encoder, manifest, strict=True, progress=False)
    impostors = _of_two_groups(impostor_pairs(labels, directions, THRESHOLD_PAIRS, NEAREST, seed + 1), manifest)
    threshold = threshold_at_false_acceptance(cosine_scores(whole, *impostors, mean), false_acceptance)
    _check_threshold(threshold, len(manifest), false_acceptance)
    calibration = _calibrate(encoder, mean, clustered, manifest, targets, impostors, seed)
    how = (
        f"{false_acceptance:.2%} of pairs of training utterances of two clusters reach it ({labels.max() + 1} clusters "
        f"of {len(manifest)} utterances, each paired with the nearest {NEAREST:.0%} of the others)"
    )
    if calibration is not None:
        how += f"; probabilities come from such pairs and from pairs of one cluster and different {groups}"
    return Decision(threshold, how + _of_sessions(whole, manifest, mean, threshold, seed), calibration)


def decide_by_random_pairs(
    embeddings: np.ndarray, manifest: Manifest, mean: np.ndarray, false_acceptance: float, seed: int = 0
) -> Decision:
    """Where clusters give no pairs: the `Decision` of `threshold_without_labels`, or none, with a warning.

    Arguments
    ---------
    embeddings : np.ndarray
        (n, dim), not centered, of the n utterances of ``manifest``.
    manifest : Manifest
    mean, false_acceptance, seed :
        As of `decide`.
    """
    how = (
        f"{false_acceptance:.2%} of random pairs of training utterances score higher; the pairs of one speaker among "
        "them, about 1 in the number of speakers, make it a little strict"
    )
    try:
        drawn = dict(false_acceptance=false_acceptance, seed=seed, mean=mean)
        threshold = threshold_without_labels(embeddings, manifest.wavs, manifest.sessions, **drawn)
        _check_threshold(threshold, len(manifest), false_acceptance)
        return Decision(threshold, how + _of_sessions(embeddings, manifest, mean, threshold, seed))
    except UserError as error:  # no reason to lose what was trained
        logger.warning("The encoder gets no default threshold: %s", error)
        return Decision(None, "")


def _check_threshold(threshold, n_utterances, false_acceptance):
    if threshold > 1 - 1e-6:  # rounding apart, no cosine reaches it
        raise UserError(
            "Too many pairs of two speakers score 1, as if all voices were one: the encoder tells none apart."
        )
    if false_acceptance and n_utterances * (n_utterances - 1) / 2 * false_acceptance < 1:
        logger.warning("%d utterances have too few pairs for a false_acceptance of %.2f %%: none reaches it.",
                       n_utterances, 100 * false_acceptance)  # fmt: skip


def _of_two_groups(pairs, manifest):
    """Pairs (2, n) without those of one session, or one file: they are of one speaker."""
    one, other = pairs
    differ = manifest.wavs[one] != manifest.wavs[other]
    if manifest.sessions is not None:
        differ &= (manifest.sessions[one] != manifest.sessions[other]) | (manifest.sessions[one] == "")
    if not differ.any():
        raise UserError("No two clusters hold utterances of two sessions or files.")
    return tuple(side[differ] for side in pairs)


def _of_sessions(embeddings, manifest, mean, threshold, seed):
    """A check, where sessions are known: what the threshold accepts of pairs of files of one session."""
    if manifest.sessions is None:
        return ""
    known = np.flatnonzero(manifest.sessions != "")
    sessions = np.unique(manifest.sessions[known], return_inverse=True)[1]
    try:
        pairs = target_pairs(sessions, manifest.wavs[known], CALIBRATION_PAIRS, seed)
    except UserError:
        return ""
    accepted = np.mean(cosine_scores(embeddings[known], *pairs, mean) >= threshold)
    if accepted < USELESS:
        logger.warning(
            "The threshold %.3f accepts only %.0f %% of pairs of one session: give verify_files another one, or raise "
            "false_acceptance.", threshold, 100 * accepted,
        )  # fmt: skip
    return f"; of pairs of files of one session it accepts {accepted:.0%}"


def _targets(labels, manifest, seed):
    """Pairs of one cluster, of different sessions if some cluster has any, else of different files; and which."""
    if manifest.sessions is not None:
        try:
            return target_pairs(labels, manifest.sessions, CALIBRATION_PAIRS, seed), "sessions"
        except UserError:  # a session is a cluster
            pass
    return target_pairs(labels, manifest.wavs, CALIBRATION_PAIRS, seed), "files"


def _calibrate(encoder, mean, clustered, manifest, targets, impostors, seed):
    """The `Calibration` on an augmented excerpt of each utterance; None, with a warning, if it tells nothing."""
    lengths = excerpt_lengths(manifest.stops - manifest.starts, seed)
    excerpts = embed_augmented(encoder, manifest, lengths, clustered.augment, clustered.augmenter, seed)
    read = np.isfinite(excerpts).all(axis=1)
    pairs = [np.stack(pair)[:, :CALIBRATION_PAIRS] for pair in (targets, impostors)]
    pairs = [pair[:, read[pair].all(axis=0)] for pair in pairs]
    scores = [cosine_scores(np.nan_to_num(excerpts), *pair, mean) for pair in pairs]
    try:
        for pair, whose in zip(pairs, ("one cluster", "two clusters")):
            different = np.unique(np.sort(pair, axis=0), axis=1).shape[1]
            if different < FEWEST_PAIRS:
                raise UserError(f"There are {different} pairs of {whose}, and {FEWEST_PAIRS} are needed.")
        return fit_calibration(*scores, *(lengths[pair] / SAMPLE_RATE for pair in pairs))
    except UserError as error:
        logger.warning("The encoder gets no probabilities: %s", error)
        return None
