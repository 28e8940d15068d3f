"""The bootstrap over speakers against trials that are repeated by hand, and what it says of known cases."""

import numpy as np
import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import cllr, eer, min_dcf, speaker_intervals
from speechbrain_cadino.verification.bootstrap import replicates
from speechbrain_cadino.verification.score_files import ScoreFile
from speechbrain_cadino.verification.score_report import ScoreReport


def random_trials(seed):
    """Scores (many ties in some), labels and speakers of a list of random size."""
    rng = np.random.default_rng(seed)
    n_speakers, n_trials = rng.integers(2, 9), rng.integers(4, 60)
    enrol, test = rng.integers(n_speakers, size=(2, n_trials))
    labels = enrol == test
    labels[0], enrol[0], test[0] = True, 0, 0
    labels[1], enrol[1], test[1] = False, 0, 1
    scores = np.round(rng.normal(labels, 1), rng.choice([0, 1, 6]))
    names = np.array([f"speaker {number}" for number in range(n_speakers)])
    return scores, labels, names[enrol], names[test]


@pytest.mark.parametrize("seed", range(40))
def test_a_replicate_is_the_list_with_its_trials_repeated(seed):
    scores, labels, enrol, test = random_trials(seed)
    speakers = np.unique([enrol, test])
    rng, checked = np.random.default_rng(seed), 0
    wanted = []
    for _ in range(20):
        drawn = [speakers[number] for number in rng.integers(len(speakers), size=len(speakers))]
        rows = []  # each copy of a speaker is one of its own
        for a, own in enumerate(drawn):
            for b, other in enumerate(drawn):
                rows += [
                    row
                    for row in range(len(scores))
                    if (enrol[row], test[row]) == (own, other) and (own != other or a == b)
                ]
        if 0 < labels[rows].sum() < len(rows):
            wanted.append(rows)
    found = list(replicates(scores, labels, enrol, test, 20, seed))
    assert len(found) == len(wanted)
    for replicate, rows in zip(found, wanted):
        times = np.bincount(rows, minlength=len(scores))
        assert replicate.positive_weights.tolist() == times[labels].tolist()
        assert replicate.negative_weights.tolist() == times[~labels].tolist()
        sides = scores[rows][labels[rows]], scores[rows][~labels[rows]]
        assert replicate.counts.eer()[0] == pytest.approx(eer(*sides)[0], abs=1e-12)
        assert replicate.counts.min_dcf(0.05)[0] == pytest.approx(min_dcf(*sides, 0.05)[0], abs=1e-12)
        threshold = rng.choice(scores)
        cost = 0.05 * np.mean(sides[0] < threshold) + 0.95 * np.mean(sides[1] >= threshold)
        assert replicate.counts.actual_dcf(threshold, 0.05) == pytest.approx(cost / 0.05, abs=1e-12)
        checked += 1
    assert checked or not wanted


def test_intervals_are_percentiles_and_the_same_each_time():
    scores, labels, enrol, test = random_trials(3)
    measures = {"EER": lambda drawn: drawn.counts.eer()[0], "n": lambda drawn: drawn.positive_weights.sum()}
    found = speaker_intervals(scores, labels, enrol, test, measures, 50, 0.8, seed=4)
    values = [drawn.counts.eer()[0] for drawn in replicates(scores, labels, enrol, test, 50, 4)]
    assert found["EER"][:2] == (np.quantile(values, 0.1), np.quantile(values, 0.9)) and found["EER"].n_used == len(
        values
    )
    assert found == speaker_intervals(scores, labels, enrol, test, measures, 50, 0.8, seed=4)
    assert found != speaker_intervals(scores, labels, enrol, test, measures, 50, 0.8, seed=5)


def test_few_speakers_with_many_trials_are_less_sure_than_their_trials_say():
    """Of 12 speakers some are bad: over speakers the interval has room for that, over trials it would not."""
    rng = np.random.default_rng(0)
    enrol, test = rng.integers(12, size=(2, 20_000))
    test = np.where(rng.random(20_000) < 0.3, enrol, test)
    labels = enrol == test
    scores = rng.normal(2.0 * labels, 1) - 1.5 * labels * (enrol < 3)
    measures = {"EER": lambda drawn: drawn.counts.eer()[0]}
    (of_speakers,) = speaker_intervals(scores, labels, enrol, test, measures, 200).values()
    of_trials = []
    for _ in range(50):
        rows = rng.integers(len(scores), size=len(scores))
        of_trials.append(eer(scores[rows][labels[rows]], scores[rows][~labels[rows]])[0])
    assert of_speakers.low < eer(scores[labels], scores[~labels])[0] < of_speakers.high
    assert of_speakers.high - of_speakers.low > 3 * np.ptp(np.quantile(of_trials, [0.025, 0.975]))


def test_what_cannot_have_an_interval():
    labels, enrol, test = np.array([True, False]), ["a", "a"], ["a", "b"]
    measures = {"EER": lambda drawn: drawn.counts.eer()[0]}
    for scores, settings, said in (
        ([0.5, np.nan], {}, "not finite"),
        ([0.5, 0.1], dict(n_replicates=1), "no interval"),
        ([0.5, 0.1], dict(level=1.0), "no interval"),
    ):
        with pytest.raises(UserError, match=said):
            speaker_intervals(scores, labels, enrol, test, measures, **settings)
    with pytest.raises(UserError, match="of 1 speaker"):
        speaker_intervals([0.5, 0.1], labels, ["a", "a"], ["a", "a"], measures)
    lonely = speaker_intervals([0.5, 0.4], np.array([True, True]), enrol, test, measures, 20)["EER"]
    assert lonely.n_used == 0 and np.isnan(lonely.low)


def test_weighted_log_odds():
    scores, labels, enrol, test = random_trials(5)
    found = ScoreFile(list(enrol), list(test), labels, {"log_odds": scores})
    rows, _ = ScoreReport(n_replicates=30, speaker_pattern="(.*)")(found)
    row = next(row for row in rows if row["measure"] == "Cllr")
    values = []
    for drawn in replicates(scores, labels, enrol, test, 30, 0):
        sides = (np.repeat(scores[labels], drawn.positive_weights), np.repeat(scores[~labels], drawn.negative_weights))
        values.append(cllr(*sides))
    assert row["value"] == pytest.approx(cllr(scores[labels], scores[~labels]))
    assert [row["from"], row["to"]] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist())


def test_of_very_many_scores_some_thresholds_do(monkeypatch):
    rng = np.random.default_rng(0)
    enrol, test = rng.integers(20, size=(2, 4000))
    scores, labels = rng.normal(enrol == test, 0.6), enrol == test
    measures = {"EER": lambda drawn: drawn.counts.eer()[0]}
    whole = speaker_intervals(scores, labels, enrol, test, measures, 20)["EER"]
    monkeypatch.setattr("speechbrain_cadino.verification.bootstrap.MOST_THRESHOLDS", 500)
    some = speaker_intervals(scores, labels, enrol, test, measures, 20)["EER"]
    assert some == pytest.approx(whole, abs=0.01) and some != whole
