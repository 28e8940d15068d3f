"""Which pictures can be used: each is opened, and decoded where there are not too many, by several threads."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.fingerprints import each_in_threads
from speechbrain_cadino.faces.images import STRETCHED, ImageError, image_ratio, read_image
from speechbrain_cadino.faces.listing import PictureSets

DECODED = 20_000  # of more pictures only the headers are read: 0.1 ms each, not 2
CHECK_SIZE = 32  # pixels to which they are resized then: a JPEG is decoded coarsely


class Checked(NamedTuple):
    """Sets without the pictures that are no good.

    Arguments
    ---------
    sets : PictureSets
        Perhaps with empty ones.
    rejected : list of (str, str)
        Paths of pictures and folders, and the reasons.
    n_stretched : int
        Pictures that are far from square.
    decoded : bool
        Whether all were decoded; else their headers were read.
    """

    sets: PictureSets
    rejected: list
    n_stretched: int
    decoded: bool


def check_pictures(sets: PictureSets) -> Checked:
    """Look at every picture of sets once; decode it if there are at most 20,000.

    Of more, one that breaks off behind its header shows when training or extraction reads it, which pass over it.
    """
    decode = len(sets.names) <= DECODED

    def look(number):
        first, pictures = sets.offsets[number], sets.pictures(number)
        found = [_look(path, decode) for path in pictures]
        good = [row for row, reason in enumerate(found) if not isinstance(reason, str)]
        bad = [(path, reason) for path, reason in zip(pictures, found) if isinstance(reason, str)]
        return [first + row for row in good], bad, sum(found[row] for row in good)

    kept, ends, rejected, n_stretched = array("q"), array("q", [0]), [*sets.rejected], 0
    work = range(len(sets.paths))
    for good, bad, stretched in each_in_threads(look, work, "checking pictures", "faces", chunk=8):
        kept.extend(good)
        ends.append(len(kept))
        rejected += bad
        n_stretched += stretched
    rows, offsets = np.array(kept), np.array(ends)
    left = PictureSets(sets.paths, offsets, sets.names[rows], sets.status[rows], [])
    return Checked(left, rejected, n_stretched, decode)


def _look(path, decode):
    """Whether a picture is far from square; or, as a string, why it cannot be used."""
    try:
        stretched = image_ratio(path) > STRETCHED
        if decode:
            read_image(path, CHECK_SIZE)
        return stretched
    except ImageError as error:
        return error.reason
