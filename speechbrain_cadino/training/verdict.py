"""Whether a run learned, from metrics without labels: said at its end, with what to change where it did not.

It errs towards "cannot tell". The bounds are C, our choice: calls' training files and two demo corpora have to pass.
Noise, music, copies of one file, one recording in pieces, three minutes of speech and runs that train nothing must not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from speechbrain_cadino.training.retrieval import Z

LEARNED, NOT_LEARNED, CANNOT_TELL = "learned", "not learned", "cannot tell"

MIN_STEPS = 150  # of the optimiser
MIN_UTTERANCES = 100  # with fewer, an interval says nothing, and all may be known by heart
MIN_RECORDINGS = 50  # pieces of one recording share its channel, and often its voice
MIN_SPEECHLIKE = 0.6  # of the utterances listened to; 0.9 and more in four corpora of speech, 0.4 at most in others
MIN_GAIN = 0.05  # of half_rank over the untrained encoder's, by the lower end of its interval
MIN_SPREAD = 0.3  # of the embeddings
MIN_GAP, MIN_GAP_RISE = 0.02, 1.05  # nats; of the entropy gap over its lowest value
MIN_KEPT = 0.05  # of the labels, by the gate
# What to change: alternatives.
LONGER = "more number_of_epochs", "smaller n_prototypes", "a lower teacher_temp", "more data"
BETTER_TEACHER = "a better encoder in init, or better embeddings"
LONGER_ON_LABELS = "more number_of_epochs", BETTER_TEACHER, "more data"


@dataclass(frozen=True)
class RunFacts:
    """What a run was made of.

    Arguments
    ---------
    utterances, recordings, steps : int
        Training utterances, the different files that they are from, the optimiser's steps.
    speechlike : float
        Fraction of utterances that look like speech (`corpus.character`).
    measured : int
        Utterances that ``half_rank`` was measured on.
    cluster_sizes : dict or None
        In stage II, `clusters.quality.cluster_sizes` of the labels.
    """

    utterances: int
    recordings: int
    steps: int
    speechlike: float
    measured: int
    cluster_sizes: dict | None = None


class Verdict(NamedTuple):
    """One of three words, why, what to change, and what is as it should be (both empty if it learned)."""

    word: str
    reasons: list
    advice: list
    good: list

    def text(self) -> str:
        """Sentences for the screen."""
        lines = [f"Did it learn? {self.word.upper()}: {'; '.join(self.reasons)}."]
        if self.good:
            lines.append(f"As it should be: {'; '.join(self.good)}.")
        return "\n".join(lines + ([f"What to change: {'; '.join(self.advice)}."] if self.advice else []))


def judge(rows: list[dict], facts: RunFacts) -> Verdict:
    """Whether a run learned.

    Arguments
    ---------
    rows : list of dict
        The records of its epochs, as `History.rows`; that of epoch 0 has ``half_rank`` before training, and
        ``untrained_half_rank`` if training began from a trained encoder.
    facts : RunFacts

    Returns
    -------
    Verdict
    """
    checks = [*_corpus(facts), _training(rows, facts), _halves(rows, facts), *_answers(rows), *_labels(rows, facts)]
    checks = [check for check in checks if check is not None]
    words = [word for word, _, _ in checks]
    nothing_trained = _training(rows, facts)[0] == NOT_LEARNED
    unclear = CANNOT_TELL in words and not nothing_trained
    word = CANNOT_TELL if unclear else NOT_LEARNED if NOT_LEARNED in words else LEARNED
    good = [reason for is_word, reason, _ in checks if is_word == LEARNED]
    if word == LEARNED:
        return Verdict(word, good, [], [])
    checks = [check for check in checks if check[0] != LEARNED]
    reasons = sorted(checks, key=lambda check: (word, NOT_LEARNED, CANNOT_TELL).index(check[0]))
    return Verdict(word, [reason for _, reason, _ in reasons], _each_once([advice for *_, advice in checks]), good)


def gain_interval(start: float, end: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a gain between two means over n items, each item's value from 0 to 1.

    The deviation is taken as large as it can be at such a mean, and the two as independent, so that it is wide.

    Example
    -------
    >>> [round(end, 3) for end in gain_interval(0.6, 0.8, 500)]
    [0.145, 0.255]
    """
    half = Z * math.sqrt((start * (1 - start) + end * (1 - end)) / n)
    return end - start - half, end - start + half


def unfit(facts: RunFacts) -> list[tuple[str, str]]:
    """Reasons, known before training, for which no success can be told afterwards: pairs of reason and advice."""
    return [(reason, _one_of(advice)) for word, reason, advice in _corpus(facts) if word != LEARNED]


