"""Which encoder is meant by the folder of a run."""

from __future__ import annotations

from pathlib import Path

from speechbrain_cadino.utils.places import ENCODER, FACE_ENCODER, trainings_of


def find_encoder(folder: str | Path, face: bool = False) -> Path:
    """An encoder's folder, given itself or the run that it is the last one of.

    Arguments
    ---------
    folder : str or Path
        Of an encoder; or of a run, whose last training counts: ``large_margin``, else the last iteration, else its own.
    face : bool
        Of a run, the encoder of faces.

    Returns
    -------
    Path
        ``folder`` itself where there is none in it: loading it tells what is wrong.

    Example
    -------
    >>> str(find_encoder("nowhere"))
    'nowhere'
    """
    folder = Path(folder)
    if any((folder / name).is_file() for name in (ENCODER, FACE_ENCODER)):
        return folder
    name = FACE_ENCODER if face else ENCODER
    found = (part / name.removesuffix(".json") for part in (*reversed(trainings_of(folder)), folder))
    return next((path for path in found if (path / name).is_file()), folder)
