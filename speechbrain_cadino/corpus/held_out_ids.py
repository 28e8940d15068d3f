"""Which IDs are of utterances that trial lists name, where there is no file by which an utterance could be known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.names import name_key
from speechbrain_cadino.corpus.spellings import flat, spellings, tails
from speechbrain_cadino.corpus.trials import read_trials


def held_out_ids(ids: Sequence[str], trials: Sequence[str | Path]) -> np.ndarray:
    """Which IDs are, or end in, the name of an utterance of trial lists, or are what such a name ends in.

    Suffixes, the case of letters, and what joins folders (``id/video/1.wav``, ``id-video-1``) make no difference.

    Arguments
    ---------
    ids : sequence of str, (n,)
    trials : sequence of str or Path

    Returns
    -------
    np.ndarray of bool, (n,)

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "trials.txt")
    >>> _ = path.write_text("1 id1/va/1.wav id2/vb/1.wav\\n0 id1/va/1.wav id3/vc/1.wav\\n")
    >>> held_out_ids(["dev/id1/va/1.flac", "id2--vb--1", "id2/vb/2.wav"], [path]).tolist()
    [True, True, False]
    """
    names = set()
    for path in trials:
        for name in read_trials(path, labelled=False).utterances:
            for key in map(name_key, spellings(name)):
                names.update(map(flat, (key, *tails(key, 3))))

    def is_out(one):
        return any(flat(part) in names for key in map(name_key, spellings(one)) for part in (key, *tails(key)))

    return np.fromiter(map(is_out, ids), dtype=bool, count=len(ids))
