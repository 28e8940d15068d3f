"""What a preparation found of each file, kept beside its CSV: the next one looks at new and replaced files alone."""

import csv
import json
from pathlib import Path
from typing import NamedTuple

from speechbrain_cadino.corpus.examine import Examined
from speechbrain_cadino.corpus.fingerprints import IN_PART, WHOLE_BYTES, content_hash, in_threads
from speechbrain_cadino.corpus.listing import Listing
from speechbrain_cadino.utils.files import write_csv

COLUMNS = ("wav", "size", "changed", "content", "pieces", "reasons")


class Known(NamedTuple):
    """One file: bytes, time of the last change in ns, `content_hash`, and what `examine` said (None: not examined)."""

    size: int
    changed: int
    content: str
    examined: Examined | None


def read_known(path: str | Path) -> dict[str, Known]:
    """Read what `write_known` wrote: a dict of path to `Known`, empty if there is nothing or it cannot be read."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) != COLUMNS:
                return {}
            return {wav: _known(*fields) for wav, *fields in rows}
    except (OSError, ValueError, TypeError, csv.Error):
        return {}


def write_known(path: str | Path, listing: Listing, files: dict[str, Known]) -> None:
    """Write the files of a `Listing` atomically; ``files`` is a dict of path to `Known` of those that were examined."""
    rows = zip(listing.paths, listing.sizes, listing.changed)
    write_csv(path, COLUMNS, (row + _found(files.get(row[0])) for row in rows))


def changes(listing: Listing, known: dict[str, Known]) -> str:
    """How many files of a `Listing` are new, gone and replaced since ``known`` was written, as words; '' for none.

    Example
    -------
    >>> from collections import Counter
    >>> from speechbrain_cadino.corpus.listing import Listing
    >>> listing = Listing(["a", "b"], [1, 2], [0, 0], [], Counter())
    >>> changes(listing, {"a": Known(1, 5, "", None), "c": Known(1, 0, "", None)})
    '1 added, 1 removed, 1 replaced'
    """
    files = zip(listing.paths, listing.sizes, listing.changed)
    same = sum(is_same(known.get(path), size, changed) for path, size, changed in files)
    added = sum(path not in known for path in listing.paths)
    counts = {"added": added, "removed": len(known) - (len(listing.paths) - added)}
    counts["replaced"] = len(listing.paths) - added - same
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def known_contents(status: dict[str, tuple[int, int]], known: dict[str, Known]) -> dict[str, Known]:
    """What files hold, by their paths; those of the same size and time of change as in ``known`` are not read.

    Arguments
    ---------
    status : dict of str to (int, int)
        Path to `files_status`.
    known : dict of str to Known

    Returns
    -------
    dict of str to Known
        Of a corpus over a gigabyte, from pieces of the files: `fingerprints.IN_PART` stands before those.
    """
    whole = sum(size for size, _ in status.values()) <= WHOLE_BYTES
    mark = "" if whole else IN_PART

    def look(wav):
        before = known.get(wav)
        if is_same(before, *status[wav]) and before.content and before.content.startswith(IN_PART) != whole:
            return before
        content = content_hash(wav, whole)
        return Known(*status[wav], content and mark + content, None)

    return dict(zip(status, in_threads(look, [*status], "comparing audio")))


def is_same(known: Known | None, size: int, changed: int) -> bool:
    """Whether a file of this size and time of change is the one that is known."""
    return known is not None and (known.size, known.changed) == (size, changed)


def _known(size, changed, content, pieces, reasons):
    examined = Examined([tuple(piece) for piece in json.loads(pieces)], json.loads(reasons)) if pieces else None
    return Known(int(size), int(changed), content, examined)


def _found(known):
    if known is None or known.examined is None:
        return ("" if known is None else known.content, "", "")
    return (known.content, *map(json.dumps, known.examined))
