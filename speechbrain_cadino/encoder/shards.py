"""The folder in which ranks share the embedding of a corpus: one file a shard until all are there, then one for all."""

from __future__ import annotations

import csv
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from speechbrain_cadino.utils.arrays import ARRAY_FAULTS
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path, make_folder, write_csv
from speechbrain_cadino.utils.settings.faults import fault_line

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
MADE = "embeddings.npy", "ids.txt", "rejected.csv"  # known as ours by embeddings.json beside them
SHARD = re.compile(r"shard_[0-9a-f]{16}_\d+_\d+\.npz")


class Shards:
    """Embeddings of a corpus in one folder, valid for one fingerprint; those of any other are replaced.

    Files of other kinds stay. Embeddings that were not made here are not replaced: that is a `UserError`.

    Arguments
    ---------
    folder : str or Path
    key : str
        The fingerprint of encoder and corpus.
    ids : np.ndarray of str, (n,)
        Of the items.
    order : np.ndarray of int, (n,)
        Their rows in the order in which they are embedded.
    shard_size : int
        Items in a shard.
    """

    def __init__(self, folder: str | Path, key: str, ids: np.ndarray, order: np.ndarray, shard_size: int) -> None:
        self.folder, self.key, self.ids = make_folder(folder), key, ids
        self.rows = [order[start : start + shard_size] for start in range(0, len(ids), shard_size)]
        # The size is in the name: shards of another size hold other items.
        self.paths = [self.folder / f"shard_{key}_{shard_size}_{number}.npz" for number in range(len(self.rows))]

    def compute(self, embed: Callable, rank: int, world_size: int, bar: tqdm):
        """Compute what is missing of this rank's shard, wait for the other ranks, and load the whole.

        Arguments
        ---------
        embed : callable
            (rows, report) -> (embeddings, ids, rejected), as `load` gives them, of these rows.
        rank, world_size : int
        bar : tqdm
            Told of every item that is done.

        Returns
        -------
        embeddings, ids, rejected
            As `load` gives them.
        """
        kept = self._kept(rank)
        if kept is not None:
            bar.update(len(self.ids))
            return kept
        if rank == 0:
            self._check_ours()
            self._remove(keep=self.paths)
        mine = range(rank, len(self.rows), world_size)
        bar.total = sum(len(self.rows[number]) for number in mine)
        for number in mine:
            if _is_whole(self.paths[number]):
                bar.update(len(self.rows[number]))
                continue
            embeddings, ids, rejected = embed(self.rows[number], bar.update)
            with atomic_path(self.paths[number]) as temporary:
                np.savez(temporary, embeddings=embeddings, ids=np.array(ids, str), rejected=np.array(rejected, str))
        if rank == 0:
            # Files rather than a collective call: a collective times out where one rank's shard takes longer.
            while not all(path.exists() for path in self.paths):
                time.sleep(POLL_SECONDS)
            self._merge()
            self._remove()
        while not self._finished():
            time.sleep(POLL_SECONDS)
        return self.load()

    def load(self):
        """Give the embeddings (n, dim), their n IDs in the order of ``ids``, and the rejected [(ID, reason), ...]."""
        ids = (self.folder / "ids.txt").read_text(encoding="utf-8").split("\n")[:-1]
        return np.load(self.folder / "embeddings.npy"), ids, read_rejected(self.folder)

    def _kept(self, rank):
        """What is finished already; None if nothing is, or if it is damaged, which is told."""
        if not self._finished():
            return None
        try:
            found = self.load()
            if len(found[0]) != len(found[1]):
                raise ValueError(f"{len(found[0])} rows and {len(found[1])} IDs")
            return found
        except ARRAY_FAULTS as error:
            if rank == 0:
                logger.warning(
                    "The embeddings kept in %s cannot be read (%s): they are made anew.", self.folder, fault_line(error)
                )
                self._say_finished("")
            return None

    def _say_finished(self, key, **more):
        with atomic_path(self.folder / "embeddings.json") as temporary:
            temporary.write_text(json.dumps({"fingerprint": key, **more}))

    def _finished(self):
        try:
            return json.loads((self.folder / "embeddings.json").read_text())["fingerprint"] == self.key
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _merge(self):
        (self.folder / "embeddings.json").unlink(missing_ok=True)  # written last: without it the rest doesn't count
        parts = [_read_shard(path) for path in self.paths]
        embeddings = np.concatenate([part[0] for part in parts])
        ids = np.concatenate([part[1] for part in parts])
        place = {name: row for row, name in enumerate(self.ids)}
        order = np.argsort([place[name] for name in ids])
        with atomic_path(self.folder / "embeddings.npy") as temporary:
            np.save(temporary, embeddings[order])
        with atomic_path(self.folder / "ids.txt") as temporary:
            temporary.write_text("".join(f"{name}\n" for name in ids[order]), encoding="utf-8")
        write_csv(self.folder / "rejected.csv", ("ID", "reason"), (row for part in parts for row in part[2]))
        self._say_finished(self.key, shape=embeddings.shape)

    def _shards(self):
        return [path for path in self.folder.glob("shard_*.npz") if SHARD.fullmatch(path.name)]

    def _check_ours(self):
        if (self.folder / "embeddings.json").exists() or self._shards():
            return
        for name in MADE:
            if (self.folder / name).exists():
                raise UserError(
                    f"{self.folder} holds {name}, which was not made here, since {self.folder / 'embeddings.json'} is "
                    "missing: give another folder for the embeddings."
                )

    def _remove(self, keep=()):
        for path in self._shards():
            if path not in keep:
                path.unlink(missing_ok=True)


def read_rejected(folder: str | Path) -> list[tuple[str, str]]:
    """What a finished folder of `Shards` has set aside: IDs and reasons."""
    with open(Path(folder) / "rejected.csv", newline="", encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def forget(folder: str | Path) -> None:
    """Remove what `Shards` made in a folder but for ``embeddings.json``.

    Who is killed in the middle of removing all leaves a folder that is known as one of ours, and made anew.
    """
    for name in MADE:
        (Path(folder) / name).unlink(missing_ok=True)


def _is_whole(path):
    """Whether a shard is there and can be read; one that a broken disk has left is made anew."""
    try:
        _read_shard(path)
        return True
    except ARRAY_FAULTS:
        return False


def _read_shard(path):
    with np.load(path) as part:
        return part["embeddings"], part["ids"], part["rejected"].reshape(-1, 2).tolist()
