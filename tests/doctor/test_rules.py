"""Each rule on the figures of runs that were seen to be well or ill, at its bounds, and on next to nothing."""

import math

import numpy as np
import pytest

from speechbrain_cadino.doctor import labels, learning, progress, stage_one, stage_two
from speechbrain_cadino.doctor.finding import DOUBTFUL, ILL, NOTE, Finding, by_severity

LN = math.log(1024)


def level(finding):
    return None if finding is None else finding.level


def row(gap, spread=0.99, epoch=9, **more):
    return {"epoch": epoch, "entropy_gap": gap, "embedding_spread": spread, "mean_entropy": 1.0} | {
        "entropy_of_mean": 1.0 + gap, "max_entropy": LN, **more
    }  # fmt: skip


@pytest.mark.parametrize(
    "last, found",
    [
        (row(2.0), None),
        (row(0.019), ILL),
        (row(0.021), None),
        (row(2.0, spread=0.04), ILL),
        (row(0.0, epoch=2), None),  # in the warm-up
        (row(math.nan, epoch=1), ILL),
        ({"epoch": 9, "loss": 1.0}, None),  # of stage II
    ],
)
def test_collapsed(last, found):
    assert (
        level(stage_one.collapsed([row(2.0, epoch=1), last], warmup_epochs=2, min_gap=0.02, min_spread=0.05)) == found
    )
    assert stage_one.collapsed([]) is None


@pytest.mark.parametrize(
    "gaps, found",
    [
        ([0.9, 0.4, 0.44, 0.57, 0.68, 0.73], None),  # telephone speech: it falls in the first third
        ([0.9, 1.2, 2.0, 2.6, 2.8, 2.8], None),
        ([0.9, 1.2, 2.0, 1.6, 1.1, 0.9], DOUBTFUL),
        ([0.9, 1.2, 2.0, 1.01, 1.01, 1.01], None),
        ([2.0, 0.1], None),
        ([], None),
    ],
)
def test_collapsing(gaps, found):
    assert level(stage_one.collapsing(gaps)) == found


@pytest.mark.parametrize(
    "fraction, done, found",
    [(0.23, 1.0, None), (0.95, 0.5, None), (0.97, 0.49, None), (0.97, 0.5, ILL), (0.98, 1.0, ILL), (1.0, 1.0, ILL)],
)
def test_near_chance(fraction, done, found):
    assert level(stage_one.near_chance([LN, fraction * LN], LN, done)) == found
    assert stage_one.near_chance([], LN, 1.0) is None


@pytest.mark.parametrize(
    "spreads, weight, found",
    [
        ([0.98, 0.99, 0.99], 2.0, None),
        ([0.95, 0.92, 0.95], 2.0, None),
        ([0.952, 0.878, 0.924], 2.0, DOUBTFUL),  # lr 0.1 in place of 0.004
        ([0.952, 0.878, 0.924], 0.0, None),
        ([0.952, 0.878, 0.924], None, None),
        ([], 2.0, None),
    ],
)
def test_crowded(spreads, weight, found):
    assert level(stage_one.crowded(spreads, weight)) == found


@pytest.mark.parametrize(
    "losses, found",
    [
        ([6.8, 6.5, 5.8, 4.7, 3.8, 3.3], None),
        ([6.88, 6.79, 6.95, 6.9, 6.4, 6.3], None),  # over chance by little
        ([6.9, 9.0, 12.0, 9.0, 7.5, 6.0], DOUBTFUL),  # it came back
        ([6.9, 9.0, 12.0, 9.0, 7.5, 7.0], ILL),
        ([6.9, 8.0, 9.0], None),  # too short to tell
        ([6.9, 9.0, math.nan, 9.0, 7.5, 7.0], None),  # see `not_finite`
    ],
)
def test_too_fast(losses, found):
    rates = np.array([0.5, 1.0, 0.9, 0.6, 0.3, 0.1])[: len(losses)]
    assert level(stage_one.too_fast(losses, rates, LN)) == found


