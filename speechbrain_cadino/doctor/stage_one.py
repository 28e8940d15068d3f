"""Rules of stage I: whether the teacher gives different answers to different inputs, and goes on doing so.

Bounds are C, our choice, between what healthy and ill runs showed. Healthy: 56 runs on demo corpora, 2 on read speech
(8 h), 5 on telephone speech (2 h); ill: noise, copies of one file, three minutes of speech, and settings made ill.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speechbrain_cadino.doctor.finding import DOUBTFUL, ILL, Finding

CHANCE = 0.96  # of ln K, from half of the run on: telephone speech had 0.92 to 0.95, three minutes 0.98, noise 1.0
FALLEN = 0.5  # of the largest entropy gap after a third of the epochs; in healthy runs it hardly fell at all
FEWEST = 4  # epochs, to see a fall
RISE = 1.15  # of the first epoch's loss, and of chance; at most 1.01 in healthy runs
CROWDED = 0.92  # of the spread; with a learning rate 25 times too large 0.88


def collapsed(rows: Sequence[dict], **watch: float) -> Finding | None:
    """Whether the last epoch has collapsed, by what stops a run: `CollapseWatch`.

    Arguments
    ---------
    rows : sequence of dict
        Of the epochs that were trained, with what `CollapseWatch.check` reads.
    **watch : float
        Of `CollapseWatch`, such as ``min_gap``.
    """
    from speechbrain_cadino.dino.collapse import CollapseError, CollapseWatch

    needed = ("entropy_gap", "embedding_spread", "mean_entropy", "entropy_of_mean", "max_entropy")
    rows = [row for row in rows if all(isinstance(row.get(name), (int, float)) for name in needed)]
    if not rows:
        return None
    watcher = CollapseWatch(**watch)
    watcher.epochs = rows[-1]["epoch"]
    try:
        watcher.check(rows[-1])
    except CollapseError as error:
        return Finding(
            "collapsed", ILL, str(error), "Its embeddings tell no speakers apart: throw the encoder away.",
            figures={name: rows[-1][name] for name in needed},
        )  # fmt: skip
    return None


def collapsing(gaps: Sequence[float]) -> Finding | None:
    """Whether the entropy gap falls, as it does on the way to a collapse.

    Arguments
    ---------
    gaps : sequence of float
        By epoch, in nats. It may fall in the first third, in which an untrained teacher's answers are forgotten.
    """
    later = np.asarray(gaps[len(gaps) // 3 :], dtype=float)
    if len(gaps) < FEWEST or later[-1] > FALLEN * later.max():
        return None
    return Finding(
        "collapsing", DOUBTFUL,
        f"The entropy gap has fallen from {later.max():.3g} to {later[-1]:.3g} nats: the teacher's answers to "
        "different inputs grow alike.",
        "A gap of 0 is a collapse: later epochs make the encoder worse.",
        "Lower lr, or raise momentum_start (momentum_schedule) towards 1.",
        {"entropy_gap": later[-1], "largest_entropy_gap": later.max()},
    )  # fmt: skip


def near_chance(losses: Sequence[float], max_entropy: float, progress: float) -> Finding | None:
    """Whether the student predicts the teacher hardly better than by chance when half of the run is over.

    Arguments
    ---------
    losses : sequence of float
        ``dino_loss`` by epoch.
    max_entropy : float
        ln K: the loss of uniform answers.
    progress : float
        The fraction of the run that is done.
    """
    if not losses or not max_entropy or progress < 0.5 or losses[-1] < CHANCE * max_entropy:
        return None
    return Finding(
        "near_chance", ILL,
        f"After {progress:.0%} of the run the DINO loss is {losses[-1]:.3g} nats, {losses[-1] / max_entropy:.0%} of "
        f"ln K ({max_entropy:.3g}); healthy runs were under {CHANCE:.0%} from the half on.",
        "The student foresees the teacher's answers no better than by chance: next to nothing has been learnt.",
        "Give more data, more optimiser steps (number_of_epochs, a smaller batch_size), a smaller n_prototypes, or a "
        "lower teacher_temp; where the loss was lower before, a lower lr.",
        {"dino_loss": losses[-1], "max_entropy": max_entropy, "progress": progress},
    )  # fmt: skip


def crowded(spreads: Sequence[float], koleo_weight: float | None) -> Finding | None:
    """Whether embeddings crowd into few directions although a loss spreads them, as too long steps make them.

    Arguments
    ---------
    spreads : sequence of float
        ``embedding_spread`` by epoch.
    koleo_weight : float or None
        Without that loss other spreads may be healthy: nothing is said.
    """
    if not spreads or not koleo_weight or min(spreads) >= CROWDED:
        return None
    return Finding(
        "crowded", DOUBTFUL,
        f"The embeddings' spread has been {min(spreads):.2f}, and is {spreads[-1]:.2f}; healthy runs with KoLeo had "
        "0.95 and more in each epoch.",
        "They crowd into few directions, in which speakers lie on each other.",
        "Lower lr by 3 to 10 times, or raise warmup_epochs.", {"lowest": min(spreads), "last": spreads[-1]},
    )  # fmt: skip


def too_fast(losses: Sequence[float], rates: Sequence[float], max_entropy: float | None = None) -> Finding | None:
    """Whether the loss rose while the learning rate did, and came back, if at all, as that fell again.

    Arguments
    ---------
    losses : sequence of float
        By epoch.
    rates : sequence of float
        The learning rate at the end of each epoch.
    max_entropy : float, optional
        The loss of chance.
    """
    losses, rates = np.asarray(losses, dtype=float), np.asarray(rates, dtype=float)
    if len(losses) < FEWEST or len(losses) != len(rates) or not np.isfinite(losses).all():
        return None
    peak = int(rates.argmax())
    worst = losses[: max(peak + 2, len(losses) // 2)].max()
    bound = RISE * losses[0] if max_entropy is None else max(RISE * losses[0], RISE * max_entropy)
    if worst < bound:
        return None
    return Finding(
        "too_fast", ILL if losses[-1] >= losses[0] else DOUBTFUL,
        f"The loss rose from {losses[0]:.4g} to {worst:.4g} as the learning rate rose to {rates.max():.2g}, and is "
        f"{losses[-1]:.4g} at the end.",
        "Steps were too long: what was learnt was lost again.",
        "Lower lr by 3 to 10 times, or raise warmup_epochs.",
        {"first_loss": losses[0], "worst_loss": worst, "last_loss": losses[-1], "lr": rates.max()},
    )  # fmt: skip
