"""The rows of a CSV against the files that they name: lengths from the headers, units, and what ends too early."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.audio import ROUNDING, SAMPLE_RATE, AudioError, audio_info
from speechbrain_cadino.corpus.fingerprints import in_threads
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.errors import UserError


def fit_to_files(
    manifest: Manifest, source: str | Path, root: str | Path | None = None
) -> tuple[Manifest, list[tuple[str, str]]]:
    """Compare a manifest that was read from a CSV with its files' headers.

    Arguments
    ---------
    manifest : Manifest
    source : str or Path
        The CSV, for messages.
    root : str, Path or None
        The data folder; what is rejected is named by the path below it.

    Returns
    -------
    manifest : Manifest
        Without the rows of absent or unreadable files, and those that begin after their file's end. Rows that end after
        it are cut.
    rejected : list of (str, str)
        Paths and reasons, also of the rows that were cut.

    Raises
    ------
    UserError
        If most rows end after their files, or count samples at another rate than 16 kHz, or none is left.
    """
    files, group = np.unique(manifest.wavs, return_inverse=True)
    infos = in_threads(_header, files, "reading headers")
    below = "" if root is None else str(root).rstrip("/") + "/"
    rejected = [
        (wav.removeprefix(below), info.reason) for wav, info in zip(files, infos) if isinstance(info, AudioError)
    ]
    readable = np.array([not isinstance(info, AudioError) for info in infos])
    totals = np.array([info.samples if good else 0 for info, good in zip(infos, readable)], dtype=np.int64)[group]
    rates = np.array([info.rate if good else SAMPLE_RATE for info, good in zip(infos, readable)])[group]
    readable = readable[group]
    _check_units(manifest, totals, rates, readable, source)
    for row in np.flatnonzero(readable & (manifest.stops > totals + ROUNDING)):
        seconds = [samples / SAMPLE_RATE for samples in (manifest.starts[row], manifest.stops[row], totals[row])]
        done = "cut" if manifest.starts[row] < totals[row] else "left out"
        reason = "the row {} from {:.2f} to {:.2f} s ends after its file, at {:.2f} s".format(
            manifest.ids[row], *seconds
        )
        rejected.append((manifest.wavs[row].removeprefix(below), f"{reason}: {done}"))
    manifest.stops = np.where(readable, np.minimum(manifest.stops, totals), manifest.stops)
    kept = manifest.subset(readable & (manifest.starts < manifest.stops))
    if not len(kept):
        raise UserError(
            f"None of {len(manifest)} rows of {source} can be used, the first file {rejected[0][0]} because it "
            f"{rejected[0][1]}: check data_folder, which $data_root stands for, and the column wav."
        )
    return kept, rejected


def _check_units(manifest, totals, rates, readable, source):
    """Raise a `UserError` if the rows count something else than samples at 16 kHz."""
    beyond = readable & (manifest.stops > totals + ROUNDING)
    a_millisecond = SAMPLE_RATE // 1000
    milliseconds = readable & (np.abs(manifest.stops * a_millisecond - totals) <= a_millisecond + ROUNDING)
    if 2 * milliseconds.sum() > readable.sum():
        beyond = milliseconds
    other = readable & (rates != SAMPLE_RATE)
    own = totals * rates // SAMPLE_RATE  # the length in the file's own samples
    whole = other & (np.abs(manifest.stops - own) <= rates // SAMPLE_RATE + 1)
    suspects = whole if 2 * whole.sum() > other.sum() else beyond if 2 * beyond.sum() > readable.sum() else None
    if suspects is None or not suspects.any():
        return
    row = int(np.argmax(suspects))
    raise UserError(
        f"{source}: {suspects.sum()} of {len(manifest)} rows do not count samples at 16 kHz, such as "
        f"{manifest.ids[row]} from {manifest.starts[row]} to {manifest.stops[row]}, whose file of {rates[row]} Hz has "
        f"{totals[row]} of them: convert start and stop, or leave both columns out for whole files."
    )


def _header(wav):
    try:
        return audio_info(wav)
    except AudioError as error:
        return error