def gated(first, last, precision=None, loss=2.0, threshold=5.0):
    rows = [{"epoch": 1, "gate_threshold": math.inf, "fraction_kept": 1.0, "label_loss": 5.0}]
    for epoch, kept in ((2, first), (3, last)):
        rows.append({"epoch": epoch, "gate_threshold": threshold, "fraction_kept": kept, "label_loss": loss})
        rows[-1] |= {} if precision is None else {"gate_precision": precision}
    return rows


@pytest.mark.parametrize(
    "rows, found",
    [
        (gated(0.84, 0.9, 0.15, loss=0.4), None),  # late, few wrong
        (gated(0.37, 0.62, 0.10, loss=7.95), ILL),  # a demo corpus, from epoch 3 on
        (gated(0.35, 0.60, 0.60, loss=6.9), None),  # 43 % of the labels wrong: what it left out was
        (gated(0.25, 0.36, None, loss=12.0), DOUBTFUL),  # no speaker known: who knows
        (gated(0.42, 0.95, 0.1, loss=0.5), DOUBTFUL),  # recovered
        (gated(0.42, 0.79, 0.1, loss=4.0), DOUBTFUL),  # under chance: learnt all the same
        (gated(0.5, 0.5, 0.1, loss=9.0), None),
        ([{"epoch": 1, "gate_threshold": math.inf, "fraction_kept": 1.0}], None),
    ],
)
def test_gate_early(rows, found):
    finding = stage_two.gate_early(rows, 98)
    assert level(finding) == found
    if found:
        assert "epoch 2" in finding.seen and "start_epoch" in finding.remedy


def test_without_the_number_of_classes_chance_is_not_known():
    assert level(stage_two.gate_early(gated(0.3, 0.3, 0.1, loss=12.0), None)) == DOUBTFUL


@pytest.mark.parametrize("wrong, found", [(0.1, None), (0.2, NOTE), (None, NOTE), (0.43, DOUBTFUL)])
def test_an_open_gate_matters_where_labels_are_wrong(wrong, found):
    rows = [{"epoch": 1, "gate_threshold": math.inf, "fraction_kept": 1.0}]
    assert level(stage_two.gate_idle(rows, "dynamic", "one mode", wrong)) == found
    assert stage_two.gate_idle(rows, "none", "", wrong) is None
    assert stage_two.gate_idle(gated(0.3, 0.9, 0.1), "dynamic", "", wrong) is None  # it is `gate_early`'s


@pytest.mark.parametrize(
    "loss, classes, done, found",
    [(0.3, 98, 1.0, None), (8.87, 26, 1.0, ILL), (8.87, 26, 0.4, None), (5.1, 905, 1.0, None), (None, 98, 1.0, None)]
    + [(9.0, None, 1.0, None), (9.0, 1, 1.0, None)],
)
def test_labels_not_learnt(loss, classes, done, found):
    assert level(stage_two.labels_not_learnt(loss, classes, done)) == found


@pytest.mark.parametrize(
    "accuracy, corrected, found",
    [
        (0.9, 0.2, None),
        (0.02, 0.31, DOUBTFUL),
        (0.3, 0.3, None),
        (0.02, 0.05, None),
        (None, 0.3, None),
        (0.1, None, None),
    ],
)
def test_corrected_wrongly(accuracy, corrected, found):
    assert level(stage_two.corrected_wrongly(accuracy, corrected)) == found


@pytest.mark.parametrize(
    "within, across, found",
    [(1.0, 0.87, None), (0.94, 0.18, ILL), (0.99, 0.40, DOUBTFUL), (0.83, 0.6, None), (math.nan, 0.5, None)]
    + [(1.0, math.nan, None), (1.0, 0.5, None), (0.36, 0.33, None)],
)
def test_sessions(within, across, found):
    assert level(labels.sessions({"same_spk_within": within, "same_spk_across": across})) == found
    assert labels.sessions({}) is None


