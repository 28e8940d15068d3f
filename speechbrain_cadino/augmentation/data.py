"""Noise recordings and room impulse responses for augmentation, from a folder or a SpeechBrain CSV."""

from __future__ import annotations

import csv
import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, audio_info
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.listing import find_audio
from speechbrain_cadino.corpus.manifest import DATA_ROOT, read_manifest
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import atomic_path

KINDS = ("noise", "speech", "music")  # MUSAN's folders
RIR = "rir"
logger = logging.getLogger(__name__)


class AugmentationData(NamedTuple):
    """Recordings to add or to convolve with, as columns that have a manifest's names.

    Arguments
    ---------
    wavs : np.ndarray of str, (n,)
    starts, stops : np.ndarray of int64, (n,)
        Samples at 16 kHz; stop excluded.
    kinds : np.ndarray of str, (n,)
        ``noise``, ``speech`` or ``music`` for noises, ``rir`` for room impulse responses.
    """

    wavs: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    kinds: np.ndarray

    @property
    def durations(self):
        """Seconds, (n,) float64."""
        return (self.stops - self.starts) / SAMPLE_RATE


def noise_manifest(folder: str | Path) -> AugmentationData:
    """Noises of a folder and its sub-folders; the kind is the innermost folder of MUSAN's names, else ``noise``.

    Arguments
    ---------
    folder : str or Path
        Unreadable files in it are left out, and counted in a warning.

    Returns
    -------
    AugmentationData

    Raises
    ------
    UserError
        If the folder is absent or has no usable audio.

    Example
    -------
    >>> import tempfile, soundfile
    >>> folder = tempfile.mkdtemp()
    >>> os.mkdir(f"{folder}/music")
    >>> soundfile.write(f"{folder}/music/a.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 16000), 16000)
    >>> noise_manifest(folder).kinds.tolist()
    ['music']
    """
    names, stops = _scan(folder)
    return _columns([os.path.join(folder, name) for name in names], stops, map(_kind, names))


def rir_manifest(folder: str | Path) -> AugmentationData:
    """Room impulse responses of a folder; result and errors as for `noise_manifest`, all of the kind ``rir``."""
    names, stops = _scan(folder)
    return _columns([os.path.join(folder, name) for name in names], stops, [RIR] * len(names))


def read_augmentation_data(csv_path: str | Path, data_root: str | Path | None = None) -> AugmentationData:
    """Noises or room impulse responses of a SpeechBrain CSV (``ID,duration,wav``), lengths from the files' headers.

    Arguments
    ---------
    csv_path : str or Path
        A column ``kind`` is used where there is one, else the path as in `noise_manifest`.
    data_root : str, Path or None
        What ``$data_root`` stands for.

    Returns
    -------
    AugmentationData

    Raises
    ------
    UserError
        If the CSV is no good, names an unreadable file, or has an unknown kind.
    """
    manifest = read_manifest(csv_path, data_root, session_pattern=None)
    with open(csv_path, newline="", encoding="utf-8-sig") as file:
        said = {row["ID"]: row.get("kind") for row in csv.DictReader(file, skipinitialspace=True)}
    kinds = [said.get(name) or _kind(wav) for name, wav in zip(manifest.ids, manifest.wavs)]
    unknown = set(kinds) - {*KINDS, RIR}
    if unknown:
        raise UserError(f"{csv_path} has the kind {unknown.pop()!r}: write one of {', '.join((*KINDS, RIR))}.")
    return AugmentationData(manifest.wavs, manifest.starts, manifest.stops, np.array(kinds, dtype=STRING))


def write_augmentation_csv(data: AugmentationData, csv_path: str | Path, data_root: str | Path | None = None) -> None:
    """Write SpeechBrain's columns for noise and RIR lists, ``ID,duration,wav``, and ``kind``, atomically.

    Arguments
    ---------
    data : AugmentationData
        Whole files.
    csv_path : str or Path
    data_root : str, Path or None
        Paths below this folder are written as ``$data_root/...``.
    """
    root = None if data_root is None else str(data_root).rstrip("/") + "/"
    with atomic_path(csv_path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("ID", "duration", "wav", "kind"))
        for number, (wav, duration, kind) in enumerate(zip(data.wavs, data.durations.tolist(), data.kinds)):
            if root is not None and wav.startswith(root):
                wav = f"{DATA_ROOT}/{wav.removeprefix(root)}"
            writer.writerow((f"{number:06d}", duration, wav, kind))


def _scan(folder):
    """Usable audio files of a folder, relative to it, and their lengths in samples at 16 kHz."""
    if not os.path.isdir(folder):
        raise UserError(f"{folder} is not a folder: give a folder of audio, a CSV, or none for generated data.")
    names, stops, bad = [], [], []
    for name in find_audio(folder):
        try:
            samples = audio_info(os.path.join(folder, name)).samples
            if samples == 0:
                raise AudioError.of(name, "holds no samples")
        except AudioError as error:
            bad.append(error)
        else:
            names.append(name)
            stops.append(samples)
    if not names:
        raise UserError(f"No file in {folder} is usable: {bad[0]}")
    if bad:
        total = len(bad) + len(names)
        logger.warning("%d of %d files in %s are left out, the first: %s", len(bad), total, folder, bad[0])
    return names, stops


def _kind(path):
    return next((part for part in reversed(Path(path).parts[:-1]) if part in KINDS), KINDS[0])


def _columns(wavs, stops, kinds):
    wavs, kinds = (np.array(list(texts), dtype=STRING) for texts in (wavs, kinds))
    stops = np.array(stops, dtype=np.int64)
    return AugmentationData(wavs, np.zeros_like(stops), stops, kinds)
