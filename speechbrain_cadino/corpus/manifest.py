"""The list of utterances, as columns: SpeechBrain's CSV on disk, numpy arrays in memory, a million rows in 250 MB.

Not pyarrow: the file must stay SpeechBrain's CSV, and forked workers share these arrays as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE
from speechbrain_cadino.corpus.columns import COLUMNS, DATA_ROOT, absolute, read_columns
from speechbrain_cadino.corpus.layout import SESSION_PATTERN, STRING, groups_from_paths
from speechbrain_cadino.corpus.pieces import lengths_from_files, merge_pieces
from speechbrain_cadino.corpus.units import check_pieces, to_samples
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import write_csv


class Manifest:
    """Utterances as columns, read as `manifest[i]` like a dataset or column by column.

    Arguments
    ---------
    ids, wavs : sequence of str, (n,)
        Unique names and paths.
    starts, stops : sequence of int, (n,)
        The piece of the file, in samples at 16 kHz; stop excluded.
    spk_ids, sessions : sequence of str, (n,), or None
        Speakers and recording sessions where known.
    contents : sequence of str, (n,), or None
        The `content_hash` of each file, '' where it is not known.
    faces : sequence of str, (n,), or None
        A picture of the speaker, or a folder of them; '' where there is none.

    Example
    -------
    >>> manifest = Manifest(["a", "b"], ["a.wav", "b.wav"], [0, 0], [16000, 48000])
    >>> manifest.durations.tolist()
    [1.0, 3.0]
    >>> manifest.subset([1])[0]
    {'ID': 'b', 'duration': 3.0, 'wav': 'b.wav', 'start': 0, 'stop': 48000, 'spk_id': ''}
    """

    def __init__(
        self,
        ids: Sequence[str],
        wavs: Sequence[str],
        starts: Sequence[int] | np.ndarray,
        stops: Sequence[int] | np.ndarray,
        spk_ids: Sequence[str] | None = None,
        sessions: Sequence[str] | None = None,
        contents: Sequence[str] | None = None,
        faces: Sequence[str] | None = None,
    ) -> None:
        self.ids = np.asarray(ids, dtype=STRING)
        self.wavs = np.asarray(wavs, dtype=STRING)
        self.starts = np.asarray(starts, dtype=np.int64)
        self.stops = np.asarray(stops, dtype=np.int64)
        self.spk_ids = None if spk_ids is None else np.asarray(spk_ids, dtype=STRING)
        self.sessions = None if sessions is None else np.asarray(sessions, dtype=STRING)
        self.contents = None if contents is None else np.asarray(contents, dtype=STRING)
        self.faces = None if faces is None else np.asarray(faces, dtype=STRING)
        shapes = {column.shape for column in vars(self).values() if column is not None}
        if shapes != {(len(self.ids),)}:
            raise ValueError(f"The columns of a manifest must be of one length, not {sorted(shapes)}.")

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        """The row at an integer index, as a dict with the keys of SpeechBrain's CSV; an unknown spk_id is ''."""
        start, stop = int(self.starts[index]), int(self.stops[index])
        return {
            "ID": self.ids[index],
            "duration": (stop - start) / SAMPLE_RATE,
            "wav": self.wavs[index],
            "start": start,
            "stop": stop,
            "spk_id": "" if self.spk_ids is None else self.spk_ids[index],
        }

    @property
    def durations(self):
        """Seconds, (n,) float64, from starts and stops."""
        return (self.stops - self.starts) / SAMPLE_RATE

    def subset(self, indices: Any) -> Manifest:
        """The rows at ``indices`` (integers or a boolean mask), as a new manifest."""
        columns = {name: None if column is None else column[indices] for name, column in vars(self).items()}
        return Manifest(**columns)


def some_utterances(manifest: Manifest, at_most: int, seed: int = 0) -> Manifest:
    """The manifest, or ``at_most`` rows of it drawn without replacement, in order."""
    if len(manifest) <= at_most:
        return manifest
    return manifest.subset(np.sort(np.random.default_rng(seed).choice(len(manifest), at_most, replace=False)))


