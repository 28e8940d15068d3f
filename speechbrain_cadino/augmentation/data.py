"""Noise recordings and room impulse responses for augmentation, from a folder or a SpeechBrain CSV."""

from __future__ import annotations

import csv
import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from speechbrain_cadino.augmentation import silence
from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, audio_info
from speechbrain_cadino.corpus.layout import STRING
from speechbrain_cadino.corpus.listing import find_audio
from speechbrain_cadino.corpus.manifest import DATA_ROOT, read_manifest
from speechbrain_cadino.corpus.rows import fit_to_files
from speechbrain_cadino.corpus.suffixes import why_unreadable
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.files import write_csv
from speechbrain_cadino.utils.text import open_table

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
        Unreadable files in it are left out, and silent ones (looked for in the first hour of audio), and counted in a
        warning.

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
        If the CSV is no good, names no file that can be used, or has an unknown kind.
    """
    manifest = read_manifest(csv_path, data_root, session_pattern=None)
    manifest, rejected = fit_to_files(manifest, csv_path, data_root)
    bad = [AudioError(f"{wav} {reason}") for wav, reason in rejected]
    loud = [
        silence.why_no_sound(wav, *piece)
        for wav, *piece in silence.looked_at(manifest.wavs, manifest.starts, manifest.stops)
    ]
    bad += [reason for reason in loud if reason is not None]
    manifest = manifest.subset([reason is None for reason in loud] + [True] * (len(manifest) - len(loud)))
    _tell(bad, len(manifest), csv_path)
    with open_table(csv_path, "CSV", "check its path") as file:
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
    wavs = (
        f"{DATA_ROOT}/{wav.removeprefix(root)}" if root and wav.startswith(root) else wav for wav in data.wavs.tolist()
    )
    numbers = (f"{number:06d}" for number in range(len(data.wavs)))
    rows = zip(numbers, data.durations.tolist(), wavs, data.kinds.tolist())
    write_csv(csv_path, ("ID", "duration", "wav", "kind"), rows)


def _scan(folder):
    """Usable audio files of a folder, relative to it, and their lengths in samples at 16 kHz."""
    if not os.path.isdir(folder):
        raise UserError(f"{folder} is not a folder: give a folder of audio, a CSV, or null for generated data.")
    names, rejected = find_audio(folder)
    bad = [AudioError(f"{name} {reason}") for name, reason in rejected]
    found, stops, looked_at = [], [], 0
    for name in names:
        path = os.path.join(folder, name)
        try:
            reason = why_unreadable(name)
            if reason is not None:
                raise AudioError(f"{name} is {reason}")
            samples = audio_info(path).samples
            if samples == 0:
                raise AudioError.of(name, "holds no samples")
        except AudioError as error:
            bad.append(error)
            continue
        looked_at += samples
        reason = silence.why_no_sound(path, 0, samples) if looked_at <= silence.LOOK_AT else None
        if reason is None:
            found.append(name)
            stops.append(samples)
        else:
            bad.append(reason)
    _tell(bad, len(found), folder)
    return found, stops


def _tell(bad, n_found, source):
    if not n_found:
        raise UserError(f"No file in {source} is usable: {bad[0]}")
    if bad:
        logger.warning("%d of %d files in %s are left out, the first: %s", len(bad), len(bad) + n_found, source, bad[0])


def _kind(path):
    return next((part for part in reversed(Path(path).parts[:-1]) if part in KINDS), KINDS[0])


def _columns(wavs, stops, kinds):
    wavs, kinds = (np.array(list(texts), dtype=STRING) for texts in (wavs, kinds))
    stops = np.array(stops, dtype=np.int64)
    return AugmentationData(wavs, np.zeros_like(stops), stops, kinds)
