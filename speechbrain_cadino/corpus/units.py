"""Times in a CSV that are no samples at 16 kHz: seconds are recognised, what is neither is refused."""

import logging
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.audio import ROUNDING, SAMPLE_RATE
from speechbrain_cadino.utils.errors import UserError

logger = logging.getLogger(__name__)
SHORTEST = SAMPLE_RATE // 10  # rows shorter than 0.1 s serve nobody: their numbers count something else
LONGEST_SECONDS = 100 * 3600
TOLERANCE = ROUNDING / SAMPLE_RATE


def to_samples(columns: dict[str, np.ndarray], csv_path: str | Path) -> None:
    """Convert ``start`` and ``stop`` to samples at 16 kHz and ``duration`` to seconds, in place.

    Seconds are known by their fractions, or by agreeing with ``duration``; a ``duration`` in samples or milliseconds by
    agreeing with the length. What was recognised is said in a warning.

    Arguments
    ---------
    columns : dict of np.ndarray
        ``start``, ``stop``, ``duration``: (n,) float64, NaN where not given; and ``ID``.
    csv_path : str or Path
        For messages.

    Raises
    ------
    UserError
        If the numbers are neither samples nor seconds, or a mixture, or infinite.
    """
    start, stop, duration = (columns[name] for name in ("start", "stop", "duration"))
    times = np.fmax(start, stop)
    if np.isinf(times).any():
        row = int(np.argmax(np.isinf(times)))
        raise UserError(f"{csv_path}: the row {columns['ID'][row]} has an infinite start or stop: correct it.")
    length = stop - start
    known = ~np.isnan(length)
    if (np.mod(start, 1) > 0).any() or (np.mod(stop[known], 1) > 0).any():
        if times.max() > LONGEST_SECONDS:
            row = int(np.argmax(times))
            raise UserError(
                f"{csv_path}: start and stop have fractions, as seconds do, but the row {columns['ID'][row]} has "
                f"{times[row]:g}: write samples at 16 kHz, or seconds, in all rows."
            )
        _say(csv_path, "start and stop", "seconds")
        start *= SAMPLE_RATE
        stop *= SAMPLE_RATE
    elif known.any() and np.median(length[known]) < SHORTEST and not _agree(duration * SAMPLE_RATE, length, 1):
        if not _agree(duration, length, 1):
            raise UserError(
                f"{csv_path}: half of the rows are shorter than {SHORTEST} samples, which is 0.1 s: write start and "
                "stop in samples at 16 kHz, or in seconds with a decimal point and fractions, or leave both out."
            )
        _say(csv_path, "start and stop", "seconds")
        start *= SAMPLE_RATE
        stop *= SAMPLE_RATE
    np.rint(start, out=start)
    np.rint(stop, out=stop)
    seconds = (stop - start) / SAMPLE_RATE
    for unit, per_second in (("samples", SAMPLE_RATE), ("milliseconds", 1000)):
        if _agree(duration / per_second, seconds, TOLERANCE) and not _agree(duration, seconds, TOLERANCE):
            _say(csv_path, "duration", unit)
            duration /= per_second


def check_pieces(columns: dict[str, np.ndarray], csv_path: str | Path) -> None:
    """Raise a `UserError` if a row ends before it begins, or begins below 0, in any unit."""
    bad = (columns["start"] < 0) | (columns["stop"] <= columns["start"])  # an unknown stop is not bad yet
    if bad.any():
        row = int(np.argmax(bad))
        raise UserError(f"{csv_path}: the row {columns['ID'][row]} has no samples between start and stop: correct it.")


def _agree(one, other, tolerance):
    """Whether two columns agree in at least nine of ten rows where both are given."""
    difference = np.abs(one - other)
    difference = difference[~np.isnan(difference)]
    return difference.size > 0 and np.mean(difference <= tolerance) >= 0.9


def _say(csv_path, what, unit):
    logger.warning("%s: %s are taken as %s, by their values.", csv_path, what, unit)
