"""Audio on disk -> manifest: a folder of any layout, or the files of a list, each decoded once and checked."""

import csv
import logging
import os
from array import array
from collections import Counter
from functools import partial
from multiprocessing.pool import ThreadPool
from typing import NamedTuple

from tqdm import tqdm

from speechbrain_cadino.corpus.examine import examine
from speechbrain_cadino.corpus.held_out import leave_out
from speechbrain_cadino.corpus.layout import SESSION_PATTERN, groups_from_paths
from speechbrain_cadino.corpus.listing import find_audio, read_file_list
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path

logger = logging.getLogger(__name__)


class Scan(NamedTuple):
    """A corpus: its manifest, what was set aside as (path, reason), and how many files the trial lists kept out."""

    manifest: Manifest
    rejected: list
    held_out: int


def scan_corpus(
    data_folder,
    file_list=None,
    trials=(),
    min_duration=1.0,
    max_duration=60.0,
    speaker_pattern=None,
    session_pattern=SESSION_PATTERN,
    workers=None,
):
    """Find the audio of a corpus, decode every file and list what is fit for training.

    VoxCeleb 1 and 2 (``id*/video/utterance``, also below ``dev/aac`` and the like) need no setting; nor does any other
    folder. Other rates and several channels are accepted as they are.

    Arguments
    ---------
    data_folder : str or Path
        Searched with all its sub-folders.
    file_list : str, Path or None
        Use only the files named here, one path a line, relative to ``data_folder``.
    trials : sequence of str or Path
        Trial lists whose utterances are left out.
    min_duration, max_duration : float
        Seconds: a shorter file is set aside, a longer one is cut into equal pieces.
    speaker_pattern : str or None
        A regular expression whose first group, searched in the path below ``data_folder``, is the speaker, for reports:
        ``^([^/]+)/`` is the first folder. None, or if a path does not match: no labels.
    session_pattern : str or None
        The same for recording sessions; where it does not match every path, there are none.
    workers : int or None
        Threads; default: one a core. Decoding holds no lock of Python's.

    Returns
    -------
    Scan

    Raises
    ------
    UserError
        If the folder, the list or all usable audio is missing, or a setting is no good.
    """
    if not 0 <= min_duration < max_duration < float("inf"):
        raise UserError(
            f"min_duration is {min_duration:g} s, max_duration {max_duration:g} s: give the second the larger number."
        )
    root = str(data_folder).rstrip("/") or "/"
    if not os.path.isdir(root):
        raise UserError(f"The data folder {root} does not exist: give data_folder the folder that holds the audio.")
    paths = find_audio(root) if file_list is None else read_file_list(file_list)
    kept = leave_out(paths, trials)
    if not kept:
        raise UserError(f"The trial lists name every file of {file_list or root}: give training files of its own.")
    examine_one = partial(examine, min_duration=min_duration, max_duration=max_duration)
    manifest, rejected = _examine_all(kept, root, examine_one, workers)
    if not len(manifest):
        reason, count = Counter(reason for _, reason in rejected).most_common(1)[0]
        raise UserError(
            f"None of {len(kept)} files of {file_list or root} is usable, {count} for this: {reason}; "
            "correct the files, the list, or data_folder, which its names start from."
        )
    if speaker_pattern is not None:
        manifest.spk_ids = groups_from_paths(manifest.wavs, speaker_pattern, root, "speaker_pattern")
        if manifest.spk_ids is None:
            logger.warning(
                f"speaker_pattern {speaker_pattern!r} does not match every path below {root}: the speakers are taken "
                "as not known, and no report names them."
            )
    if session_pattern is not None:
        manifest.sessions = groups_from_paths(manifest.wavs, session_pattern, root, "session_pattern")
    return Scan(manifest, rejected, len(paths) - len(kept))


def write_rejected(rejected, csv_path):
    """Write what was set aside as CSV, columns ``wav`` (relative to the data folder) and ``reason``, atomically."""
    with atomic_path(csv_path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("wav", "reason"))
        writer.writerows(rejected)


def _examine_all(paths, root, examine_one, workers):
    """Manifest and rejected; IDs are the paths as trial lists write them, the pieces of a cut file being numbered."""
    ids, files, starts, stops, rejected = [], array("q"), array("q"), array("q"), []
    with ThreadPool(workers) as pool:
        all_examined = pool.imap(examine_one, (os.path.join(root, path) for path in paths), chunksize=16)
        bar = tqdm(all_examined, "reading audio", len(paths), unit="file", dynamic_ncols=True)
        for file, (path, (pieces, reasons)) in enumerate(zip(paths, bar)):
            rejected += [(path, reason) for reason in reasons]
            for number, (start, stop) in enumerate(pieces):
                ids.append(path if len(pieces) == 1 else f"{path}#{number}")
                files.append(file)
                starts.append(start)
                stops.append(stop)
    return Manifest(ids, [os.path.join(root, paths[file]) for file in files], starts, stops), rejected
