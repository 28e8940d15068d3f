"""When an encoder may say "one speaker": a threshold and a probability, from clusters of the training utterances.

Nobody knows which utterances are of one speaker, but clusters of compensated embeddings say it with few errors. What
that biases, and what is done against it:

- Speakers of one utterance each are in no cluster, and their nearest neighbours are: so up to 50,000 utterances are
  clustered, which has 8 of each speaker of VoxCeleb2, and clusters of few are refused.
- Two clusters may be one speaker. Large ones, which are split most, count by the root of their size only.
- Whoever is mistaken for another is of the same sex and language, and those who are alike most may have been merged. So
  impostors are drawn from the nearest two fifths of the other clusters.
- Utterances of one cluster were put there because they score high. So targets are scored on other audio than the
  clusters: an excerpt each, augmented on its own, and of different sessions where those are known.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from speechbrain_cadino.clusters.choice import directions_of
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.extract import extract_embeddings
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.training.clustered import Clustered
from speechbrain_cadino.training.excerpt_calibration import calibrate
from speechbrain_cadino.training.for_report import ForReport
from speechbrain_cadino.training.training_pairs import (
    NEAREST,
    pairs_of_one,
    pairs_of_one_session,
    pairs_of_two,
    trusted_clusters,
)
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.calibration import Calibration
from speechbrain_cadino.verification.scoring import ROUNDING, cosine_scores
from speechbrain_cadino.verification.threshold import threshold_at_false_acceptance, threshold_without_labels

logger = logging.getLogger(__name__)

THRESHOLD_PAIRS, CALIBRATION_PAIRS = 100_000, 20_000
MANY, FEWER_PAIRS = 20_000, 5_000  # utterances, of which fewer pairs are enough: no more excerpts than that are read
USELESS = 0.1  # of the pairs of one session: a threshold that accepts less is told of


@dataclass(frozen=True)
class Decision:
    """What an encoder decides by.

    Arguments
    ---------
    threshold : float or None
        Cosine from which two utterances count as one speaker's; None: nothing tells one.
    how : str
        How it was found, for people; '' without a threshold.
    calibration : Calibration, optional
        From which probabilities come; None: there are none.
    """

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
    left: ForReport | None = None,
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
    left : ForReport, optional
        Takes in clusters and scores, for people to look at.

    Returns
    -------
    Decision

    Raises
    ------
    UserError
        If there are under three utterances, or under three in a cluster; one cluster only or none that stands out, or
        no cluster holds utterances of two files; or if the scores leave no threshold.
    """
    names = clustered.manifest.ids
    one_encoder = clustered.compensated is encoder
    if one_encoder and embedded is not None:
        inner, ids = embedded
    else:
        inner, ids = extract_embeddings(clustered.compensated, clustered.manifest, progress=False)
    manifest = clustered.manifest.subset(np.isin(names, np.array(ids, dtype=names.dtype)))
    logger.info("Clusters of %d training utterances, for the threshold and the probabilities:", len(manifest))
    directions = directions_of(inner.astype(np.float64) - inner.mean(axis=0, dtype=np.float64))
    labels = trusted_clusters(directions, seed)
    n_pairs = CALIBRATION_PAIRS if len(manifest) <= MANY else FEWER_PAIRS
    targets, groups = pairs_of_one(labels, manifest, n_pairs, seed)
    if one_encoder:
        whole = inner
    elif embedded is not None and embedded[1] == ids:
        whole = embedded[0]
    else:
        whole, _ = extract_embeddings(encoder, manifest, strict=True, progress=False)
    impostors = pairs_of_two(labels, directions, manifest, THRESHOLD_PAIRS, seed + 1)
    threshold = threshold_at_false_acceptance(cosine_scores(whole, *impostors, mean), false_acceptance)
    _check_threshold(threshold, len(manifest), false_acceptance)
    sides = targets, tuple(side[:n_pairs] for side in impostors)
    if left is not None:
        left.add_map(whole, ids, labels, seed)
        left.add_pairs([cosine_scores(whole, *side, mean) for side in sides], sides, manifest.durations)
    calibration = calibrate(encoder, mean, clustered, manifest, sides, seed)
    some = "" if len(names) == clustered.n_utterances else f", drawn from {clustered.n_utterances}"
    how = (
        f"{false_acceptance:.2%} of pairs of training utterances of two clusters reach it ({labels.max() + 1} clusters "
        f"of {len(manifest)} utterances{some}, each paired with the nearest {NEAREST:.0%} of the others)"
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
    if threshold > 1 - ROUNDING:
        raise UserError(
            "Too many pairs of two speakers score 1, as if all voices were one: the encoder tells none apart."
        )
    if false_acceptance and n_utterances * (n_utterances - 1) / 2 * false_acceptance < 1:
        logger.warning("%d utterances have too few pairs for a false_acceptance of %.2f %%: none reaches it.",
                       n_utterances, 100 * false_acceptance)  # fmt: skip


def _of_sessions(embeddings, manifest, mean, threshold, seed):
    """A check, where sessions are known: what the threshold accepts of pairs of files of one session."""
    pairs = pairs_of_one_session(manifest, CALIBRATION_PAIRS, seed)
    if pairs is None:
        return ""
    accepted = np.mean(cosine_scores(embeddings, *pairs, mean) >= threshold)
    if accepted < USELESS:
        logger.warning(
            "The threshold %.3f accepts only %.0f %% of pairs of one session: give verify_files another one, or raise "
            "false_acceptance.", threshold, 100 * accepted,
        )  # fmt: skip
    return f"; of pairs of files of one session it accepts {accepted:.0%}"
