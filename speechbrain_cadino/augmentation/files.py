"""From a setting to noise or room impulse responses: of a folder, of a CSV, or, with nothing set, generated ones."""

from __future__ import annotations

from pathlib import Path

from speechbrain_cadino.augmentation.data import noise_manifest, read_augmentation_data, rir_manifest
from speechbrain_cadino.augmentation.noise import NoiseFiles, SimulatedNoise
from speechbrain_cadino.augmentation.rirs import RIRFiles, SimulatedRIRs


def noise_from(path: str | Path | None = None, preload: bool = False) -> NoiseFiles | SimulatedNoise:
    """Noise of a folder (MUSAN's layout or any) or of a CSV; generated noise without a path.

    Arguments
    ---------
    path : str, Path or None
        A folder, or a CSV in SpeechBrain's form with a column ``kind``.
    preload : bool
        Whether to keep the files in memory.

    Returns
    -------
    NoiseFiles or SimulatedNoise
    """
    return SimulatedNoise() if path is None else NoiseFiles(_read(path, noise_manifest), preload)


def rirs_from(path: str | Path | None = None, preload: bool = False) -> RIRFiles | SimulatedRIRs:
    """Room responses of a folder or of a CSV; simulated decays without a path. Arguments as in `noise_from`."""
    return SimulatedRIRs() if path is None else RIRFiles(_read(path, rir_manifest), preload=preload)


def _read(path, scan_folder):
    return read_augmentation_data(path) if Path(path).suffix == ".csv" else scan_folder(path)