def _each_once(advice):
    """Sentences of alternatives, without those that an earlier one has named."""
    seen, said = set(), []
    for alternatives in advice:
        new = [one for one in alternatives if one not in seen]
        seen.update(new)
        said += [_one_of(new)] if new else []
    return said


def _one_of(alternatives):
    *others, last = alternatives
    return ", ".join([*others, f"or {last}" if others else last])


# Each check gives a word, a reason, and what to change, as alternatives; or None if it has nothing to say.


def _corpus(facts):
    yield _at_least(
        facts.utterances, MIN_UTTERANCES, "utterances", ("more data", "a smaller max_duration for long files")
    )
    yield _at_least(
        facts.recordings, MIN_RECORDINGS, "different recordings", ("more recordings: their channels tell so few apart",)
    )
    yield _at_least(facts.steps, MIN_STEPS, "optimiser steps", ("more number_of_epochs", "a smaller batch_size"))
    enough = facts.speechlike >= MIN_SPEECHLIKE
    reason = f"{facts.speechlike:.0%} of the utterances listened to sound like speech" + (
        "" if enough else f", under {MIN_SPEECHLIKE:.0%}"
    )
    yield LEARNED if enough else CANNOT_TELL, reason, ("a data_folder of speech",)


def _at_least(number, bound, what, advice):
    enough = number >= bound
    return LEARNED if enough else CANNOT_TELL, f"{number} {what}" + ("" if enough else f", under {bound}"), advice


def _training(rows, facts):
    if not any(row.get("lr", 0) > 0 for row in rows):
        return NOT_LEARNED, "the learning rate was 0", ("an lr above 0 (such as 0.001)",)
    return LEARNED, f"learning rate up to {max(row.get('lr', 0) for row in rows):.2g}", ()


def _halves(rows, facts):
    start, last = rows[0], rows[-1]
    if start is last or "half_rank" not in start or "half_rank" not in last:
        return CANNOT_TELL, "half_rank was not measured", ("retrieval_utterances: 500",)
    untrained, now = start.get("untrained_half_rank", start["half_rank"]), last["half_rank"]
    low, high = gain_interval(untrained, now, facts.measured)
    init = f", of the encoder in init {start['half_rank']:.3f}" if "untrained_half_rank" in start else ""
    reason = f"half_rank {now:.3f}{init}, untrained {untrained:.3f}: a gain of {low:.3f} to {high:.3f} (95 %)"
    if "untrained_half_rank" in start and now == start["half_rank"]:
        return NOT_LEARNED, "half_rank is just what it was before: no weight has changed", ("a higher lr",)
    if low >= MIN_GAIN:
        return LEARNED, reason, ()
    return (
        NOT_LEARNED if now <= untrained + MIN_GAIN else CANNOT_TELL,
        f"{reason}, which should be over {MIN_GAIN}",
        LONGER if facts.cluster_sizes is None else LONGER_ON_LABELS,
    )


def _answers(rows):
    gaps = [row["entropy_gap"] for row in rows if "entropy_gap" in row]
    if gaps:
        risen = gaps[-1] >= max(MIN_GAP, MIN_GAP_RISE * min(gaps))
        reason = f"entropy gap {gaps[-1]:.3f} nats, {gaps[0]:.3f} in the first epoch, {min(gaps):.3f} at its lowest"
        reason += "" if risen else f", which should be over {MIN_GAP}, and {MIN_GAP_RISE - 1:.0%} above its lowest"
        yield LEARNED if risen else NOT_LEARNED, reason, LONGER
    spread = rows[-1].get("embedding_spread")
    if spread is not None:
        yield (
            LEARNED if spread >= MIN_SPREAD else NOT_LEARNED,
            f"embedding spread {spread:.2f}" + ("" if spread >= MIN_SPREAD else f", under {MIN_SPREAD}"),
            ("a higher koleo_weight",),
        )


def _labels(rows, facts):
    """Stage II: labels that could teach something, and a gate that lets some of them through."""
    sizes, kept = facts.cluster_sizes, rows[-1].get("fraction_kept")
    if sizes is not None:
        of_several = sizes["clusters"] - sizes["singletons"]
        reason = f"{sizes['clusters']} clusters, {of_several} of several utterances, the largest of {sizes['largest']}"
        useful = of_several >= 2 and sizes["largest"] <= facts.utterances / 2
        yield LEARNED if useful else NOT_LEARNED, reason, ("another n_clusters", BETTER_TEACHER)
    if kept is not None:
        yield (
            LEARNED if kept >= MIN_KEPT else NOT_LEARNED,
            f"the gate keeps {kept:.0%} of the labels" + ("" if kept >= MIN_KEPT else f", under {MIN_KEPT:.0%}"),
            ("gate_mode: none",),
        )
