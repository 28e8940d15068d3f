"""The utterances that a run was begun with, kept in its folder: a changed corpus is told by their number and a name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechbrain_cadino.corpus.fingerprints import manifest_contents
from speechbrain_cadino.corpus.keys import digest_of, id_keys, places_of
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.utils.arrays import ARRAY_FAULTS
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path


@dataclass
class Utterances:
    """What a manifest is, wherever its files lie: two keys of 8 bytes an utterance, and its ID.

    Arguments
    ---------
    ids : np.ndarray of str, (n,)
    rows : np.ndarray, (n,) int64
        Of the ID, the piece, session and speaker, and what the file holds.
    whole : bool
        How contents were read, as of `file_fingerprints`.
    """

    ids: np.ndarray
    rows: np.ndarray
    whole: bool

    @classmethod
    def of(cls, manifest: Manifest, whole: bool | None = None) -> Utterances:
        """Those of a manifest; contents that it knows (``contents``) are not looked up.

        Arguments
        ---------
        manifest : Manifest
        whole : bool, optional
            As another one has it, to compare with.
        """
        contents, whole = manifest_contents(manifest, whole)
        columns = [manifest.ids, manifest.starts, manifest.stops, contents]
        columns += [column for column in (manifest.sessions, manifest.spk_ids) if column is not None]
        rows = ["\0".join(map(str, row)) for row in zip(*(column.tolist() for column in columns))]
        return cls(manifest.ids, id_keys(rows), whole)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all, the order included."""
        return digest_of([self.rows.tobytes().hex()])

    def change_to(self, other: Utterances) -> str | None:
        """How another one differs, as the beginning of a sentence; None if it does not."""
        if np.array_equal(self.rows, other.rows):
            return None
        places = places_of(id_keys(other.ids), id_keys(self.ids))
        kept = np.zeros(len(self.ids), dtype=bool)
        kept[places[places >= 0]] = True
        changed = (places >= 0) & (self.rows[places] != other.rows)
        found = [
            (other.ids[places < 0], "added"),
            (self.ids[~kept], "removed"),
            (other.ids[changed], "changed"),
        ]
        parts = [f"{len(ids)} {how} ({ids[0]}{', ...' if len(ids) > 1 else ''})" for ids, how in found if len(ids)]
        if not parts:
            return f"come in another order ({other.ids[np.argmax(self.rows != other.rows)]} for one)"
        return f"were {len(self.ids)} and are now {len(other.ids)}: {', '.join(parts)}"

    def save(self, path: str | Path) -> None:
        """Write them as a compressed ``.npz``, all or nothing."""
        text = "\n".join(self.ids.tolist()).encode("utf-8", "surrogateescape")
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, ids=np.frombuffer(text, dtype=np.uint8), rows=self.rows, whole=self.whole)

    @classmethod
    def load(cls, path: str | Path) -> Utterances:
        """Read what `save` wrote; a `UserError` if that is not possible."""
        try:
            with np.load(path) as found:
                ids = found["ids"].tobytes().decode("utf-8", "surrogateescape").split("\n")
                return cls(np.array(ids, dtype=STRING), found["rows"], bool(found["whole"]))
        except ARRAY_FAULTS as error:
            raise UserError(
                f"{path}, the utterances that the run was begun with, cannot be read: give another output_folder than "
                f"{Path(path).parent}."
            ) from error
