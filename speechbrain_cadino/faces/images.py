"""Pictures of any format, size and kind of colour, read as RGB of one size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speechbrain_cadino.corpus.suffixes import PICTURE_SUFFIXES, suffix_of
from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.utils.errors import FileError

SMALLEST = 16  # pixels of the shorter side: what is smaller shows no face
STRETCHED = 1.25  # of the sides' ratio: what is longer than that is told of, since resizing stretches it


class ImageError(FileError):
    """A picture that cannot be used."""


def read_image(path: str | Path, size: int) -> torch.Tensor:
    """Read a picture as RGB, resized to a square; one that is no square is stretched, as `image_ratio` tells.

    Turned as its EXIF data say; of an animation the first frame; what is transparent becomes white; 16 bits a colour
    are scaled to 8.

    Arguments
    ---------
    path : str or Path
    size : int
        Pixels of a side.

    Returns
    -------
    torch.Tensor
        (3, size, size) uint8.

    Raises
    ------
    ImageError
        If the file is absent, empty, no picture, breaks off, is smaller than 16 pixels or of one colour alone.

    Example
    -------
    >>> import tempfile, PIL.Image
    >>> path = f"{tempfile.mkdtemp()}/a.png"
    >>> PIL.Image.fromarray(np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)).save(path)
    >>> read_image(path, 32).shape
    torch.Size([3, 32, 32])
    """
    with _opened(path) as image:
        image.draft("RGB", (size, size))  # a JPEG is decoded at half its size and less where that is enough
        return _squared(image, size, path)


def as_image(image: Any, size: int, name: str) -> torch.Tensor:
    """What `read_image` gives, of a picture in memory.

    Arguments
    ---------
    image : np.ndarray, torch.Tensor or PIL.Image.Image
        An array (height, width, 3) or (height, width), or a tensor (3, height, width), uint8.
    size : int
    name : str
        For messages.

    Raises
    ------
    ImageError
    """
    pillow = need("PIL.Image")
    if isinstance(image, torch.Tensor):
        if image.dim() != 3 or image.shape[0] != 3:
            raise ImageError.of(name, f"has the shape {tuple(image.shape)}", "give a tensor (3, height, width)")
        image = image.detach().cpu().permute(1, 2, 0).numpy()
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.shape[2:] not in ((), (3,)) or image.ndim < 2:
            reason = f"has the shape {image.shape} and the type {image.dtype}"
            raise ImageError.of(name, reason, "give an array (height, width, 3) of uint8, from 0 to 255")
        image = pillow.fromarray(np.ascontiguousarray(image))
    if not isinstance(image, pillow.Image):
        raise ImageError.of(name, f"is a {type(image).__name__}", "give an array, a tensor or a picture of Pillow's")
    return _squared(image, size, name)


def image_ratio(path: str | Path) -> float:
    """The longer side of a picture over the shorter, by its header alone; `ImageError` as of `read_image`."""
    with _opened(path) as image:
        _check_size(path, image)
        return max(image.size) / min(image.size)


def is_image_name(name: str) -> bool:
    """Whether a file is a picture by its name; hidden files are none.

    Example
    -------
    >>> is_image_name("0000025.JPG"), is_image_name("a.txt"), is_image_name(".a.jpg")
    (True, False, False)
    """
    return suffix_of(name) in PICTURE_SUFFIXES and not os.path.basename(name).startswith(".")


def _opened(path):
    """A picture of Pillow's, of which the header is read; or an `ImageError` that says what the file is."""
    pillow = need("PIL.Image")
    try:
        return pillow.open(path)
    except MemoryError:
        raise
    except OSError as error:
        raise _why_not_opened(path, error) from error
    except Exception as error:  # such as of a picture of more pixels than Pillow thinks sane
        raise ImageError.of(path, f"is not readable as a picture ({_words(error)})") from error


def _squared(image, size, name):
    """(3, size, size) uint8 of a picture of Pillow's."""
    _check_size(name, image)
    try:
        image = need("PIL.ImageOps").exif_transpose(image)
        image = _rgb(image).resize((size, size), need("PIL.Image").Resampling.BILINEAR)
    except MemoryError:
        raise
    except Exception as error:  # each of Pillow's formats has errors of its own for bytes that are no good
        raise ImageError.of(name, f"breaks off or is damaged ({_words(error)})") from error
    if all(low == high for low, high in image.getextrema()):
        raise ImageError.of(name, "shows one colour alone")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _check_size(path, image):
    width, height = image.size
    if min(width, height) < SMALLEST:
        raise ImageError.of(path, f"is too small ({width} x {height} pixels, at least {SMALLEST} are needed)")


def _rgb(image):
    """Any kind of picture as Pillow's RGB."""
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits, which Pillow would cut at 255
        values = np.asarray(image, dtype=np.float64)
        top = 65535 if values.max() > 255 or image.mode.startswith("I;16") else 255
        return need("PIL.Image").fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = need("PIL.Image").new("RGBA", image.size, "white")
        return need("PIL.Image").alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _why_not_opened(path, error):
    """The `ImageError` for a file that Pillow did not open: absent, a folder, empty, or no picture."""
    if os.path.isdir(path):
        return ImageError.of(path, "is a folder, not a picture")
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as os_error:
        return ImageError.of(path, f"cannot be opened ({os_error.strerror})", "check the path and the folder of faces")
    reason = "the file is empty" if empty else "is not readable as a picture"
    return ImageError.of(path, reason, "convert it to jpg or png, or leave it out")


def _words(error):
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
