"""Utterances of the verification lists, which training must not touch, however a list names them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.copies import find_copies
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.names import folded, identity, name_key, resolved
from speechbrain_cadino.corpus.trial_names import TrialNames
from speechbrain_cadino.utils.errors import UserError


class HeldOut(NamedTuple):
    """Which files the trial lists name.

    Arguments
    ---------
    mask : np.ndarray of bool, (n,)
        True for a file that is to be left out.
    found : dict of str to int
        Trial list -> how many of the files it names.
    unsure : int
        Files left out for a bare name, without a folder, that several of them have and that no known folder explains.
    missing : dict of str to (int, int, str)
        Trial list -> how many of its names are those of no file, how many it has, and one of them.
    originals : list of str
        Paths of what the lists name, where they are on this disk, training file or not.
    copies : dict of str to str
        Files left out since they hold the same bytes as one of ``originals``.
    joined : dict of str to list of str
        Name -> files, left out though just one of them can be meant: it has their folders joined in some way.
    """

    mask: np.ndarray
    found: dict
    unsure: int
    missing: dict = {}
    originals: list = []
    copies: dict = {}
    joined: dict = {}

    def with_copies(
        self, wavs: Sequence[str], sizes: Sequence[int] | None = None, contents: Sequence[str] | None = None
    ) -> HeldOut:
        """The same with the files that are copies of what the lists name, byte for byte, under other names.

        Arguments
        ---------
        wavs, sizes, contents :
            As of `find_copies`, (n,) like ``mask``.
        """
        rest = np.flatnonzero(~self.mask).tolist()
        columns = [None if column is None else [column[row] for row in rest] for column in (wavs, sizes, contents)]
        copies = find_copies(columns[0], self.originals, *columns[1:])
        mask = self.mask.copy()
        mask[[rest[row] for row in copies]] = True
        return self._replace(mask=mask, copies={columns[0][row]: original for row, original in copies.items()})

    def sentences(self) -> Iterator[str]:
        """What a user should know of it, one string each."""
        for trials, count in self.found.items():
            missing, names, example = self.missing.get(trials, (0, 0, ""))
            if count == 0:
                such = f" ({names} names, such as {example})" if names else ""
                yield f"No training file is named by the trial list {trials}{such}: right if it is of another corpus."
            elif 2 * missing > names:
                yield (
                    f"{missing} of {names} names of the trial list {trials} are those of no training file, such as "
                    f"{example}: right if they are of another corpus."
                )
        if self.unsure:
            yield (
                f"{self.unsure} files are left out only because trials name files like them without a folder: "
                "set development_folder to the one that the list's names start from."
            )
        if self.joined:
            name, files = next(iter(self.joined.items()))
            yield (
                f"{sum(map(len, self.joined.values()))} files are left out because a trial's name may mean each of "
                f"them, such as {name} both {files[0]} and {files[1]}: write / between folders in the list."
            )
        if self.copies:
            copy, original = next(iter(self.copies.items()))
            yield (
                f"{len(self.copies)} files are copies of held-out ones under other names and left out too, such as "
                f"{copy} of {original}."
            )


def find_held_out(
    wavs: Sequence[str],
    trial_lists: Sequence[str | Path],
    data_folder: str | Path | None = None,
    folders: Sequence[str | Path] = (),
) -> HeldOut:
    """Find the files that trial lists name.

    A file is named by a list if one of these holds; the types of the two files, letter case and Unicode's forms make
    no difference, since corpora are converted and disks differ:

    * the list's name, below one of the known folders or a folder above them, leads to this very file (by device and
      inode, so links and hard links are seen through);
    * the file's path, as given or with its links resolved, ends in the list's name, folder by folder; or the name ends
      in the file's path below ``data_folder``, and that has a folder (two, if the name leads to a file elsewhere);
    * the name is a bare one, without a folder, and just one file has it, or no known folder has a file of that name.

    Names in quotes, with backslashes, of a URL or with a piece's number are read as what they say (`spellings`). One
    that leads nowhere may have its folders joined (a-b-c), or the file's name may. Copies under other names are found
    by `HeldOut.with_copies`.

    Arguments
    ---------
    wavs : sequence of str, (n,)
        Paths that can be opened.
    trial_lists : sequence of str or Path
    data_folder : str, Path or None
        Where the training files are.
    folders : sequence of str or Path
        What else the lists' names may start from, such as the folder of the development list.

    Returns
    -------
    HeldOut

    Raises
    ------
    UserError
        If a list cannot be read.
    """
    mask, unsure = np.zeros(len(wavs), dtype=bool), 0
    found = {str(path): 0 for path in trial_lists}
    names = TrialNames(trial_lists, [*filter(None, (data_folder, *folders))])
    if not found or not len(wavs):
        return HeldOut(mask, found, unsure)
    root = None if data_folder is None else folded(os.path.abspath(data_folder)) + "/"
    keys = [name_key(os.path.abspath(wav)) for wav in wavs]
    below = keys if root is None else [key.removeprefix(root) for key in keys]

    def take(hits):
        for row, named in enumerate(hits):
            mask[row] |= bool(named)
            found.update({path: found[path] + 1 for path in set().union(*(names.lists[name] for name in named))})

    hits = [names.exactly(identity(wav), *row) for wav, *row in zip(wavs, map(resolved, wavs), keys, below)]
    take(hits)
    rest, joined = set(range(len(names.lists))).difference(*hits), {}
    if rest:
        names.look_for(rest, Counter(key.rsplit("/", 1)[-1] for key in below))
        before, hits = mask.copy(), [names.by_ending(key) for key in below]
        take(hits)
        unsure = sum(bool(named) and names.unclear.issuperset(named) and not mine for named, mine in zip(hits, before))
        rest.difference_update(*hits)
        meant = [{name: what for name, what in names.by_joining(key).items() if name in rest} for key in keys]
        take(meant)
        rest.difference_update(*meant)
        joined = names.not_sure(meant, wavs)
    originals = {identity(wav): wav for wav, out in zip(wavs, mask) if out}
    originals = [*(names.files | originals).values()]
    return HeldOut(mask, found, int(unsure), names.missing(rest), originals, joined=joined)


def drop_held_out(
    manifest: Manifest,
    source: str | Path,
    trials: Sequence[str | Path],
    data_folder: str | Path | None = None,
    folders: Sequence[str | Path] = (),
) -> tuple[Manifest, HeldOut]:
    """A manifest without the utterances of trial lists, and without copies of them, and what was found.

    Arguments
    ---------
    manifest : Manifest
    source : str or Path
        What it was read from, for the message.
    trials, data_folder, folders :
        As of `find_held_out`.

    Raises
    ------
    UserError
        If nothing is left.
    """
    files, group = np.unique(manifest.wavs, return_inverse=True)
    out = find_held_out(files.tolist(), trials, data_folder, folders).with_copies(files.tolist())
    if out.mask.all():
        raise UserError(f"The trial lists name every utterance of {source}: give one of other utterances.")
    return manifest.subset(~out.mask[group]), out