def test_of_one_session():
    sessions = np.repeat(["a", "b", "c", "d"], 10)
    assert level(labels.of_one_session(np.repeat([0, 1, 2, 3], 10), sessions)) == NOTE
    assert labels.of_one_session(np.repeat([0, 1], 20), sessions) is None
    assert labels.of_one_session(np.arange(40), sessions) is None  # singletons are another matter
    assert labels.of_one_session(np.repeat([0, 1, 2, 3], 10), np.arange(40).astype(str)) is None  # none is known
    assert labels.of_one_session(np.full(40, -1), sessions) is None
    mixed = np.repeat([0, 1, 2, 3], 10)
    mixed[:5] = 1  # 15 of 40 utterances share their cluster with another session
    assert labels.of_one_session(mixed, sessions) is None


@pytest.mark.parametrize(
    "numbers, rules",
    [
        ((98, 3, 75, 900), []),
        ((330, 251, 156, 1058), []),  # calls: 24 % of the utterances alone
        ((500, 301, 20, 1000), ["singletons"]),
        ((20, 0, 310, 1000), ["large_cluster"]),
        ((2, 1, 1, 2), ["singletons", "large_cluster"]),
        ((0, 0, 0, 0), []),
    ],
)
def test_sizes(numbers, rules):
    found = labels.sizes(*numbers)
    assert [one.rule for one in found] == rules
    assert level(labels.sizes(20, 0, 501, 1000)[0]) == ILL


@pytest.mark.parametrize("fraction, found", [(0.3, None), (0.43, DOUBTFUL), (None, None), (math.nan, None)])
def test_wrong_labels(fraction, found):
    assert level(labels.wrong(fraction)) == found


@pytest.mark.parametrize(
    "before, after, rules",
    [
        ({"ami_speakers": 0.91, "EER %": 5.2}, {"ami_speakers": 0.914, "EER %": 4.8, "ami_previous": 0.95}, []),
        ({"ami_speakers": 0.91}, {"ami_speakers": 0.88}, ["labels_worse"]),
        ({"EER %": 5.24}, {"EER %": 5.87}, []),  # 12 %, 0.6 points: chance
        ({"EER %": 5.0}, {"EER %": 6.5}, ["iteration_worse"]),
        ({}, {"ami_previous": 0.996}, ["labels_same"]),
        ({}, {}, []),
    ],
)
def test_by_iteration(before, after, rules):
    assert [one.rule for one in labels.by_iteration([{"iteration": 1, **before}, {"iteration": 2, **after}])] == rules
    assert labels.by_iteration([]) == []


def test_worse_than_init():
    ranks = {"exported_half_rank": 0.715, "init_half_rank": 0.879, "init_gain_low": -0.2, "init_gain_high": -0.122}
    found = labels.worse_than_init(ranks | {"keep": "keep the encoder of --init (x)"})
    assert found.level == ILL and found.remedy == "Keep the encoder of --init (x)."
    assert labels.worse_than_init(ranks | {"init_gain_high": 0.01}) is None
    assert level(labels.worse_than_init({"EER %": 15.0, "init EER %": 12.0})) == DOUBTFUL
    assert labels.worse_than_init({"EER %": 12.5, "init EER %": 12.0}) is None and labels.worse_than_init({}) is None


def test_what_the_run_said_itself():
    text = "Did it learn? NOT LEARNED: a; b.\nAs it should be: c.\nWhat to change: more data; d."
    word, reasons, advice = progress.from_verdict_text(text)
    found = progress.told(word, reasons, advice)
    assert found.level == ILL and "a; b" in found.seen and found.remedy == "What to change: more data; d."
    assert level(progress.told(*progress.from_verdict_text("Did it learn? CANNOT TELL: 40 utterances."))) == DOUBTFUL
    assert progress.told(*progress.from_verdict_text("Did it learn? LEARNED: well.")) is None
    assert progress.told(*progress.from_verdict_text("")) is None


@pytest.mark.parametrize(
    "reason, found",
    [("", DOUBTFUL), ("stopped after epoch 5, saved (SIGTERM): the same command goes on.", DOUBTFUL)]
    + [("The memory is full: lower batch_size.", ILL)],
)
def test_stopped(reason, found):
    finding = progress.stopped(5, 20, reason)
    assert finding.level == found and "epoch 5 of 20" in finding.seen and not finding.seen.endswith("..")
    assert finding.text().count("The same command goes on") + finding.text().count("the same command goes on") <= 1
    assert "Nothing is trained" in progress.stopped(0, None, reason).text()


