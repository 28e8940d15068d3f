"""From a score and two durations to the log-odds that two utterances are of one speaker."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from speechbrain_cadino.utils.errors import UserError

VARIES = 0.05  # deviation of log seconds below which durations say nothing
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
            If the prior is none, or durations are missing or not over 0.
        """
        if not 0 < prior < 1:
            raise UserError(f"prior is {prior}: give a probability between 0 and 1, both left out.")
        odds = self.offset + self.score * np.asarray(scores, dtype=np.float64) + np.log(prior / (1 - prior))
        if self.seconds is None:
            return odds
        if seconds_x is None or seconds_y is None:
            raise UserError("This calibration goes by durations too: give both, in seconds.")
        if not (np.min(seconds_x) > 0 and np.min(seconds_y) > 0):
            raise UserError("A duration is not over 0: give both, in seconds.")
        logs = [np.log(np.clip(seconds, *self.seconds)) for seconds in (seconds_x, seconds_y)]
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
        """For JSON; ``Calibration(**values)`` reads it."""
        return asdict(self)


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
        (2, n_targets) and (2, n_impostors): durations of both utterances. Where they hardly vary they are left out.

    Returns
    -------
    Calibration

    Raises
    ------
    UserError
        If a side is empty, or a higher score does not mean one speaker.

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
    columns, seconds = [np.concatenate([target_scores, impostor_scores]).astype(np.float64)], None
    if target_seconds is not None:
        both = np.concatenate([target_seconds, impostor_seconds], axis=1)
        logs = np.log(both)
        if logs.std() > VARIES:
            columns += [logs.min(axis=0), logs.max(axis=0)]
            seconds = float(both.min()), float(both.max())
    is_target = np.arange(n_targets + n_impostors) < n_targets
    weights = np.where(is_target, 0.5 / n_targets, 0.5 / n_impostors)
    rows = np.stack(columns, axis=1)
    model = LogisticRegression(C=1 / PENALTY, solver="newton-cholesky").fit(rows, is_target, sample_weight=weights)
    coefficients = model.coef_[0].tolist()
    if not coefficients[0] > 0:
        raise UserError("Pairs of one speaker score no higher than pairs of two.")
    return Calibration(float(model.intercept_[0]), *coefficients, *[0.0] * (3 - len(coefficients)), seconds)
