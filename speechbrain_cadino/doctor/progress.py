"""Rules of any training: its verdict, its end, its numbers, what it waited for.

Bounds are C, our choice, between what healthy and ill runs showed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from speechbrain_cadino.doctor.finding import DOUBTFUL, ILL, NOTE, Finding
from speechbrain_cadino.training.verdict import CANNOT_TELL, LEARNED, NOT_LEARNED

WAITING = 0.3  # of an epoch's seconds; audio in memory, without workers: 0.02 to 0.1 on two busy cores
MANY_SKIPPED, MOST_SKIPPED = 0.01, 0.1  # of the steps
MANY_UNREADABLE = 0.01  # of an epoch's items


def told(word: str, reasons: str, advice: str) -> Finding | None:
    """What the run has said itself, by `training.verdict`: its word, reasons and advice."""
    if word == LEARNED or not word:
        return None
    return Finding(
        "verdict", ILL if word == NOT_LEARNED else DOUBTFUL,
        f"It has not learned: {reasons}." if word == NOT_LEARNED else f"Whether it learned cannot be told: {reasons}.",
        "Its encoder is hardly better than an untrained one." if word == NOT_LEARNED else "",
        f"What to change: {advice}." if advice else "", {"verdict": word},
    )  # fmt: skip


def stopped(epochs: int, limit: int | None, reason: str, what: str = "The training") -> Finding:
    """That it has ended before its end.

    Arguments
    ---------
    epochs : int
        Done.
    limit : int or None
        Asked for.
    reason : str
        What the log says of it, '' for nothing.
    what : str
        To begin the sentence with.
    """
    of = "" if limit is None else f" of {limit}"
    by_hand = not reason or reason.startswith("stopped")
    why = f": {reason.partition(': the same command')[0]}" if reason else ", and the log does not say why"
    return Finding(
        "stopped", DOUBTFUL if by_hand else ILL, f"{what} has ended after epoch {epochs}{of}{why.rstrip('.')}.",
        "" if epochs else "Nothing is trained.",
        "The same command goes on from the last checkpoint." if by_hand else "",
        {"epochs": epochs, "number_of_epochs": limit},
    )  # fmt: skip


def not_finite(losses: Sequence[float | None], skipped: int, steps: int | None) -> Finding | None:
    """Whether losses or gradients were not finite.

    Arguments
    ---------
    losses : sequence of float or None
        By epoch.
    skipped : int
        Steps that were not made for it.
    steps : int or None
        All steps so far.
    """
    bad = [number for number, loss in enumerate(losses, 1) if isinstance(loss, float) and not math.isfinite(loss)]
    if not bad and not skipped:
        return None
    fraction = skipped / steps if steps else math.nan
    of = f" of {steps} ({fraction:.2%})" if steps else ""
    seen = f"The loss of epoch {bad[0]} is not finite." if bad else ""
    seen += (
        f"{' ' if bad else ''}{skipped} steps{of} were not made, as loss or gradients were not finite."
        if skipped
        else ""
    )
    serious = bool(bad) or fraction >= MOST_SKIPPED
    return Finding(
        "not_finite", ILL if serious else DOUBTFUL if fraction >= MANY_SKIPPED else NOTE, seen,
        "Weights that have become NaN stay so." if bad else "Weights are as if those steps had not been asked for.",
        "Lower lr, or set precision fp32." if serious or fraction >= MANY_SKIPPED else "",
        {"epochs": bad, "skipped": skipped, "steps": steps},
    )  # fmt: skip


def waiting(
    waited: Sequence[float], seconds: Sequence[float], num_workers: int | None, preload: bool | None
) -> Finding | None:
    """Whether training waited for its data.

    Arguments
    ---------
    waited, seconds : sequence of float
        By epoch: for batches, and in all.
    num_workers : int or None
    preload : bool or None
        Whether audio is in memory; None: not known.
    """
    total = sum(seconds)
    if total <= 0 or sum(waited) < WAITING * total:
        return None
    ways = [f"raise num_workers in loader_options{'' if num_workers is None else f' (it is {num_workers})'}"]
    ways += [] if preload else ["set preload True if the corpus fits into memory", "bring the files to a faster disk"]
    return Finding(
        "waiting", DOUBTFUL,
        f"It waited for data {sum(waited):.0f} of {total:.0f} s ({sum(waited) / total:.0%}).",
        "So long the device did nothing.", f"To be faster, {', or '.join(ways)}.",
        {"seconds_waiting": sum(waited), "seconds": total},
    )  # fmt: skip


def unreadable(found: Sequence[tuple]) -> Finding | None:
    """Whether items could not be read, by (epoch, failed, seen, the first) of each epoch that had some."""
    if not found:
        return None
    epoch, failed, seen, first = max(found, key=lambda one: one[1] / max(1, one[2]))
    many = failed > MANY_UNREADABLE * seen
    return Finding(
        "unreadable", DOUBTFUL if many else NOTE,
        f"In epoch {epoch} {failed} of {seen} items could not be read; the first: {first}.",
        "Others took their place.", "Prepare the corpus again, in another output_folder." if many else "",
        {"epoch": epoch, "failed": failed, "seen": seen},
    )  # fmt: skip


def from_verdict_text(text: str) -> tuple[str, str, str]:
    """Word, reasons and advice of what `Verdict.text` has written, '' for what is not there.

    Example
    -------
    >>> from_verdict_text("Did it learn? NOT LEARNED: a; b.\\nWhat to change: c; d.")
    ('not learned', 'a; b', 'c; d')
    """
    found = {}
    for line in text.splitlines():
        head, _, rest = line.partition(": ")
        found[head] = rest.rstrip(".")
    for word in (NOT_LEARNED, CANNOT_TELL, LEARNED):
        head = f"Did it learn? {word.upper()}"
        if head in found:
            return word, found[head], found.get("What to change", "")
    return "", "", ""
