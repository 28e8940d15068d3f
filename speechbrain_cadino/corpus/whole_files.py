"""Whole files as a manifest: a folder, a list, a CSV, or files by name, their lengths read from the headers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from speechbrain_cadino.corpus.audio import audio_info
from speechbrain_cadino.corpus.audio_error import AudioError
from speechbrain_cadino.corpus.fingerprints import in_threads
from speechbrain_cadino.corpus.listing import list_folder, list_paths, read_file_list
from speechbrain_cadino.corpus.manifest import Manifest, read_manifest
from speechbrain_cadino.corpus.rows import fit_to_files
from speechbrain_cadino.corpus.suffixes import KNOWN, suffix_of, why_unreadable
from speechbrain_cadino.utils.errors import UserError


class WholeFiles(NamedTuple):
    """What can be embedded.

    Arguments
    ---------
    manifest : Manifest
        IDs are paths below the folder, or as they were given; of a CSV its own.
    rejected : list of (str, str)
        Paths that cannot be used, and the reasons.
    digest : str
        Changes with any name, size or time of change.
    """

    manifest: Manifest
    rejected: list
    digest: str


def whole_files(source: str | Path | Sequence[str | Path], data_folder: str | Path | None = None) -> WholeFiles:
    """Find what a user names: a folder with all its sub-folders, a CSV, a list of files, or audio files themselves.

    Arguments
    ---------
    source : str, Path, or a sequence of them
        Several: files and folders, whose IDs are their paths as given.
    data_folder : str or Path, optional
        What the names of a list start from, and ``$data_root`` of a CSV; default: here.

    Returns
    -------
    WholeFiles

    Raises
    ------
    UserError
        If something is absent or no file can be used.
    """
    sources = [str(source)] if isinstance(source, (str, Path)) else [str(one) for one in source]
    if not sources:
        raise UserError("There is nothing to read: give a folder, a list, or files.")
    kinds = [_kind(one) for one in sources]
    if len(sources) == 1 and kinds[0] == "csv":
        return _of_csv(sources[0], data_folder)
    if "csv" in kinds or "list" in kinds and len(sources) > 1:
        at = next(one for one, kind in zip(sources, kinds) if kind in ("csv", "list"))
        raise UserError(f"{at} is a list, and there is more beside it: give a list alone, or files and folders.")
    if len(sources) > 1:
        names = [name for one, kind in zip(sources, kinds) for name in (_below(one) if kind == "folder" else [one])]
        return _of_listing(list_paths(list(dict.fromkeys(names)), ""), "", f"{len(sources)} files and folders")
    (one,) = sources
    if kinds[0] == "folder":
        return _of_listing(list_folder(one), one, one)
    names, root = (read_file_list(one, data_folder), data_folder or "") if kinds[0] == "list" else ([one], "")
    return _of_listing(list_paths(names, root), root, one)


def _kind(source):
    if os.path.isdir(source):
        return "folder"
    if not os.path.exists(source):
        raise UserError(f"{source} cannot be read (no such file or folder): give a folder, a list, or files.")
    suffix = suffix_of(source)
    return "csv" if suffix == ".csv" else "file" if suffix in KNOWN else "list"


def _below(folder):
    return [os.path.join(folder, path) for path in list_folder(folder).paths]


def _of_csv(path, data_folder):
    manifest, rejected = fit_to_files(read_manifest(path, data_root=data_folder), path, data_folder)
    listing = list_paths(sorted(set(manifest.wavs.tolist())), "")
    return WholeFiles(manifest, rejected, listing.digest())


def _of_listing(listing, root, source):
    wavs = [os.path.join(root, path) for path in listing.paths]
    infos = in_threads(_info, wavs, "reading headers")
    good = [row for row, info in enumerate(infos) if not isinstance(info, str)]
    rejected = [
        *listing.rejected,
        *((listing.paths[row], info) for row, info in enumerate(infos) if isinstance(info, str)),
    ]
    if not good:
        path, reason = rejected[0]
        where = f" in {root}" if str(root) else ""
        raise UserError(
            f"None of {len(rejected)} files of {source} can be used, the first, {path}{where}, because it {reason}: "
            "check the files, and the folder that the names start from."
        )
    columns = ([listing.paths[row] for row in good], [wavs[row] for row in good])
    return WholeFiles(
        Manifest(*columns, [0] * len(good), [infos[row].samples for row in good]), rejected, listing.digest()
    )


def _info(wav):
    """Of a file its `AudioInfo`, or the reason why it cannot be used."""
    try:
        return why_unreadable(wav) or audio_info(wav)
    except AudioError as error:
        return error.reason
