"""The list of items that have a face, as columns, like the `Manifest` of utterances; the ID joins the two."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from speechbrain_cadino.corpus.fingerprints import file_fingerprints
from speechbrain_cadino.corpus.keys import digest_of
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.faces.listing import Names, list_sets

WHOLE_FRAMES = 100_000  # of more, the digest reads one picture of each face


class FaceManifest:
    """Items with a face each: a picture, or a folder of frames, which several items may share.

    Arguments
    ---------
    ids, paths : sequence of str, (n,)
        Unique names, and pictures or folders.
    sets : sequence of int, (n,)
        The number of each item's set of frames.
    offsets : sequence of int, (m + 1,)
        The frames of set ``s`` are those from ``offsets[s]`` to ``offsets[s + 1]``.
    names : sequence of str, (k,)
        Names of frames below their folder, in order; '' where the path is the picture.
    spk_ids, sessions : sequence of str, (n,), or None
        Speakers and recording sessions where known.

    Example
    -------
    >>> manifest = FaceManifest(["a", "b"], ["a.png", "b"], [0, 1], [0, 1, 3], ["", "1.jpg", "2.jpg"])
    >>> manifest.n_frames.tolist(), manifest.frames(1), manifest.subset([1]).paths.tolist()
    ([1, 2], ['b/1.jpg', 'b/2.jpg'], ['b'])
    """

    def __init__(
        self,
        ids: Sequence[str],
        paths: Sequence[str],
        sets: Sequence[int] | np.ndarray,
        offsets: Sequence[int] | np.ndarray,
        names: Sequence[str],
        spk_ids: Sequence[str] | None = None,
        sessions: Sequence[str] | None = None,
    ) -> None:
        self.ids, self.paths, self.names = (np.asarray(column, dtype=STRING) for column in (ids, paths, names))
        self.sets, self.offsets = np.asarray(sets, dtype=np.int64), np.asarray(offsets, dtype=np.int64)
        self.spk_ids = None if spk_ids is None else np.asarray(spk_ids, dtype=STRING)
        self.sessions = None if sessions is None else np.asarray(sessions, dtype=STRING)
        shapes = {column.shape for column in self._columns().values() if column is not None}
        if shapes != {(len(self.ids),)} or self.offsets[-1] != len(self.names):
            raise ValueError(f"The columns of a face manifest must be of one length, not {sorted(shapes)}.")

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        paths: Sequence[str],
        spk_ids: Sequence[str] | None = None,
        sessions: Sequence[str] | None = None,
    ) -> FaceManifest:
        """The manifest of these pictures and folders, listed on the disk, each once. An absent one has no frames."""
        different, sets = np.unique(np.asarray(paths, dtype=STRING), return_inverse=True)
        listed = list_sets(different.tolist())
        return cls(ids, paths, sets, listed.offsets, listed.names, spk_ids, sessions)

    def __len__(self):
        return len(self.ids)

    def _columns(self):
        return {name: getattr(self, name) for name in ("ids", "paths", "sets", "spk_ids", "sessions")}

    @property
    def n_frames(self) -> np.ndarray:
        """(n,) int64: frames of each item."""
        return np.diff(self.offsets)[self.sets]

    def count(self, row: int) -> int:
        """Frames of an item."""
        number = self.sets[row]
        return int(self.offsets[number + 1] - self.offsets[number])

    def frames(self, row: int) -> list[str]:
        """Paths of an item's frames, in the order of their names."""
        path, number = self.paths[row], self.sets[row]
        names = self.names[self.offsets[number] : self.offsets[number + 1]].tolist()
        return [os.path.join(path, name) if name else path for name in names]

    def frame(self, row: int, number: int) -> str:
        """Of `frames`, that with a number."""
        name = self.names[self.offsets[self.sets[row]] + number]
        return os.path.join(self.paths[row], name) if name else self.paths[row]

    def subset(self, indices: Any) -> FaceManifest:
        """The rows at ``indices`` (integers or a boolean mask), as a new manifest, which shares the frames' names."""
        columns = {name: None if column is None else column[indices] for name, column in self._columns().items()}
        return FaceManifest(**columns, offsets=self.offsets, names=self.names)

    def one_of_each_set(self) -> np.ndarray:
        """Rows, in order, of which each has a set of frames that no row before it has."""
        return np.sort(np.unique(self.sets, return_index=True)[1])

    def digest(self) -> str:
        """Digits that change with the items, the frames' names and what the pictures hold, wherever they lie.

        Of more than 100,000 frames, one picture of each face is read; a replaced one elsewhere does not show then.
        """
        rows, counts = self.one_of_each_set(), self.n_frames
        whole = int(counts[rows].sum()) <= WHOLE_FRAMES
        pictures, digests = Names(), []
        for row in rows.tolist():
            frames = self.frames(row)
            pictures.extend(frames if whole else frames[:1])
            digests.append(digest_of([os.path.basename(frame) for frame in frames]))
        contents = file_fingerprints(pictures.column())[0].tolist()
        order = np.unique(self.sets, return_inverse=True)[1]
        return digest_of([digest_of(contents), digest_of(digests), digest_of(self.ids.tolist()), str(order.tolist())])