def read_manifest(
    csv_path: str | Path, data_root: str | Path | None = None, session_pattern: str | None = SESSION_PATTERN
) -> Manifest:
    """Read a SpeechBrain CSV; SpeechBrain's own ``voxceleb_prepare`` ones too.

    Needed columns: ``ID`` and ``wav``. ``start`` and ``stop`` (samples at 16 kHz; see `to_samples` for seconds) give
    the length; without ``stop`` it is read from the files' headers. Where ``duration`` is the whole file's and the rows
    are pieces of it (``split`` of ``voxceleb_prepare``), the pieces of one file become one row. ``spk_id``,
    ``session``, ``content`` and ``face`` are optional.

    Arguments
    ---------
    csv_path : str or Path
        The CSV file.
    data_root : str, Path or None
        What ``$data_root`` stands for in the columns ``wav`` and ``face``.
    session_pattern : str or None
        Where there is no column ``session``: a regular expression whose first group, searched in the path below
        ``data_root`` (else below the folder common to all), is the session. Sessions are None if a path does not match.

    Returns
    -------
    Manifest

    Raises
    ------
    UserError
        If the file is absent, empty, lacks columns, or has a row that is no good; the message names the row.
    """
    columns = read_columns(csv_path, data_root)
    check_pieces(columns, csv_path)
    to_samples(columns, csv_path)
    missing = np.isnan(columns["stop"])
    if missing.any():
        columns["stop"][missing] = lengths_from_files(columns["wav"][missing])
    check_pieces(columns, csv_path)
    columns = merge_pieces(columns)
    _check_unique(columns["ID"], csv_path)
    sessions = _known(columns["session"])
    if sessions is None and session_pattern is not None:
        sessions = groups_from_paths(columns["wav"], session_pattern, data_root, "session_pattern")
    texts = [_known(columns["spk_id"]), sessions, _known(columns["content"]), _known(columns["face"])]
    return Manifest(columns["ID"], columns["wav"], columns["start"], columns["stop"], *texts)


def write_manifest(manifest: Manifest, csv_path: str | Path, data_root: str | Path | None = None) -> None:
    """Write a manifest as SpeechBrain's CSV, atomically; where known, ``session``, ``content``, ``face`` come last.

    Arguments
    ---------
    manifest : Manifest
    csv_path : str or Path
    data_root : str, Path or None
        Paths below this folder are written as ``$data_root/...``, so that the corpus can be moved.
    """
    blank = np.full(len(manifest), "", dtype=STRING)
    spk_ids = blank if manifest.spk_ids is None else manifest.spk_ids
    faces = None if manifest.faces is None else below_root(manifest.faces, absolute(data_root))
    more = {"session": manifest.sessions, "content": manifest.contents, "face": faces}
    more = {name: column for name, column in more.items() if column is not None}
    wavs = below_root(manifest.wavs, data_root)
    durations, starts, stops = (c.tolist() for c in (manifest.durations, manifest.starts, manifest.stops))
    rows = zip(manifest.ids, durations, wavs, starts, stops, spk_ids, *more.values())
    # Readers pass over blanks behind a comma, so a name that begins with one must be quoted.
    write_csv(csv_path, (*COLUMNS, *more), rows, quote_all=np.strings.startswith(manifest.ids, " ").any())


def below_root(paths: Iterable[str], root: str | Path | None, sign: str = DATA_ROOT) -> Iterator[str]:
    """Paths below a folder, or it itself, with ``sign`` in its place, so that it can be moved; others as they are.

    Example
    -------
    >>> list(below_root(["/data/a.wav", "/other/b.wav", "/data"], "/data"))
    ['$data_root/a.wav', '/other/b.wav', '$data_root']
    """
    root = None if root is None else f"{root}".rstrip("/") + "/"
    return (sign + path[len(root) - 1 :] if root and f"{path}/".startswith(root) else path for path in paths)


def _check_unique(ids, csv_path):
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < len(ids):
        raise UserError(f"{csv_path} has the ID {names[np.argmax(counts)]} more than once: make the IDs unique.")


def _known(texts):
    """None for a column that says nothing."""
    return texts if (texts != "").any() else None
