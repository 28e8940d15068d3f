"""Rules of pseudo-labels: what clusters are, and whether they get better by iteration.

Bounds are C, our choice. ``same_spk_across`` is, of the pairs of one speaker in two sessions, the fraction in one
cluster; ``same_spk_within`` the same of pairs in one session.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from speechbrain_cadino.doctor.finding import DOUBTFUL, ILL, NOTE, Finding
from speechbrain_cadino.training.remarks import NEARLY_ALL

SESSIONS, SURELY_SESSIONS = 0.5, 0.27  # of the pairs within; under the second no run ended better than it began
ALONE = 0.3  # of the utterances, in clusters of one
LARGE = 0.3  # of the utterances, in one cluster
WRONG = 0.3  # of the labels, where the speakers are known
WORSE_AMI, WORSE_EER, WORSE_POINTS = 0.02, 0.15, 1.0  # by iteration
THE_SAME = 0.99  # of AMI: the labels have not changed


def sessions(metrics: Mapping) -> Finding | None:
    """Whether clusters are sessions rather than speakers: by `clusters.quality.cluster_metrics`, a mapping."""
    within, across = (metrics.get(f"same_spk_{name}", math.nan) for name in ("within", "across"))
    if not math.isfinite(within) or not math.isfinite(across) or across >= SESSIONS * within:
        return None
    return Finding(
        "sessions", ILL if across < SURELY_SESSIONS * within else DOUBTFUL,
        f"Of the pairs of utterances of one speaker {within:.0%} are in one cluster within a session, and {across:.0%} "
        "across sessions: clusters are sessions rather than speakers.",
        "Who learns them learns the channel, and pushes sessions of one speaker apart.",
        "Set n_clusters auto, or fewer, cluster_compensation (parts/compensation.yaml), and size_power auto with "
        "n_fine of clustering.",
        {"same_spk_within": within, "same_spk_across": across},
    )  # fmt: skip


def of_one_session(labels: np.ndarray, sessions: np.ndarray) -> Finding | None:
    """Where no speaker is known: whether clusters hold one session each.

    Arguments
    ---------
    labels : np.ndarray
        (n,) int64, -1 for none.
    sessions : np.ndarray of str
        (n,)
    """
    labels, sessions = labels[labels >= 0], sessions[labels >= 0]
    pairs = np.unique(np.stack([labels, np.unique(sessions, return_inverse=True)[1]]), axis=1)
    n_sessions = np.bincount(pairs[0])[labels] if len(labels) else np.zeros(0)
    several = np.bincount(labels)[labels] > 1 if len(labels) else np.zeros(0, dtype=bool)
    if not several.any() or len(np.unique(sessions)) == len(sessions):  # each utterance a session of its own
        return None
    alone = float((n_sessions[several] == 1).mean())
    if alone < NEARLY_ALL:
        return None
    return Finding(
        "of_one_session", NOTE,
        f"{alone:.0%} of the utterances that have others in their cluster have none of another session.",
        "If your speakers come in several sessions, clusters are sessions rather than speakers, and teach the channel; "
        "if each comes in one, this is as it should be.",
        "Set n_clusters auto, or fewer, and cluster_compensation.",
        {"of_one_session": alone},
    )  # fmt: skip


def sizes(clusters: int, singletons: int, largest: int, n: int) -> list[Finding]:
    """Whether many utterances are alone, or most of them together.

    Arguments
    ---------
    clusters, singletons, largest : int
        As of `clusters.quality.cluster_sizes`.
    n : int
        Utterances that have a cluster.
    """
    found = []
    if n and singletons > ALONE * n:
        found.append(Finding(
            "singletons", DOUBTFUL,
            f"{singletons} of {clusters} clusters, with {singletons / n:.0%} of the {n} utterances, hold one alone.",
            "Such a cluster teaches no more than that an utterance is like itself.",
            "Lower n_clusters, or set it to auto.", {"singletons": singletons, "clusters": clusters, "utterances": n},
        ))  # fmt: skip
    if n and clusters and largest > LARGE * n:
        found.append(Finding(
            "large_cluster", ILL if largest > n / 2 else DOUBTFUL,
            f"One of {clusters} clusters holds {largest} of {n} utterances ({largest / n:.0%}).",
            "Unless one person speaks that much, it holds many speakers, who are taught to be one.",
            "Raise n_clusters, or train the encoder that gave the embeddings (init) for longer.",
            {"largest": largest, "clusters": clusters, "utterances": n},
        ))  # fmt: skip
    return found


def wrong(fraction: float | None) -> Finding | None:
    """Whether many labels are wrong, where the speakers are known: of utterances in a cluster of others."""
    if fraction is None or not fraction > WRONG:
        return None
    return Finding(
        "wrong_labels", DOUBTFUL, f"{fraction:.0%} of the labels are wrong: of utterances in a cluster of others.",
        "So many are learnt in part, whatever the gate does.",
        "Begin with a better encoder (init), or raise n_clusters.", {"wrong_labels": fraction},
    )  # fmt: skip


def by_iteration(rows: Sequence[Mapping]) -> list[Finding]:
    """Whether the rows of ``iterations.csv``, mappings, say that a further iteration made things worse, or nothing."""
    found = []
    for before, after in zip(rows, rows[1:]):
        number = after.get("iteration")
        ami = before.get("ami_speakers", math.nan), after.get("ami_speakers", math.nan)
        if ami[1] < ami[0] - WORSE_AMI:
            found.append(Finding(
                "labels_worse", DOUBTFUL,
                f"The labels of iteration {number} agree less with the speakers than those before: AMI {ami[1]:.3f} "
                f"after {ami[0]:.3f}.",
                "The encoder that made them is the worse one for clustering.",
                "Keep the encoder of the iteration before, lower n_iterations.", {"ami_speakers": list(ami)},
            ))  # fmt: skip
        rates = before.get("EER %", math.nan), after.get("EER %", math.nan)
        if rates[1] > max((1 + WORSE_EER) * rates[0], rates[0] + WORSE_POINTS):
            found.append(Finding(
                "iteration_worse", DOUBTFUL,
                f"Iteration {number} ended with an EER of {rates[1]:.2f} %, the one before with {rates[0]:.2f} %.",
                "It has made the encoder worse.", "Keep the encoder of the iteration before, lower n_iterations.",
                {"EER %": list(rates)},
            ))  # fmt: skip
        if after.get("ami_previous", 0) >= THE_SAME:
            found.append(Finding(
                "labels_same", NOTE,
                f"The labels of iteration {number} are those before, to an AMI of {after['ami_previous']:.3f}.",
                "Further iterations will change little.", "stop_agreement: 0.98 saves them.",
                {"ami_previous": after["ami_previous"]},
            ))  # fmt: skip
    return found


def worse_than_init(row: Mapping) -> Finding | None:
    """Whether an iteration's encoder is under that of --init, by a row of ``iterations.csv``; see `training.kept`."""
    from speechbrain_cadino.training.kept import is_worse

    rates = row.get("init EER %", math.nan), row.get("EER %", math.nan)
    if is_worse(row):
        low, high = row["init_gain_low"], row["init_gain_high"]
        return Finding(
            "worse_than_init", ILL,
            f"The encoder has half_rank {row['exported_half_rank']:.3f}, that of --init {row['init_half_rank']:.3f}: a "
            f"change of {low:.3f} to {high:.3f} (95 %).",
            "Learning these labels has made it worse.", f"{str(row.get('keep', 'Keep that of --init')).capitalize()}.",
            {"exported_half_rank": row["exported_half_rank"], "init_half_rank": row["init_half_rank"]},
        )  # fmt: skip
    if rates[1] > max((1 + WORSE_EER) * rates[0], rates[0] + WORSE_POINTS):
        return Finding(
            "worse_than_init", DOUBTFUL,
            f"On the development list the encoder has an EER of {rates[1]:.2f} %, that of --init {rates[0]:.2f} %.",
            "Learning these labels has made it worse.", "Keep that of --init.", {"EER %": list(rates[::-1])},
        )  # fmt: skip
    return None
