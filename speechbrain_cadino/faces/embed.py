"""Embeddings of faces that have several pictures each: the mean of some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from speechbrain_cadino.encoder.embed import evaluating, read_ahead
from speechbrain_cadino.faces.images import ImageError, read_image
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_whole

ATTEMPTS = 10  # further frames that are tried where none of the chosen ones can be read


def embed_faces(
    net: FaceEncoderNet,
    faces: Sequence,
    n_frames: int = 5,
    batch_size: int = 64,
    threads: int = 4,
    report: Callable | None = None,
) -> tuple[np.ndarray, dict[int, str]]:
    """Embed faces, clean, in evaluation mode and float32; the modules' modes are put back afterwards.

    Arguments
    ---------
    net : FaceEncoderNet
        On the device that is to compute.
    faces : sequence of callables, (n,)
        Each gives the paths of a face's pictures; called from several threads, when they are read.
    n_frames : int
        The embedding is the mean over so many of them at most, evenly spaced; those that cannot be read are passed
        over. Where that leaves none, the first of the others that can be read is taken.
    batch_size : int
        Pictures at once, about; bounds the memory.
    threads : int
        How many threads read ahead.
    report : callable, optional
        Called with the numbers of the faces that are done.

    Returns
    -------
    embeddings : np.ndarray
        (n, embedding_dim) float32; NaN where no picture of a face could be read.
    failures : dict of int to str
        Those faces and the reasons.
    """
    check_numbers(n_frames, batch_size)
    embeddings = np.full((len(faces), net.embedding_dim), np.nan, dtype=np.float32)
    failures, pending = {}, []

    def read(number):
        return number, *_read(faces[number](), net.size, n_frames)

    def flush():
        if pending:
            numbers, pictures = zip(*pending)
            rows = _forward(net, torch.cat(pictures)).split([len(part) for part in pictures])
            embeddings[list(numbers)] = torch.stack([part.mean(0) for part in rows]).float().cpu().numpy()
            pending.clear()

    with evaluating(net), torch.no_grad():
        for number, pictures, reason in read_ahead(read, range(len(faces)), threads):
            if pictures is None:
                failures[number] = reason
            else:
                pending.append((number, pictures))
            if sum(len(part) for _, part in pending) >= batch_size:
                flush()
            if report is not None:
                report([number])
        flush()
    return embeddings, failures


def embed_images(net: FaceEncoderNet, images: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Embed pictures (n, 3, size, size) uint8, each by itself: (n, embedding_dim) float32 on the CPU."""
    with evaluating(net), torch.no_grad():
        parts = [_forward(net, part).float().cpu() for part in images.split(batch_size)]
    return torch.cat(parts) if parts else torch.zeros(0, net.embedding_dim)


def check_numbers(n_frames: int, batch_size: int) -> None:
    """Raise a `UserError` if these are no numbers of frames and of pictures."""
    if not (is_whole(n_frames, low=1) and is_whole(batch_size, low=1)):
        raise UserError(f"n_frames is {n_frames} and batch_size {batch_size}: set whole numbers from 1 on: 5 and 64.")


def evenly_spaced(count: int, at_most: int) -> list[int]:
    """So many numbers of ``range(count)`` at most, evenly spaced and away from its ends.

    Example
    -------
    >>> evenly_spaced(3, 5), evenly_spaced(100, 5)
    ([0, 1, 2], [10, 30, 50, 70, 90])
    """
    n = min(count, at_most)
    return [(2 * place + 1) * count // (2 * n) for place in range(n)]


def _read(paths, size, n_frames):
    """Pictures (k, 3, size, size) of a face, and None; or None, and the reason."""
    if not paths:
        return None, "it has no frames: prepare the faces again."
    pictures, reason = [], None
    chosen = evenly_spaced(len(paths), n_frames)
    others = [place for place in range(len(paths)) if place not in chosen][:ATTEMPTS]
    for attempt, place in enumerate(chosen + others):
        if attempt >= len(chosen) and pictures:
            break
        try:
            pictures.append(read_image(paths[place], size))
        except ImageError as error:
            reason = reason or str(error)
    return (torch.stack(pictures), None) if pictures else (None, reason)


def _forward(net, images):
    device = next(net.parameters()).device
    with torch.autocast(device.type, enabled=False):
        return net(images.to(device))
