"""Lengths of a CSV's rows where its own columns mislead: pieces that carry the whole file's duration, or no length."""

import re
from multiprocessing.pool import ThreadPool

import numpy as np

from speechbrain_cadino.corpus.audio import ROUNDING, SAMPLE_RATE, audio_info
from speechbrain_cadino.utils.progress import progress_bar

# A duration column more than this many seconds above stop - start is the whole file's; less is rounding.
TOLERANCE = ROUNDING / SAMPLE_RATE
PIECE_SUFFIX = re.compile(r"_\d+(\.\d+)?_\d+(\.\d+)?$")  # "..._3.0_6.0", as voxceleb_prepare names its pieces


def merge_pieces(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Join the rows that are pieces of one file (and one speaker) into one row, from the first start to the last stop.

    SpeechBrain's ``voxceleb_prepare`` writes rows of 3 s whose ``duration`` is the whole file's: by that they are
    known. Rows whose ``duration`` is their own length stay apart, so that a long file may be several utterances.

    Arguments
    ---------
    columns : dict of np.ndarray, each (n,)
        ``ID``, ``wav``, ``spk_id`` (text), ``start``, ``stop`` (samples at 16 kHz), ``duration`` (seconds, or NaN).

    Returns
    -------
    dict of np.ndarray, each (m,), m <= n, in the order of the first pieces
    """
    is_piece = columns["duration"] - (columns["stop"] - columns["start"]) / SAMPLE_RATE > TOLERANCE
    if not is_piece.any():
        return columns
    files = np.unique(columns["wav"], return_inverse=True)[1]
    speakers = np.unique(columns["spk_id"], return_inverse=True)[1]
    whole_rows = -1 - np.arange(len(files))
    keys = np.where(is_piece, files * (speakers.max() + 1) + speakers, whole_rows)
    first, group = np.unique(keys, return_index=True, return_inverse=True)[1:]
    starts, stops = columns["start"][first], columns["stop"][first]
    np.minimum.at(starts, group, columns["start"])
    np.maximum.at(stops, group, columns["stop"])
    order = np.argsort(first)
    merged = {name: column[first[order]] for name, column in columns.items()}
    merged["start"], merged["stop"] = starts[order], stops[order]
    for row in np.flatnonzero(is_piece[first[order]]):
        merged["ID"][row] = PIECE_SUFFIX.sub("", merged["ID"][row])
    return merged


def lengths_from_files(wavs: np.ndarray) -> np.ndarray:
    """Samples at 16 kHz of each file, from the headers, (n,) int64; `AudioError` names a file that cannot be read."""
    with ThreadPool() as pool:
        infos = pool.imap(audio_info, wavs, chunksize=64)
        infos = progress_bar(infos, "reading lengths", len(wavs), "files", shown=len(wavs) >= 1000)
        return np.array([info.samples for info in infos], dtype=np.int64)
