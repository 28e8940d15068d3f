"""All that scores and labels say: error rates, costs, Cllr, each with an interval from a bootstrap over speakers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.bootstrap import Replicate, speaker_intervals
from speechbrain_cadino.verification.counts import ErrorCounts
from speechbrain_cadino.verification.decisions import AS_NORM, LOG_ODDS, PLDA
from speechbrain_cadino.verification.isotonic import min_cllr
from speechbrain_cadino.verification.score_files import ScoreFile
from speechbrain_cadino.verification.speakers import trial_speakers

LARGEST_COSINE = 1.001  # rounded


@dataclass(frozen=True)
class ScoreReport:
    """What is measured of scores.

    Arguments
    ---------
    p_targets : sequence of float
        Prior probabilities of a trial of one speaker, for the costs (both costs of errors are 1).
    threshold : float, optional
        Of cosines, for the actual cost; log-odds are decided by Bayes' rule, AS-norm's scores have none.
    log_odds : bool
        Whether all scores are natural log-odds at equal priors; those of a column ``log_odds`` are anyway.
    speaker_pattern : str, optional
        As of `trial_speakers`.
    n_replicates : int
        Of the bootstrap; 0: no intervals.
    level : float
        So many of the replicates lie in an interval.
    seed : int
    """

    p_targets: Sequence[float] = (0.01, 0.05)
    threshold: float | None = None
    log_odds: bool = False
    speaker_pattern: str | None = None
    n_replicates: int = 1000
    level: float = 0.95
    seed: int = 0

    def __call__(self, found: ScoreFile) -> tuple[list[dict], list[str]]:
        """Measure.

        Arguments
        ---------
        found : ScoreFile
            With labels.

        Returns
        -------
        rows : list of dict
            ``scores`` (the column), ``measure``, ``value``, and with intervals ``from`` and ``to``.
        notes : list of str
            What a reader should know: how speakers were found, which draws were left out.

        Raises
        ------
        UserError
            If one kind of trial is absent, or a setting makes no sense.
        """
        if self.n_replicates < 0 or self.n_replicates == 1 or not 0 < self.level < 1:
            raise UserError(f"{self.n_replicates} replicates and a level of {self.level}: set 1000 and 0.95.")
        kinds = np.count_nonzero(found.labels), np.count_nonzero(~found.labels)
        rows, notes = [], [f"{kinds[0]} trials of one speaker, {kinds[1]} of two."]
        speakers = None
        for column, scores in found.scores.items():
            values, measures = self._measures(column, scores, found.labels)
            intervals = {}
            if self.n_replicates:
                if speakers is None:
                    speakers = trial_speakers(found.enrol, found.test, found.labels, self.speaker_pattern)
                    notes.append(speakers.told)
                    notes += ["Of one speaker there are no intervals."] if speakers.n_speakers < 2 else []
                if speakers.n_speakers > 1:
                    how = dict(n_replicates=self.n_replicates, level=self.level, seed=self.seed)
                    sides = speakers.enrol, speakers.test
                    intervals = speaker_intervals(scores, found.labels, *sides, measures, **how)
            rows += [_row(column, name, value, intervals) for name, value in values.items()]
        used = {interval.n_used for interval in intervals.values()}
        if used and min(used) < self.n_replicates:
            notes.append(f"Only {min(used)} of {self.n_replicates} draws of speakers have trials of both kinds.")
        return rows, notes

    def check_threshold(self, found: ScoreFile, path: str | Path, cosines: bool = False) -> None:
        """Refuse a threshold that no scores are decided by, or, with ``cosines``, an encoder's for other scores."""
        if self.threshold is None:
            return
        decided = [name for name in found.scores if self._cut(name, 0.5) is self.threshold]
        if not decided:
            raise UserError(
                f"A threshold does nothing for {', '.join(found.scores)} of {path}: log-odds are decided by their "
                "priors, AS-norm's scores have no threshold. Leave it out."
            )
        for name in decided if cosines else ():
            largest = float(np.abs(found.scores[name]).max())
            if largest > LARGEST_COSINE:
                raise UserError(
                    f"The encoder's threshold is one of cosines, and scores ({name}) of {path} reach {largest:.4g}: "
                    "give --threshold, or --log_odds, or leave it out."
                )

    def _cut(self, column, p):
        """From which score a trial is accepted at a prior probability; None where nobody knows."""
        if self.log_odds or column in (LOG_ODDS, PLDA):
            return np.log((1 - p) / p)
        return None if column.endswith(AS_NORM) else self.threshold

    def _measures(self, column, scores, labels):
        """By name, the value, and what gives it of a replicate."""
        counts = ErrorCounts.of(scores[labels], scores[~labels])
        measures: dict[str, Callable] = {"EER %": lambda drawn: 100 * drawn.counts.eer()[0]}
        for p in self.p_targets:
            measures[f"minDCF({p:g})"] = lambda drawn, p=p: drawn.counts.min_dcf(p)[0]
        is_odds = self.log_odds or column in (LOG_ODDS, PLDA)
        for p in self.p_targets:
            cut = self._cut(column, p)
            if cut is not None:
                measures[f"actDCF({p:g})"] = lambda drawn, p=p, cut=cut: drawn.counts.actual_dcf(cut, p)
        if is_odds:
            bits = np.logaddexp(0, -scores[labels]) / np.log(2), np.logaddexp(0, scores[~labels]) / np.log(2)
            measures["Cllr"] = lambda drawn: float(
                np.mean([np.average(own, weights=w) for own, w in zip(bits, drawn[1:])])
            )
        whole = Replicate(counts, *(np.ones(np.count_nonzero(kind), dtype=np.int64) for kind in (labels, ~labels)))
        values = {name: measure(whole) for name, measure in measures.items()}
        return values | {"min Cllr": min_cllr(scores[labels], scores[~labels])}, measures


def _row(column, name, value, intervals):
    row = {"scores": column, "measure": name, "value": value}
    if name in intervals and np.isfinite(intervals[name].low):
        row |= {"from": intervals[name].low, "to": intervals[name].high}
    return row
