"""Utterances of the verification lists, which training must not touch, however a list names them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.corpus.names import endings, folded, folders_above, identities, identity, name_key, resolved
from speechbrain_cadino.corpus.trials import read_trials
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
    """

    mask: np.ndarray
    found: dict
    unsure: int

    def sentences(self) -> Iterator[str]:
        """What a user should know of it, one string each."""
        for trials, count in self.found.items():
            if count == 0:
                yield f"No training file is named by the trial list {trials}: right if it is of another corpus."
        if self.unsure:
            yield (
                f"{self.unsure} files are left out only because trials name files like them without a folder: "
                "set development_folder to the one that the list's names start from."
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

    A copy of a file under another name is not found.

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
    names = _Names(trial_lists, [*filter(None, (data_folder, *folders))])
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
    rest = set(range(len(names.lists))).difference(*hits)
    if rest:
        names.look_for(rest, Counter(key.rsplit("/", 1)[-1] for key in below))
        before, hits = mask.copy(), [names.by_ending(key) for key in below]
        take(hits)
        unsure = sum(bool(named) and names.unclear.issuperset(named) and not mine for named, mine in zip(hits, before))
    return HeldOut(mask, found, int(unsure))


def drop_held_out(
    manifest: Manifest,
    source: str | Path,
    trials: Sequence[str | Path],
    data_folder: str | Path | None = None,
    folders: Sequence[str | Path] = (),
) -> tuple[Manifest, HeldOut]:
    """A manifest without the utterances of trial lists, as `find_held_out` finds them, and that function's result.

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
    out = find_held_out(files.tolist(), trials, data_folder, folders)
    if out.mask.all():
        raise UserError(f"The trial lists name every utterance of {source}: give one of other utterances.")
    return manifest.subset(~out.mask[group]), out


class _Names:
    """The names of all lists, numbered by their keys: ``lists[number]`` are those lists that have it."""

    def __init__(self, trial_lists, folders):
        self.by_key, self.lists, self.found, self.by_identity = {}, [], [], {}
        known = [*map(os.path.abspath, folders), *(os.path.dirname(os.path.abspath(path)) for path in trial_lists)]
        above = list(dict.fromkeys(folder for start in known for folder in folders_above(start)))
        for path in trial_lists:
            for name in read_trials(path).utterances:
                number = self.by_key.setdefault(name_key(name), len(self.lists))
                if number == len(self.lists):
                    self.lists.append(set())
                    self.found.append(False)
                self.lists[number].add(str(path))
                files = identities(name, known) or identities(name, above)
                self.by_identity.update(dict.fromkeys(files, number))
                self.found[number] |= bool(files)
        self.keys = list(self.by_key)

    def exactly(self, file, resolved_key, key, below):
        """The numbers of the names that lead to a file, or that its path ends in."""
        candidates = {self.by_identity.get(file), self.by_key.get(below)}
        for path in (key,) if resolved_key is None else (key, resolved_key):
            candidates.update(map(self.by_key.get, endings(path)))
        return candidates - {None}

    def look_for(self, rest, bare_counts):
        """Prepare `by_ending` for the names that no file had exactly."""
        self.endings, self.unclear = {}, set()
        for number in sorted(rest):
            parts = self.keys[number].split("/")
            for i in range(1, len(parts) - (2 if self.found[number] else 1)):
                self.endings.setdefault("/".join(parts[i:]), number)
            if len(parts) == 1 and (bare_counts[parts[0]] == 1 or not self.found[number]):
                self.endings[parts[0]] = number
                if bare_counts[parts[0]] > 1:
                    self.unclear.add(number)

    def by_ending(self, below):
        """The numbers of longer names that end in the path below the data folder, and of bare names of this file."""
        numbers = {self.endings.get(below), self.endings.get(below.rsplit("/", 1)[-1])}
        return numbers - {None}
