"""Whether a run learned: runs that did, and every kind of run that did not."""

from dataclasses import replace

import pytest

from speechbrain_cadino.training.verdict import (
    CANNOT_TELL,
    LEARNED,
    NOT_LEARNED,
    RunFacts,
    gain_interval,
    judge,
    unfit,
)

FACTS = RunFacts(utterances=1058, recordings=1058, steps=264, speechlike=0.97, measured=500)
SIZES = {"clusters": 260, "median_size": 3.0, "largest": 30, "singletons": 60}


def run(start, end, gaps=(0.8, 0.42, 0.83), spread=0.99, lr=0.001, **last):
    rows = [{"epoch": 0, "half_rank": start}]
    rows += [{"epoch": n, "lr": lr, "entropy_gap": gap, "embedding_spread": spread} for n, gap in enumerate(gaps, 1)]
    rows[-1] |= {"half_rank": end, **last}
    return rows


def stage_two(start, end, untrained=0.6, kept=0.9):
    rows = [{"epoch": 0, "half_rank": start, "untrained_half_rank": untrained}]
    return [*rows, {"epoch": 1, "lr": 0.001, "half_rank": end, "fraction_kept": kept}]


CASES = {
    "learned": (run(0.60, 0.80), FACTS, LEARNED),
    "stage II, a little under its start": (stage_two(0.80, 0.78), replace(FACTS, cluster_sizes=SIZES), LEARNED),
    "no gain": (run(0.60, 0.61), FACTS, NOT_LEARNED),
    "chance": (run(0.50, 0.50, gaps=(0.9, 0.3, 0.2)), FACTS, NOT_LEARNED),
    "worse": (run(0.60, 0.52), FACTS, NOT_LEARNED),
    "some gain, nothing certain": (run(0.60, 0.68), FACTS, CANNOT_TELL),
    "learning rate 0": (run(0.60, 0.60, lr=0), FACTS, NOT_LEARNED),
    "learning rate 0 on few files": (run(0.60, 0.60, lr=0), replace(FACTS, utterances=20), NOT_LEARNED),
    "a gap that sinks": (run(0.60, 0.80, gaps=(0.8, 0.4, 0.3)), FACTS, NOT_LEARNED),
    "no gap": (run(0.60, 0.80, gaps=(0.01, 0.001, 0.01)), FACTS, NOT_LEARNED),
    "no spread": (run(0.60, 0.80, spread=0.1), FACTS, NOT_LEARNED),
    "not speech": (run(0.60, 0.95), replace(FACTS, speechlike=0.0), CANNOT_TELL),
    "half of it speech": (run(0.60, 0.95), replace(FACTS, speechlike=0.5), CANNOT_TELL),
    "one recording": (run(0.60, 0.95), replace(FACTS, recordings=1), CANNOT_TELL),
    "few utterances": (run(0.60, 0.95), replace(FACTS, utterances=60, recordings=60, measured=60), CANNOT_TELL),
    "few steps": (run(0.60, 0.80), replace(FACTS, steps=33), CANNOT_TELL),
    "not measured": ([{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.1}], FACTS, CANNOT_TELL),
    "one row": ([{"epoch": 1, "lr": 0.1}], FACTS, CANNOT_TELL),
    "stage II, nothing moved": (stage_two(0.80, 0.80), replace(FACTS, cluster_sizes=SIZES), NOT_LEARNED),
    "stage II, no labels kept": (stage_two(0.80, 0.82, kept=0.0), replace(FACTS, cluster_sizes=SIZES), NOT_LEARNED),
    "stage II, all in one cluster": (
        stage_two(0.80, 0.82),
        replace(FACTS, cluster_sizes={**SIZES, "largest": 1058, "clusters": 1, "singletons": 0}),
        NOT_LEARNED,
    ),
    "stage II, each alone": (
        stage_two(0.80, 0.82),
        replace(FACTS, cluster_sizes={**SIZES, "clusters": 1058, "singletons": 1058, "largest": 1}),
        NOT_LEARNED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_verdicts(case):
    rows, facts, wanted = CASES[case]
    verdict = judge(rows, facts)
    assert verdict.word == wanted, verdict
    assert (verdict.advice == []) == (wanted == LEARNED)
    text = verdict.text()
    assert text.startswith(f"Did it learn? {wanted.upper()}: ") and ("What to change" in text) == (wanted != LEARNED)


def test_what_is_wrong_comes_first():
    assert judge(run(0.6, 0.95), replace(FACTS, recordings=3)).reasons[0].startswith("3 different recordings, under 50")
    assert judge(run(0.6, 0.6, lr=0), replace(FACTS, recordings=3)).reasons[0] == "the learning rate was 0"


def test_what_failed_and_what_is_good_are_told_apart():
    facts = replace(FACTS, steps=80)
    verdict = judge(run(0.6, 0.62), facts)
    assert verdict.reasons[0].startswith("80 optimiser steps, under 150") and "which should be" in verdict.text()
    assert not set(verdict.reasons) & set(verdict.good) and f"{facts.utterances} utterances" in verdict.good
    assert "As it should be: " in verdict.text() and not any("under" in good for good in verdict.good)
    assert judge(run(0.6, 0.95), FACTS).good == []


@pytest.mark.parametrize("case", CASES)
def test_no_advice_twice(case):
    rows, facts, _ = CASES[case]
    told = [
        part.removeprefix("or ")
        for advice in judge(rows, replace(facts, steps=80)).advice
        for part in advice.split(", ")
    ]
    assert len(told) == len(set(told)) and "more number_of_epochs" in told


def test_what_is_known_before():
    assert unfit(FACTS) == []
    told = unfit(replace(FACTS, steps=33, utterances=50))
    assert [reason for reason, _ in told] == ["50 utterances, under 100", "33 optimiser steps, under 150"]


def test_the_interval_covers_what_is_drawn():
    """Gains of 1,000 drawn pairs of runs: at least 95 % lie within the interval about the true one."""
    import numpy as np

    rng = np.random.default_rng(0)
    true, inside = 0.8 - 0.6, 0
    for _ in range(1000):
        start, end = (rng.beta(4 * mean, 4 * (1 - mean), 200).mean() for mean in (0.6, 0.8))
        low, high = gain_interval(start, end, 200)
        inside += low <= true <= high
    assert inside >= 950
