"""Rules of what evaluations say: whether the encoder got worse again, or was still getting better.

Bounds are C, our choice, between what healthy and ill runs showed.
"""

from __future__ import annotations

from collections.abc import Sequence

from speechbrain_cadino.doctor.finding import DOUBTFUL, Finding
from speechbrain_cadino.training.retrieval import CLEARLY
from speechbrain_cadino.training.verdict import gain_interval

WORSE, WORSE_POINTS = 0.15, 2.0  # of an EER that was reached before
STILL = 0.15  # of what half_rank lacked to 1, gained since the evaluation before the last; under 0.1 in whole runs
STILL_RATE, STILL_POINTS = 0.2, 1.0  # of an EER, gained at each of the last two evaluations
LATE = 0.5  # of the highest learning rate at the end: the schedule was cut off


def got_worse(ranks: Sequence[float], rates: Sequence[float], measured: int, loss_fell: bool) -> Finding | None:
    """Whether the encoder was better before the end: overfitting, where the loss went on falling.

    Arguments
    ---------
    ranks, rates : sequence of float
        ``half_rank``, and the EER of the development list in per cent, of the evaluations from the first epoch on.
    measured : int
        Utterances that ``half_rank`` was measured on.
    loss_fell : bool
        Whether the loss has fallen since the best evaluation.
    """
    seen, figures = [], {}
    if len(ranks) > 1 and measured and gain_interval(ranks[-1], max(ranks), measured)[0] > 0:
        seen.append(f"half_rank is {ranks[-1]:.3f} and has been {max(ranks):.3f}")
        figures["half_rank"] = [max(ranks), ranks[-1]]
    if len(rates) > 1 and rates[-1] > max((1 + WORSE) * min(rates), min(rates) + WORSE_POINTS):
        seen.append(f"the development list's EER is {rates[-1]:.2f} % and has been {min(rates):.2f} %")
        figures["EER %"] = [min(rates), rates[-1]]
    if not seen:
        return None
    sentence = " and ".join(seen)
    return Finding(
        "got_worse", DOUBTFUL,
        f"{sentence[0].upper()}{sentence[1:]}{', though the loss went on falling' if loss_fell else ''}.",
        "It overfits: it learns its utterances by heart." if loss_fell else "What was learnt is lost again.",
        "Lower number_of_epochs, strengthen augment_settings, or give more data." if loss_fell else "Lower lr.",
        figures,
    )  # fmt: skip


def ended_early(ranks: Sequence[float], rates: Sequence[float], last_rate: float, peak_rate: float) -> Finding | None:
    """Whether a training that is over was still getting better.

    Arguments
    ---------
    ranks, rates : sequence of float
        As of `got_worse`.
    last_rate, peak_rate : float
        The learning rate of the last epoch, and the highest.
    """
    seen, figures = [], {}
    if len(ranks) > 1 and ranks[-1] - ranks[-2] > max(CLEARLY, STILL * (1 - ranks[-2])):
        seen.append(f"half_rank rose from {ranks[-2]:.3f} to {ranks[-1]:.3f} between the last two evaluations")
        figures["half_rank"] = [ranks[-2], ranks[-1]]
    last = list(zip(rates, rates[1:]))[-2:]
    if len(last) == 2 and all(now < min((1 - STILL_RATE) * was, was - STILL_POINTS) for was, now in last):
        seen.append(f"the development list's EER fell from {rates[-3]:.2f} over {rates[-2]:.2f} to {rates[-1]:.2f} %")
        figures["EER %"] = list(rates[-3:])
    if not seen and not (peak_rate > 0 and last_rate > LATE * peak_rate):
        return None
    if last_rate > LATE * peak_rate:
        seen.append(f"the learning rate was still {last_rate:.2g} of {peak_rate:.2g} at the end")
        figures["lr"] = [last_rate, peak_rate]
    sentence = " and ".join(seen)
    return Finding(
        "ended_early", DOUBTFUL, f"{sentence[0].upper()}{sentence[1:]}.", "It has ended before it was through.",
        "Raise number_of_epochs, in another output_folder.", figures,
    )  # fmt: skip
