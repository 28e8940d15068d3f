"""What is decided of trials: accepted or not, at the encoder's threshold, and the log-odds behind it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.trials import Trials
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import write_csv
from speechbrain_cadino.verification.calibration import Calibration
from speechbrain_cadino.verification.evaluation import Evaluation

# Columns of scores in a table of decisions.
COSINE, AS_NORM, PLDA, LOG_ODDS = "cosine", "as_norm", "plda", "log_odds"


class Decider(NamedTuple):
    """How a cosine becomes a decision.

    Arguments
    ---------
    threshold : float or None
        From which a trial is accepted.
    calibration : Calibration or None
    """

    threshold: float | None
    calibration: Calibration | None = None

    @classmethod
    def of(cls, metadata: dict, threshold: float | None = None) -> Decider:
        """Of what ``encoder.json`` says; a threshold that is given comes before the encoder's."""
        threshold = metadata.get("threshold") if threshold is None else threshold
        if threshold is not None and not -1 <= threshold <= 1:
            raise UserError(
                f"The threshold is {threshold:g}: scores are cosines, so give one from -1 to 1, such as 0.3."
            )
        known = metadata.get("calibration")
        return cls(threshold, Calibration.from_dict(known) if known else None)

    def accepted(self, cosines: np.ndarray) -> np.ndarray:
        """(n_trials,) bool"""
        # As float32, which the scores are: the threshold may be one of them.
        return cosines >= np.float32(self.threshold)

    def rates(self, cosines: np.ndarray, labels: np.ndarray | None) -> dict:
        """What a table says of the decisions: how many are accepted, and the errors where there are labels."""
        if self.threshold is None:
            return {}
        accepted = self.accepted(cosines)
        row = {"accepted": int(accepted.sum())}
        if labels is not None:
            row |= {"FAR %": 100 * float(accepted[~labels].mean()), "FRR %": 100 * float((~accepted[labels]).mean())}
        return row

    def write(self, path: str | Path, trials: Trials, evaluation: Evaluation, kind: str | None = None) -> None:
        """Write a CSV of trials, all or nothing.

        Its columns are ``label`` (where known), ``enrol``, ``test``, ``cosine``, the scores by their ``kind`` if these
        are not the cosines (``as_norm``, ``plda``, ``plda_as_norm``), ``accepted`` (1 or 0, by the cosine; with a
        threshold), and ``log_odds`` (natural, at equal priors; with a calibration).
        """
        columns = {} if trials.labels is None else {"label": [f"{label:d}" for label in trials.labels.tolist()]}
        for side in ("enrol", "test"):
            columns[side] = [trials.utterances[row] for row in getattr(trials, side).tolist()]
        columns[COSINE] = _digits(evaluation.cosines)
        if kind:
            columns[kind] = _digits(evaluation.scores)
        if self.threshold is not None:
            columns["accepted"] = [f"{accepted:d}" for accepted in self.accepted(evaluation.cosines).tolist()]
        if self.calibration is not None:
            columns[LOG_ODDS] = _digits(self.calibration.log_odds(evaluation.cosines, *evaluation.seconds))
        write_csv(path, list(columns), zip(*columns.values()))


def _digits(scores):
    return [f"{score:.9g}" for score in scores.tolist()]
