"""A corpus made ready for training, once: audio on disk -> ``train.csv``; again only where something has changed."""

import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.fingerprints import files_status
from speechbrain_cadino.corpus.held_out import drop_held_out
from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.known import changes, known_contents, read_known, write_known
from speechbrain_cadino.corpus.layout import SESSION_PATTERN, STRING
from speechbrain_cadino.corpus.listing import Listing
from speechbrain_cadino.corpus.manifest import Manifest, read_manifest, write_manifest
from speechbrain_cadino.corpus.rows import fit_to_files
from speechbrain_cadino.corpus.scan import list_corpus, scan_corpus, write_rejected
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, make_folder
from speechbrain_cadino.utils.places import CORPUS
from speechbrain_cadino.utils.text import in_words

NAMES = 3  # of how trials are compared with files: the lists are read anew by a newer one, the files are not
VERSION = 2  # of what is judged and how: files are looked at anew by a newer one


def prepare_corpus(
    data_folder: str | Path,
    save_folder: str | Path,
    file_list: str | Path | None = None,
    trials: Sequence[str | Path] = (),
    min_duration: float = 1.0,
    max_duration: float = 60.0,
    speaker_pattern: str | None = None,
    session_pattern: str | None = SESSION_PATTERN,
    workers: int | None = None,
    train_csv: str | Path | None = None,
    trial_folders: Sequence[str | Path] = (),
    check: Callable[[Manifest], None] | None = None,
) -> Path:
    """Write ``train.csv`` for a corpus, unless it is there already, made of the same files with the same settings.

    Files that were added, removed or replaced (by another size or time of change) since the last time are noticed and
    said; the others are not decoded again.

    Arguments
    ---------
    data_folder : str or Path
        The audio, with all sub-folders; ``$data_root`` in the CSV.
    save_folder : str or Path
        Where ``train.csv``, ``rejected.csv`` (wav, reason), ``files.csv`` (what is known of each file) and
        ``train.json`` (the settings) are written.
    file_list, trials, min_duration, max_duration, speaker_pattern, session_pattern, workers, trial_folders
        See `speechbrain_cadino.corpus.scan.scan_corpus`.
    train_csv : str, Path or None
        Take the rows of this CSV in place of the folder or list. The trials' utterances are left out of it, and its
        rows are compared with the headers of their files; the audio is not decoded.
    check : callable, optional
        Is given the `Manifest` before anything is written, and may raise a `UserError` to leave all as it is.

    Returns
    -------
    Path
        ``train.csv``, to be read with ``read_manifest(path, data_root=data_folder)``.

    Raises
    ------
    UserError
        If a folder or list is missing, no audio is usable, or the save folder cannot be written.
    """
    if train_csv is not None and file_list is not None:
        raise UserError(
            f"There are a train_csv, {train_csv}, and a file_list, {file_list}: keep one and set the other to null."
        )
    options = dict(
        min_duration=min_duration,
        max_duration=max_duration,
        speaker_pattern=speaker_pattern,
        session_pattern=session_pattern,
    )
    settings = dict(
        options,
        version=VERSION,
        data_folder=str(Path(data_folder).resolve()),
        train_csv=train_csv and list_fingerprint(train_csv),
        file_list=file_list and list_fingerprint(file_list),
        trials=[list_fingerprint(path) for path in trials],
        names=NAMES,
        trial_folders=[str(Path(folder).resolve()) for folder in trial_folders],
    )
    make = _FromFiles if train_csv is None else _FromCsv
    source = make(Path(save_folder), data_folder, train_csv or file_list, trials, trial_folders, options)
    settings["files"] = source.digest()
    save_folder = Path(save_folder)
    csv_path, settings_path = save_folder / "train.csv", save_folder / CORPUS
    before = read_settings(settings_path)
    if csv_path.is_file() and before == settings:
        if check is not None:
            check(read_manifest(csv_path, data_folder))
        print(f"The corpus is prepared already: {csv_path}.")
        return csv_path
    manifest, rejected, out, notes = source.manifest(before, settings, workers)
    if check is not None:
        check(manifest)
    make_folder(save_folder)
    source.keep()
    settings_path.unlink(missing_ok=True)  # what is written next is good only once the settings lie beside it
    write_rejected(rejected, save_folder / "rejected.csv")
    write_manifest(manifest, csv_path, data_root=data_folder)
    with atomic_path(settings_path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    print(
        f"{len(manifest)} utterances, {manifest.durations.sum() / 3600:.2f} h, in {csv_path}; "
        f"{int(out.mask.sum())} files left out for the trials; {len(rejected)} set aside, see rejected.csv."
    )
    for sentence in (*out.sentences(), *notes):
        print(sentence)
    return csv_path


class _FromFiles:
    """The audio of a folder or of a file list."""

    def __init__(self, save_folder, data_folder, file_list, trials, trial_folders, options):
        self.path, self.listing = save_folder / "files.csv", list_corpus(data_folder, file_list)
        self.arguments = dict(options, data_folder=data_folder, file_list=file_list, trials=trials)
        self.arguments["trial_folders"] = trial_folders

    def digest(self):
        return self.listing.digest()

    def manifest(self, before, settings, workers):
        """The manifest, what is set aside, the `HeldOut`, and sentences for the screen."""
        known, notes = {}, []
        unchanged = {name for name in settings if before is not None and before.get(name) == settings[name]}
        if unchanged >= {"data_folder", "version", "min_duration", "max_duration"}:
            known = read_known(self.path)
        different = changes(self.listing, known) if known and unchanged >= set(settings) - {"files"} else ""
        if different:
            notes.append(f"Files since the last preparation: {different}.")
        scan = scan_corpus(**self.arguments, workers=workers, listing=self.listing, known=known)
        self.files = scan.files
        if self.listing.ignored:
            notes.append(f"Not looked at, since their names are not those of audio: {in_words(self.listing.ignored)}.")
        return scan.manifest, scan.rejected, scan.held_out, notes

    def keep(self):
        """Write what is known of each file by now."""
        write_known(self.path, self.listing, self.files)


class _FromCsv:
    """The rows of a SpeechBrain CSV."""

    def __init__(self, save_folder, data_folder, train_csv, trials, trial_folders, options):
        self.path, self.data_folder, self.train_csv = save_folder / "files.csv", str(data_folder), train_csv
        self.trials, self.trial_folders = trials, trial_folders
        self.rows = read_manifest(train_csv, data_folder, options["session_pattern"])
        self.rows.contents = None  # what it says of them was true when it was written

    def digest(self):
        wavs = np.unique(self.rows.wavs).tolist()
        self.status = dict(zip(wavs, files_status(wavs)))
        return digest_of([f"{size} {changed}" for size, changed in self.status.values()])

    def manifest(self, before, settings, workers):
        """As of `_FromFiles`."""
        rows, out = drop_held_out(self.rows, self.train_csv, self.trials, self.data_folder, self.trial_folders)
        rows, rejected = fit_to_files(rows, self.train_csv, self.data_folder)
        status = {wav: self.status[wav] for wav in np.unique(rows.wavs).tolist()}
        self.files = known_contents(status, read_known(self.path))
        rows.contents = np.array([self.files[wav].content for wav in rows.wavs.tolist()], dtype=STRING)
        return rows, rejected, out, []

    def keep(self):
        """Write what the files hold; they were not decoded."""
        columns = (array("q", [getattr(file, name) for file in self.files.values()]) for name in ("size", "changed"))
        write_known(self.path, Listing([*self.files], *columns, [], Counter()), self.files)


def list_fingerprint(path: str | Path) -> list[str]:
    """A list's name and contents, so that an edited list is noticed."""
    try:
        return [str(path), hashlib.sha256(Path(path).read_bytes()).hexdigest()]
    except OSError as error:
        kind = "folder, not a list" if os.path.isdir(path) else error.strerror
        raise UserError(f"The list {path} cannot be read ({kind}): check file_list, train_csv and trials.") from error


def read_settings(path: str | Path) -> dict | None:
    """The settings that a preparation has kept; None where there are none that can be read."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
