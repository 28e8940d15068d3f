"""From a score and two durations to the log-odds that two utterances are of one speaker."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification.arrays import numbers, numbers_above

logger = logging.getLogger(__name__)

VARIES = 0.05  # deviation of log seconds below which durations say nothing
APART = 0.5  # deviations between the mean log seconds of both sides, from which durations tell sides, not voices
LEAST = 1e-6  # deviation of scores below which they differ by float32 rounding alone
PENALTY = 1e-7  # of the squared coefficients, for pairs that a score parts without error


@dataclass(frozen=True)
class Calibration:
    """Coefficients of a logistic regression on score and durations, at equal priors.

    ``log-odds = offset + score * s + log_shorter * log(shorter) + log_longer * log(longer)``, with the two durations in
    seconds, those outside ``seconds`` counted as its nearest end.

    Arguments
    ---------
    offset, score, log_shorter, log_longer : float
    seconds : tuple of float, optional
        The shortest and the longest that it was fitted on; None: durations do not count.
    shortest : float, optional
        The shortest that it was fitted on, also where durations do not count; None: not known.

    Example
    -------
    >>> Calibration(offset=-4.0, score=10.0).log_odds(0.4).item()
    0.0
    """

    offset: float
    score: float
    log_shorter: float = 0.0
    log_longer: float = 0.0
    seconds: tuple[float, float] | None = None
    shortest: float | None = None

    def log_odds(
        self,
        scores: np.ndarray | float,
        seconds_x: np.ndarray | float | None = None,
        seconds_y: np.ndarray | float | None = None,
        prior: float = 0.5,
    ) -> np.ndarray:
        """Natural log-odds of one speaker against two.

        Arguments
        ---------
        scores : np.ndarray or float
            Cosines, of any shape.
        seconds_x, seconds_y : np.ndarray or float
            Durations; needed if they count here.
        prior : float
            Probability, before the voices are heard, that a pair is of one speaker; 0.5 gives the log-likelihood ratio.

        Returns
        -------
        np.ndarray
            float64, of the scores' shape.

        Raises
        ------
        UserError
            If the prior is none, a score is not finite, a duration is not above 0, or durations are missing.
        """
        before = numbers(prior, "prior")
        if before.ndim or not 0 < before < 1:
            raise UserError(f"prior is {prior}: give a probability between 0 and 1, both left out.")
        scores = numbers_above(-np.inf, scores, "score")
        seconds = [numbers_above(0, each, "duration") for each in (seconds_x, seconds_y) if each is not None]
        odds = self.offset + self.score * scores + np.log(before / (1 - before))
        if self.seconds is None:
            return odds
        if len(seconds) < 2:
            raise UserError("This calibration goes by durations too: give both, in seconds.")
        logs = [np.log(np.clip(each, *self.seconds)) for each in seconds]
        return odds + self.log_shorter * np.minimum(*logs) + self.log_longer * np.maximum(*logs)

    def probability(
        self,
        scores: np.ndarray | float,
        seconds_x: np.ndarray | float | None = None,
        seconds_y: np.ndarray | float | None = None,
        prior: float = 0.5,
    ) -> np.ndarray:
        """The probability of one speaker, from 0 to 1; arguments as of `log_odds`."""
        return 1 / (1 + np.exp(-np.clip(self.log_odds(scores, seconds_x, seconds_y, prior), -700, 700)))

    def as_dict(self) -> dict:
        """For JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Calibration:
        """Of what `as_dict` gave, be it from JSON; a `UserError` if it is anything else."""
        try:
            found = cls(**values)
            numbers = [found.offset, found.score, found.log_shorter, found.log_longer, *(found.seconds or [])]
            good = np.isfinite(numbers).all() and found.score > 0
            shortest, longest = found.seconds or (1, 1)
            good &= 0 < shortest <= longest and (found.shortest is None or 0 < found.shortest < np.inf)
        except (TypeError, ValueError):
            good = False
        if not good:
            raise UserError(f"The calibration {values} is none: export the encoder again.")
        return found


def fit_calibration(
    target_scores: np.ndarray,
    impostor_scores: np.ndarray,
    target_seconds: np.ndarray | None = None,
    impostor_seconds: np.ndarray | None = None,
) -> Calibration:
    """Logistic regression on pairs of one speaker and of two, both sides weighing the same however many there are.

    Arguments
    ---------
    target_scores, impostor_scores : np.ndarray
        (n_targets,) and (n_impostors,)
    target_seconds, impostor_seconds : np.ndarray, optional
        (2, n_targets) and (2, n_impostors): durations of both utterances. Where they hardly vary they are left out,
        and where those of one side are longer, which a warning says: they would stand for the side.

    Returns
    -------
    Calibration

    Raises
    ------
    UserError
        If a side is empty, a score or duration is no good, or a higher score does not mean one speaker.

    Example
    -------
    >>> rng = np.random.default_rng(0)  # two normal distributions: the log-odds are (s - 0.25) / 0.04
    >>> found = fit_calibration(rng.normal(0.5, 0.1414, 40_000), rng.normal(0, 0.1414, 40_000))
    >>> round(found.score), round(found.offset)
    (25, -6)
    """
    n_targets, n_impostors = len(target_scores), len(impostor_scores)
    if not (n_targets and n_impostors):
        raise UserError("A calibration needs pairs of one speaker and of two.")
    is_target = np.arange(n_targets + n_impostors) < n_targets
    scores = np.concatenate([target_scores, impostor_scores]).astype(np.float64)
    if not np.isfinite(scores).all():
        raise UserError("Some scores are not finite: look at the audio of these utterances, and at the encoder.")
    if scores.std() < LEAST:
        raise UserError(f"All pairs score alike, {scores.mean():.3f}: the encoder tells no voices apart.")
    columns, seconds, shortest = [scores], None, None
    if target_seconds is not None:
        both = np.concatenate([target_seconds, impostor_seconds], axis=1).astype(np.float64)
        if not ((both > 0) & (both < np.inf)).all():
            raise UserError("Some durations are not above 0: give seconds.")
        shortest = float(both.min())
        if _tell_of_voices(np.log(both), is_target):
            columns += [np.log(both.min(axis=0)), np.log(both.max(axis=0))]
            seconds = shortest, float(both.max())
    weights = np.where(is_target, 0.5 / n_targets, 0.5 / n_impostors)
    rows = np.stack(columns, axis=1)
    model = LogisticRegression(C=1 / PENALTY, solver="newton-cholesky").fit(rows, is_target, sample_weight=weights)
    coefficients = model.coef_[0].tolist()
    if not coefficients[0] > 0:
        raise UserError("Pairs of one speaker score no higher than pairs of two.")
    return Calibration(float(model.intercept_[0]), *coefficients, *[0.0] * (3 - len(coefficients)), seconds, shortest)


def _tell_of_voices(logs, is_target):
    """Whether log seconds (2, n) vary, and not from one side to the other: then they would say nothing of a score."""
    if logs.std() <= VARIES:
        return False
    apart = abs(logs[:, is_target].mean() - logs[:, ~is_target].mean()) / logs.std()
    if apart > APART:
        logger.warning("Probabilities go by scores alone: known pairs of one speaker and of two differ in length.")
    return apart <= APART
