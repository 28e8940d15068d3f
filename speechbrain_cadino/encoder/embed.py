"""Embeddings of whole utterances, batched by their number of frames, so that padding never changes one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.utils.errors import UserError

MIN_SECONDS = 0.1  # eleven frames; ECAPA-TDNN's reflected edges need five
AHEAD = 32  # pieces read before the encoder asks for them


def embed_utterances(
    net: SpeakerEncoderNet,
    read: Callable,
    lengths: np.ndarray,
    batch_seconds: float = 200.0,
    max_seconds: float = 300.0,
    threads: int = 4,
    report: Callable | None = None,
) -> tuple[np.ndarray, dict[int, str]]:
    """Embed utterances, clean, in evaluation mode and float32; the modules' modes are put back afterwards.

    Utterances of the same number of frames share a batch. An utterance longer than ``max_seconds``, or than the
    network's own, is cut into equal pieces, and its embedding is the mean of theirs.

    Arguments
    ---------
    net : speechbrain_cadino.encoder.model.SpeakerEncoderNet
        On the device that is to compute.
    read : callable
        (row, start, stop) -> samples ``start`` to ``stop`` of utterance ``row``, (time,) float32 at 16 kHz. Called from
        several threads. May raise `UserError` for a piece that cannot be used.
    lengths : np.ndarray
        (n,) samples of each utterance.
    batch_seconds : float
        Audio in one batch, in seconds; bounds the memory.
    max_seconds : float
        Longest piece that the encoder gets at once, in seconds.
    threads : int
        How many threads read ahead.
    report : callable, optional
        Called with the number of utterances that a batch has finished.

    Returns
    -------
    embeddings : np.ndarray
        (n, embedding_dim) float32, in the order of ``lengths``; NaN where nothing of an utterance could be used.
    failures : dict of int to str
        Those rows and the reasons.
    """
    if not min(batch_seconds, max_seconds) >= MIN_SECONDS:
        raise UserError(f"batch_seconds {batch_seconds} or max_seconds {max_seconds} is under {MIN_SECONDS} s: set 10.")
    max_seconds = min(max_seconds, net.max_seconds)
    rows, starts, stops = cut(np.asarray(lengths, np.int64), int(max_seconds * SAMPLE_RATE))
    sums, used = np.zeros((len(lengths), net.embedding_dim)), np.zeros(len(lengths))
    left, reasons = np.bincount(rows), {}

    def try_to_read(piece):
        try:
            return piece, read(rows[piece], starts[piece], stops[piece])
        except UserError as error:
            reasons[int(rows[piece])] = str(error)
            return piece, None

    longest_first = np.argsort(starts - stops, kind="stable")  # what doesn't fit into memory shows at once
    with evaluating(net), torch.no_grad():
        for batch, waves in _batches(read_ahead(try_to_read, longest_first, threads), net, batch_seconds):
            if waves is not None:
                np.add.at(sums, rows[batch], _forward(net, waves))
                np.add.at(used, rows[batch], 1)
            np.subtract.at(left, rows[batch], 1)
            if report is not None:
                report(int((left[np.unique(rows[batch])] == 0).sum()))
    failures = {row: reason for row, reason in sorted(reasons.items()) if not used[row]}
    with np.errstate(invalid="ignore"):
        return (sums / used[:, None]).astype(np.float32), failures


def check_wave(wave: np.ndarray, name: str):
    """Give the wave back, (time,) float32, or raise an `AudioError` that says what is wrong with ``name``."""
    wave = np.asarray(wave, dtype=np.float32)
    if wave.ndim != 1:
        raise AudioError(f"{name} has the shape {wave.shape}: give one channel, (time,).")
    if len(wave) < MIN_SECONDS * SAMPLE_RATE:
        raise AudioError(f"{name} is {len(wave) / SAMPLE_RATE:.4g} s long, less than {MIN_SECONDS} s: leave it out.")
    if not np.isfinite(wave).all():
        raise AudioError(f"{name} holds values that are not finite (NaN or infinity): leave it out.")
    if np.ptp(wave) == 0:
        raise AudioError(f"{name} is silent, every sample is {wave[0]:g}: leave it out.")
    return wave


def cut(lengths: np.ndarray, longest: int) -> np.ndarray:
    """Cut utterances into the fewest pieces of at most ``longest`` samples, equally long but for one sample.

    Arguments
    ---------
    lengths : np.ndarray
        (n,) int64, samples.
    longest : int
        Samples.

    Returns
    -------
    rows, starts, stops : np.ndarray
        (pieces,) int64 each: the utterance of a piece, its first sample and the one after its last.

    Example
    -------
    >>> [column.tolist() for column in cut(np.array([5, 25]), 10)]
    [[0, 1, 1, 1], [0, 0, 8, 16], [5, 8, 16, 25]]
    """
    pieces = np.maximum(1, -(-lengths // longest))
    rows = np.repeat(np.arange(len(lengths)), pieces)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return rows, place * lengths[rows] // pieces[rows], (place + 1) * lengths[rows] // pieces[rows]


def read_ahead(read: Callable, items: Iterable, threads: int) -> Iterator:
    """Yield ``read(item)`` of each item, in order, while threads read up to `AHEAD` items further."""
    with ThreadPoolExecutor(threads) as pool:
        pending = deque()
        try:
            for item in items:
                pending.append(pool.submit(read, item))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def evaluating(net: SpeakerEncoderNet):
    """Put every module into evaluation mode; afterwards each goes back to the mode that it had."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield net
    finally:
        for module, training in modes:
            module.training = training


def _batches(pieces, net, batch_seconds):
    """Join pieces in a row that have the same number of frames: (piece numbers, waves), waves None if unusable."""
    batch, waves = [], []
    for piece, wave in pieces:
        if wave is None:
            yield [piece], None
            continue
        frames = net.frames(len(wave))
        full = (len(waves) + 1) * frames * net.hop > batch_seconds * SAMPLE_RATE
        if waves and (full or frames != net.frames(len(waves[0]))):
            yield batch, waves
            batch, waves = [], []
        batch.append(piece)
        waves.append(wave)
    if waves:
        yield batch, waves


def _forward(net, waves):
    # Zeros up to the longest wave add no frame, and a short-time transform takes zeros beyond a wave's end anyway.
    padded = np.zeros((len(waves), max(map(len, waves))), dtype=np.float32)
    for row, wave in zip(padded, waves):
        row[: len(wave)] = wave
    device = next(net.parameters()).device
    with torch.autocast(device.type, enabled=False):
        return net(torch.from_numpy(padded).to(device)).cpu().numpy()
