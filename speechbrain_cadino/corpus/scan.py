"""Audio on disk -> manifest: a folder of any layout, or the files of a list, each decoded once and checked."""

import logging
import os
from array import array
from collections import Counter
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import NamedTuple

from speechbrain_cadino.corpus.examine import examine
from speechbrain_cadino.corpus.fingerprints import content_hash
from speechbrain_cadino.corpus.held_out import HeldOut, find_held_out
from speechbrain_cadino.corpus.known import Known, is_same
from speechbrain_cadino.corpus.layout import SESSION_PATTERN, groups_from_paths
from speechbrain_cadino.corpus.listing import Listing, list_folder, list_paths, read_file_list
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import write_csv
from speechbrain_cadino.utils.progress import progress_bar

logger = logging.getLogger(__name__)


class Scan(NamedTuple):
    """A corpus: its manifest, what was set aside as (path, reason), what the trial lists kept out, what is known now.

    ``files`` has a `Known` for each file that was examined, by its path.
    """

    manifest: Manifest
    rejected: list
    held_out: HeldOut
    files: dict


def scan_corpus(
    data_folder: str | Path,
    file_list: str | Path | None = None,
    trials: Sequence[str | Path] = (),
    min_duration: float = 1.0,
    max_duration: float = 60.0,
    speaker_pattern: str | None = None,
    session_pattern: str | None = SESSION_PATTERN,
    workers: int | None = None,
    trial_folders: Sequence[str | Path] = (),
    listing: Listing | None = None,
    known: dict[str, Known] | None = None,
) -> Scan:
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
        Trial lists whose utterances are left out, as `find_held_out` finds them.
    min_duration, max_duration : float
        Seconds: a shorter file is set aside, a longer one is cut into equal pieces.
    speaker_pattern : str or None
        A regular expression whose first group, searched in the path below ``data_folder``, is the speaker, for reports:
        ``^([^/]+)/`` is the first folder. None, or if a path does not match: no labels.
    session_pattern : str or None
        The same for recording sessions; where it does not match every path, there are none.
    workers : int or None
        Threads; default: one a core. Decoding holds no lock of Python's.
    trial_folders : sequence of str or Path
        What the trial lists' names may start from, besides ``data_folder``.
    listing : Listing or None
        The files, where they have been listed already.
    known : dict of str to Known, or None
        What is known of some files, with the same durations: those of the same size and time of change are not decoded
        again.

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
    if workers is not None and workers < 1:
        raise UserError(f"workers is {workers}: set 1 or more, or leave it out for one a core.")
    root = str(data_folder).rstrip("/") or "/"
    listing = list_corpus(root, file_list) if listing is None else listing
    wavs = [os.path.join(root, path) for path in listing.paths]
    out = find_held_out(wavs, trials, root, trial_folders)
    _check_left(out, file_list or root)
    durations = dict(min_duration=min_duration, max_duration=max_duration)
    files = _examine_all(listing, out.mask, root, known or {}, durations, workers)
    contents = [files[path].content if path in files else "" for path in listing.paths]
    out = out.with_copies(wavs, listing.sizes, contents)
    _check_left(out, file_list or root)
    used = {
        path: file
        for path, file, left_out in zip(listing.paths, map(files.get, listing.paths), out.mask)
        if file and not left_out
    }
    rejected = [*listing.rejected, *((path, why) for path, file in used.items() for why in file.examined.reasons)]
    manifest = _manifest(used, root)
    if not len(manifest):
        reason, count = Counter(reason for _, reason in rejected).most_common(1)[0]
        raise UserError(
            f"None of {len(used) + len(listing.rejected)} files of {file_list or root} is usable, {count} for this: "
            f"{reason}; correct the files, the list, or data_folder, which its names start from."
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
    return Scan(manifest, rejected, out, files)


def list_corpus(data_folder: str | Path, file_list: str | Path | None = None) -> Listing:
    """The `Listing` of a data folder, or of a list of files in it; `UserError` where there is nothing to list."""
    root = str(data_folder).rstrip("/") or "/"
    if not os.path.isdir(root):
        what = "is a file" if os.path.exists(root) else "does not exist"
        root = os.path.abspath(root)  # of a relative path one wants to know from where
        raise UserError(f"The data folder {root} {what}: give data_folder the folder that holds the audio.")
    try:
        os.path.abspath(root).encode()
    except UnicodeEncodeError as error:
        raise UserError("The path of the data folder is not UTF-8: rename the folder, or link to it.") from error
    return list_folder(root) if file_list is None else list_paths(read_file_list(file_list, root), root)


def write_rejected(rejected: list[tuple[str, str]], csv_path: str | Path) -> None:
    """Write what was set aside as CSV, columns ``wav`` (relative to the data folder) and ``reason``, atomically."""
    write_csv(csv_path, ("wav", "reason"), rejected)


def _check_left(out, source):
    if len(out.mask) and out.mask.all():
        raise UserError(f"The trial lists name every file of {source}: give training files of its own.")


def _examine_all(listing, left_out, root, known, durations, workers):
    """The `Known` of each file that is not left out, by path, in the listing's order."""
    rows = [row for row, out in enumerate(left_out) if not out]

    def look(row):
        path, size, changed = listing.paths[row], listing.sizes[row], listing.changed[row]
        before = known.get(path)
        if is_same(before, size, changed) and before.examined is not None:
            return path, before
        wav = os.path.join(root, path)
        return path, Known(size, changed, content_hash(wav), examine(wav, **durations))

    with ThreadPool(workers) as pool:
        return dict(progress_bar(pool.imap(look, rows, chunksize=16), "reading audio", len(rows), "files"))


def _manifest(files, root):
    """IDs are the paths as trial lists write them, the pieces of a cut file being numbered."""
    ids, wavs, starts, stops, contents = [], [], array("q"), array("q"), []
    for path, file in files.items():
        pieces = file.examined.pieces
        for number, (start, stop) in enumerate(pieces):
            ids.append(path if len(pieces) == 1 else f"{path}#{number}")
            wavs.append(os.path.join(root, path))
            starts.append(start)
            stops.append(stop)
            contents.append(file.content)
    return Manifest(ids, wavs, starts, stops, contents=contents)