@pytest.mark.parametrize(
    "losses, skipped, steps, found",
    [
        ([6.0, 5.0], 0, 100, None),
        ([6.0, 5.0], 1, 1000, NOTE),
        ([6.0, 5.0], 20, 1000, DOUBTFUL),
        ([6.0, 5.0], 200, 1000, ILL),
        ([6.0, 5.0], 3, None, NOTE),
        ([6.0, math.nan], 0, 100, ILL),
        ([6.0, math.inf], 0, None, ILL),
        ([6.0, None], 0, 100, None),
        ([], 0, None, None),
    ],
)
def test_not_finite(losses, skipped, steps, found):
    assert level(progress.not_finite(losses, skipped, steps)) == found


def test_waiting():
    found = progress.waiting([5.0, 4.0], [10.0, 10.0], 0, preload=False)
    assert found.level == DOUBTFUL and "9 of 20 s (45%)" in found.seen
    assert "num_workers in loader_options (it is 0)" in found.remedy and "preload" in found.remedy
    assert "preload" not in progress.waiting([5.0], [10.0], None, preload=True).remedy
    assert progress.waiting([2.9], [10.0], 0, None) is None and progress.waiting([], [], 0, None) is None
    assert level(progress.waiting([3.0], [10.0], 0, None)) == DOUBTFUL


def test_unreadable():
    assert progress.unreadable([]) is None
    assert level(progress.unreadable([(1, 1, 1000, "a.wav")])) == NOTE
    found = progress.unreadable([(1, 1, 1000, "a.wav"), (2, 20, 1000, "b.wav is empty")])
    assert found.level == DOUBTFUL and "In epoch 2 20 of 1000" in found.seen and "b.wav" in found.seen


@pytest.mark.parametrize(
    "ranks, rates, measured, found",
    [
        ([0.95, 0.957, 0.956], [12.3, 8.75, 8.92], 500, None),
        ([0.772, 0.704], [], 500, DOUBTFUL),
        ([0.772, 0.704], [], 30, None),  # an interval of so few says nothing
        ([0.99, 0.99], [20.4, 24.2], 500, DOUBTFUL),
        ([], [6.8, 8.3], 500, None),  # 1.5 points: some trials of a short list
        ([], [30.0, 33.0], 500, None),  # 10 %
        ([0.9], [10.0], 500, None),
        ([0.9, 0.5], [], 0, None),
    ],
)
def test_got_worse(ranks, rates, measured, found):
    finding = learning.got_worse(ranks, rates, measured, loss_fell=True)
    assert level(finding) == found
    if found:
        assert "by heart" in finding.consequence
        assert "by heart" not in learning.got_worse(ranks, rates, measured, loss_fell=False).text()


@pytest.mark.parametrize(
    "ranks, rates, last, found",
    [
        ([0.95, 0.956], [9.0, 8.9], 1e-5, None),
        ([0.80, 0.84], [], 1e-5, DOUBTFUL),
        ([0.80, 0.82], [20.0, 15.5, 12.0], 1e-5, DOUBTFUL),
        ([], [12.5, 13.1, 10.4], 1e-5, None),  # once is chance
        ([], [6.0, 4.5, 3.55], 1e-5, None),  # 21 %, but under a point
        ([0.990, 0.993], [], 1e-5, None),  # 30 % of what it lacked, but not clear
        ([0.956], [8.9], 6e-4, DOUBTFUL),
        ([1.0, 1.0], [], 1e-5, None),
        ([], [], 0.0, None),
    ],
)
def test_ended_early(ranks, rates, last, found):
    assert level(learning.ended_early(ranks, rates, last, 1e-3)) == found


def test_findings():
    some = [Finding("a", NOTE, "A."), Finding("b", ILL, "B."), Finding("c", DOUBTFUL, "C."), Finding("d", ILL, "D.")]
    assert [one.rule for one in by_severity(some)] == ["b", "d", "c", "a"]
    assert Finding("a", ILL, "One.", "", "Two.", part="iteration 2").text() == "Iteration 2: One. Two."
    with pytest.raises(ValueError, match="level is one of"):
        Finding("a", "bad", "A.")
