"""The names of all trial lists, and which files they lead to."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence, Set
from pathlib import Path

from speechbrain_cadino.corpus.names import endings, folders_above, identities, name_key
from speechbrain_cadino.corpus.spellings import flat, joined, on_disk, spellings, tails
from speechbrain_cadino.corpus.trials import read_trials

NONE = frozenset()  # one for all files that no list names: a million sets of their own take 0.2 GB


class TrialNames:
    """The names of all lists, numbered; names that differ in suffix, case or quotes are one.

    Arguments
    ---------
    trial_lists : sequence of str or Path
    folders : sequence of str or Path
        What the names may start from, besides the folders of the lists, and all that lie above.

    Attributes
    ----------
    names : list of str
        By number, as a list has it.
    lists : list of set of str
        By number, the lists that have it.
    files : dict
        Of what lies on the disk under those names: (device, inode) to path.
    """

    def __init__(self, trial_lists: Sequence[str | Path], folders: Sequence[str | Path]) -> None:
        self.by_key, self.by_identity, self.files = {}, {}, {}
        self.names, self.lists, self.found, self.keys = [], [], [], []
        known = [*map(os.path.abspath, folders), *(os.path.dirname(os.path.abspath(path)) for path in trial_lists)]
        above = list(dict.fromkeys(folder for start in known for folder in folders_above(start)))
        for path in trial_lists:
            for name in read_trials(path, labelled=False).utterances:
                self._add(name, str(path), known, above)

    def _add(self, name, path, known, above):
        forms = spellings(name)
        keys = [name_key(form) for form in forms]
        number = next((self.by_key[key] for key in keys if key in self.by_key), len(self.lists))
        if number == len(self.lists):
            self.names.append(name)
            self.lists.append(set())
            self.found.append(False)
            self.keys.append({})
        self.lists[number].add(path)
        for key in keys:
            self.by_key.setdefault(key, number)
            self.keys[number][key] = None
        files = next(filter(None, (identities(form, start) for start in (known, above) for form in forms)), {})
        for form in on_disk(forms[-1]) if not files else ():
            files = identities(form, known)
            if files:  # then it is that name
                self.by_key.setdefault(name_key(form), number)
                self.keys[number][name_key(form)] = None
                break
        self.by_identity.update(dict.fromkeys(files, number))
        self.files.update(files)
        self.found[number] |= bool(files)

    def exactly(self, file: tuple | None, resolved_key: str | None, key: str, below: str) -> Set[int]:
        """The numbers of the names that lead to a file, or that its path ends in.

        Arguments
        ---------
        file : tuple or None
            Its identity.
        resolved_key, key, below : str
            Its path with links resolved (None: there are none), as given, and below the data folder.
        """
        candidates = {self.by_identity.get(file), self.by_key.get(below)}
        for path in (key,) if resolved_key is None else (key, resolved_key):
            candidates.update(map(self.by_key.get, endings(path)))
        return candidates - {None} or NONE

    def look_for(self, rest: Collection[int], bare_counts: Mapping[str, int]) -> None:
        """Prepare `by_ending` and `by_joining` for the names that no file had exactly."""
        self.endings, self.unclear, self.joined, self.split = {}, set(), {}, {}
        for number in sorted(rest):
            for key in self.keys[number]:
                self._look_for(number, key, bare_counts)

    def _look_for(self, number, key, bare_counts):
        parts, found = key.split("/"), self.found[number]
        for i in range(1, len(parts) - (2 if found else 1)):
            self.endings.setdefault("/".join(parts[i:]), number)
        if len(parts) == 1 and (bare_counts[parts[0]] == 1 or not found):
            self.endings[parts[0]] = number
            if bare_counts[parts[0]] > 1:
                self.unclear.add(number)
        form = joined(key)
        if form is not None and (not found or form.count("-") > 1):
            self.joined.setdefault(form, number)
        if len(parts) > 1:
            longer = [key] if len(parts) == 2 and not found else tails(key, 3)
            self.split.update({flat(tail): number for tail in longer if flat(tail) not in self.split})

    def by_ending(self, below: str) -> Set[int]:
        """The numbers of longer names that end in the path below the data folder, and of bare names of this file."""
        numbers = {self.endings.get(below), self.endings.get(below.rsplit("/", 1)[-1])}
        return numbers - {None} or NONE

    def by_joining(self, key: str) -> dict[int, str]:
        """The numbers of names that are a file's path with its folders joined, or the other way round.

        Each with what it stands for: one name that stands for several is no sure one.
        """
        if not self.joined and not self.split:
            return {}
        found = {self.joined.get(flat(tail)): tail for tail in tails(key)} if self.joined else {}
        name = joined(key.rsplit("/", 1)[-1])
        if name is not None:
            found[self.split.get(name)] = name
        found.pop(None, None)
        return found

    def not_sure(self, meant: Sequence[dict[int, str]], wavs: Sequence[str]) -> dict[str, list[str]]:
        """Name -> files, for those of `by_joining` that stand for different ones: a-b-c for a-b/c and a/b-c."""
        stands_for, files = {}, {}
        for row, named in enumerate(meant):
            for number, what in named.items():
                stands_for.setdefault(number, set()).add(what)
                files.setdefault(number, []).append(wavs[row])
        return {self.names[number]: files[number] for number, what in stands_for.items() if len(what) > 1}

    def missing(self, rest: Collection[int]) -> dict[str, tuple[int, int, str]]:
        """By list: how many of its names are among ``rest``, how many it has, and the first of those that are.

        One that is nowhere on the disk comes before those that are.
        """
        counts = {path: [0, 0, ""] for paths in self.lists for path in paths}
        known = {}
        for number, paths in enumerate(self.lists):
            for path in paths:
                counts[path][1] += 1
                if number in rest:
                    counts[path][0] += 1
                    if not counts[path][2] or known[path] and not self.found[number]:
                        counts[path][2], known[path] = self.names[number], self.found[number]
        return {path: tuple(count) for path, count in counts.items()}
