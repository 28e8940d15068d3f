"""Embeddings of a whole corpus: in memory, or kept in a folder where they survive a kill and are found again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import read_row
from speechbrain_cadino.corpus.fingerprints import files_digest
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.embed import check_wave, embed_utterances
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.encoder.shards import Shards
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.progress import progress_bar

logger = logging.getLogger(__name__)


def extract_embeddings(
    net: SpeakerEncoderNet,
    manifest: Manifest,
    folder: str | Path | None = None,
    rank: int = 0,
    world_size: int = 1,
    shard_size: int = 2048,
    batch_seconds: float = 200.0,
    max_seconds: float = 300.0,
    threads: int = 4,
    strict: bool = False,
    progress: bool = True,
    content: str | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Embed every utterance of a manifest, clean and whole.

    With a folder, finished shards are kept there, so that a second call goes on where the first was killed, and the
    result is kept as ``embeddings.npy``, ``ids.txt`` and ``rejected.csv``. All are made anew if the encoder's weights
    or features, the manifest, what its files hold (see `file_fingerprints`) or ``max_seconds`` have changed.

    Arguments
    ---------
    net : speechbrain_cadino.encoder.model.SpeakerEncoderNet
        On the device that is to compute; the same on every rank.
    manifest : speechbrain_cadino.corpus.manifest.Manifest
    folder : str or Path, optional
        Where to keep the embeddings; shared by all ranks. None: in memory only, all of them on this rank.
    rank, world_size : int
        With a folder: this process embeds every ``world_size``-th shard, from ``rank``, then waits for the others.
    shard_size : int
        Utterances in a shard.
    batch_seconds, max_seconds, threads :
        As for `embed_utterances`.
    strict : bool
        Whether an utterance that cannot be used is an error. Otherwise it is left out, with a warning.
    progress : bool
        Whether to show a progress bar (on rank 0 only).
    content : str, optional
        With a folder: a digest of what the manifest's files hold, so that one rank looks them up for all; default:
        `files_digest`.

    Returns
    -------
    embeddings : np.ndarray
        (n, embedding_dim) float32, in the order of the manifest.
    ids : list of str
        Their n IDs.

    Raises
    ------
    UserError
        If no utterance could be used, or with ``strict`` one could not; or if the encoder gives embeddings that are not
        finite, which is told with ID and file.
    """
    if not len(manifest):
        raise UserError("There are no utterances to embed: check the manifest or the list.")

    def embed(rows, report):
        part = manifest if rows is None else manifest.subset(rows)

        def read(row, start, stop):
            path, first = part.wavs[row], part.starts[row]
            return check_wave(read_row(path, int(first + start), int(first + stop)), path)

        lengths = part.stops - part.starts
        embeddings, failures = embed_utterances(net, read, lengths, batch_seconds, max_seconds, threads, report)
        good = [row for row in range(len(part)) if row not in failures]
        rejected = [(str(part.ids[row]), reason) for row, reason in failures.items()]
        tell_rejected(rejected if strict else [], len(manifest), "utterances", True)  # now, not after the last one
        return embeddings[good], [str(name) for name in part.ids[good]], rejected

    with progress_bar(None, "embeddings", len(manifest), "utterances", shown=progress and rank == 0) as bar:
        if folder is None:
            embeddings, ids, rejected = embed(None, bar.update)
        else:
            longest_first = np.argsort(manifest.starts - manifest.stops, kind="stable")
            key = fingerprint(net, manifest, max_seconds, content)
            shards = Shards(folder, key, manifest.ids, longest_first, shard_size)
            embeddings, ids, rejected = shards.compute(embed, rank, world_size, bar)
    tell_rejected(rejected, len(manifest), "utterances", strict or not ids)
    check_finite(embeddings, ids, manifest.ids, manifest.wavs, "utterances")
    return embeddings, ids


def tell_rejected(rejected: list[tuple[str, str]], n_items: int, what: str, is_error: bool) -> None:
    """Say of items, (ID, reason) each, that they cannot be embedded: in a warning, or as a `UserError`."""
    if not rejected:
        return
    message = f"{len(rejected)} of {n_items} {what} cannot be embedded, the first because {rejected[0][1]}"
    if is_error:
        raise UserError(message)
    logger.warning(message)


def check_finite(embeddings: np.ndarray, ids: list[str], all_ids: np.ndarray, paths: np.ndarray, what: str) -> None:
    """What an encoder makes NaN or infinity of: told here by its name, for who clusters or scores knows rows alone."""
    bad = np.flatnonzero(~np.isfinite(embeddings.sum(axis=1, dtype=np.float64)))
    if not bad.size:
        return
    first = ids[bad[0]]
    path = paths[np.flatnonzero(all_ids == first)[0]]
    remedy = (
        "its weights are no good, take that of an earlier checkpoint or another one"
        if bad.size == len(ids)
        else "look at these files, leave them out, or take another encoder"
    )
    raise UserError(
        f"The encoder gives embeddings that are not finite for {bad.size} of {len(ids)} {what}, the first {first} "
        f"({path}): {remedy}."
    )


def fingerprint(net: SpeakerEncoderNet, manifest: Manifest, max_seconds: float, content: str | None = None) -> str:
    """Sixteen hexadecimal digits that change with the encoder, the manifest, its files' content and ``max_seconds``."""
    content = files_digest(manifest.wavs) if content is None else content
    columns = [manifest.ids, manifest.wavs, manifest.starts, manifest.stops]
    return digest_of_net(net, f"{encoder_settings(net)} {max_seconds} {content}", columns)


def digest_of_net(net: torch.nn.Module, text: str, columns: Sequence[np.ndarray] = ()) -> str:
    """Sixteen hexadecimal digits that change with a text, a network's weights, and columns of text or numbers."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in net.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().numpy().tobytes())
    for column in columns:
        is_text = column.dtype == STRING
        digest.update("\n".join(column).encode("utf-8", "surrogateescape") if is_text else column.tobytes())
    return digest.hexdigest()[:16]
