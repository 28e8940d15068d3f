#!/usr/bin/env python3
"""Prepare a corpus: audio on disk -> train.csv (SpeechBrain's columns), rejected.csv and the settings they came from.

To run by hand (train.py does it by itself):
> python prepare.py --data_folder /data/voxceleb2 --save_folder results/corpus --trials veri_test2.txt
"""

import argparse
import hashlib
import inspect
import json
from pathlib import Path

from speechbrain_cadino.corpus.layout import SESSION_PATTERN
from speechbrain_cadino.corpus.manifest import read_manifest, write_manifest
from speechbrain_cadino.corpus.scan import scan_corpus, write_rejected
from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
from speechbrain_cadino.utils.files import atomic_path, make_folder
from speechbrain_cadino.utils.locks import hold_folder


def prepare_corpus(
    data_folder,
    save_folder,
    file_list=None,
    trials=(),
    min_duration=1.0,
    max_duration=60.0,
    speaker_pattern=None,
    session_pattern=SESSION_PATTERN,
    workers=None,
    check=None,
):
    """Write ``train.csv`` for a corpus, unless it is there already, made with the same settings and lists.

    Files added to the data folder since then are not noticed: remove ``train.csv`` to have it made anew.

    Arguments
    ---------
    data_folder : str or Path
        The audio, with all sub-folders; ``$data_root`` in the CSV.
    save_folder : str or Path
        Where ``train.csv``, ``rejected.csv`` (wav, reason) and ``train.json`` (the settings) are written.
    file_list, trials, min_duration, max_duration, speaker_pattern, session_pattern, workers
        See `speechbrain_cadino.corpus.scan.scan_corpus`.
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
    options = dict(
        min_duration=min_duration,
        max_duration=max_duration,
        speaker_pattern=speaker_pattern,
        session_pattern=session_pattern,
    )
    settings = dict(
        options,
        data_folder=str(Path(data_folder).resolve()),
        file_list=file_list and _fingerprint(file_list),
        trials=[_fingerprint(path) for path in trials],
    )
    save_folder = Path(save_folder)
    csv_path, settings_path = save_folder / "train.csv", save_folder / "train.json"
    if csv_path.is_file() and _read_settings(settings_path) == settings:
        if check is not None:
            check(read_manifest(csv_path, data_folder))
        print(f"The corpus is prepared already: {csv_path}.")
        return csv_path
    scan = scan_corpus(data_folder, file_list, trials, workers=workers, **options)
    if check is not None:
        check(scan.manifest)
    make_folder(save_folder)
    settings_path.unlink(missing_ok=True)  # what is written next is good only once the settings lie beside it
    write_rejected(scan.rejected, save_folder / "rejected.csv")
    write_manifest(scan.manifest, csv_path, data_root=data_folder)
    with atomic_path(settings_path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    print(
        f"{len(scan.manifest)} utterances, {scan.manifest.durations.sum() / 3600:.2f} h, in {csv_path}; "
        f"{scan.held_out} files left out for the trials; {len(scan.rejected)} set aside, see rejected.csv."
    )
    return csv_path


def _fingerprint(path):
    """A list's name and contents, so that an edited list is noticed."""
    try:
        return [str(path), hashlib.sha256(Path(path).read_bytes()).hexdigest()]
    except OSError as error:
        raise UserError(f"The list {path} cannot be read ({error.strerror}): check file_list and trials.") from error


def _read_settings(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def parse_arguments(arguments=None):
    """Command line -> arguments of `prepare_corpus`; what is not given keeps that function's default."""
    default = {name: parameter.default for name, parameter in inspect.signature(prepare_corpus).parameters.items()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_folder", required=True, help="the audio, with all sub-folders")
    parser.add_argument("--save_folder", "--output", required=True, help="where train.csv and rejected.csv are written")
    parser.add_argument("--file_list", help="use only these files: one path a line, relative to data_folder")
    parser.add_argument("--trials", nargs="+", default=(), help="trial lists whose utterances are left out")
    parser.add_argument("--min_duration", type=float, default=default["min_duration"], help="seconds")
    parser.add_argument("--max_duration", type=float, default=default["max_duration"], help="seconds")
    parser.add_argument("--speaker_pattern", help="regular expression of the speaker in a path, such as '^([^/]+)/'")
    parser.add_argument("--session_pattern", default=default["session_pattern"], help="the same for the session")
    parser.add_argument("--workers", type=int, help="threads; default: one a core")
    return vars(parser.parse_args(arguments))


if __name__ == "__main__":
    with one_sentence_errors():
        options = parse_arguments()
        with hold_folder(options["save_folder"]):
            prepare_corpus(**options)
