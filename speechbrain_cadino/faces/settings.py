"""What is done to a picture of a face, how often and how hard: plain settings, to be built in a YAML with ``!new:``."""

from __future__ import annotations

from dataclasses import dataclass

from speechbrain_cadino.utils.errors import UserError


@dataclass(frozen=True)
class FaceAugmentationSettings:
    """Flip, small affine change, crop, colours, grey and blur, in that order, each drawn by itself.

    Flip, grey and blur are AVCleanse's; all values are our choice.

    Arguments
    ---------
    flip_prob : float
        Fraction of pictures that are mirrored.
    affine_prob : float
        Fraction that is turned and shifted.
    degrees : float
        Largest angle.
    shift : float
        Largest shift, a fraction of the side.
    crop_prob : float
        Fraction of which a part is cut out and resized to the whole.
    crop_scale : float
        Smallest part, a fraction of the area.
    colour_prob : float
        Fraction whose colours are changed.
    brightness, contrast, saturation, hue : float
        Largest changes, as of torchvision's ``ColorJitter``.
    grey_prob, blur_prob : float
        Fractions that lose their colour, and are blurred.
    blur_sigma : tuple of float
        Range of the blur, a fraction of the side.

    Raises
    ------
    UserError
        If a value makes no sense.

    Example
    -------
    >>> FaceAugmentationSettings(blur_prob=0.5).flip_prob
    0.5
    """

    flip_prob: float = 0.5
    affine_prob: float = 0.5
    degrees: float = 10.0
    shift: float = 0.05
    crop_prob: float = 0.5
    crop_scale: float = 0.8
    colour_prob: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.05
    grey_prob: float = 0.2
    blur_prob: float = 0.3
    blur_sigma: tuple = (0.005, 0.03)

    def __post_init__(self):
        for name in ("flip_prob", "affine_prob", "crop_prob", "colour_prob", "grey_prob", "blur_prob"):
            self._check(name, 0, 1, "a probability from 0 to 1")
        self._check("degrees", 0, 180, "an angle from 0 to 180")
        self._check("shift", 0, 1, "a fraction from 0 to 1")
        self._check("crop_scale", 0.05, 1, "a fraction from 0.05 to 1")
        for name in ("brightness", "contrast", "saturation"):
            self._check(name, 0, 1, "a number from 0 to 1")
        self._check("hue", 0, 0.5, "a number from 0 to 0.5")
        if len(self.blur_sigma) != 2 or not 0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise UserError(f"blur_sigma is {self.blur_sigma}: write a range as [low, high], over 0.")

    def _check(self, name, low, high, wanted):
        if not low <= getattr(self, name) <= high:
            raise UserError(f"{name} is {getattr(self, name)}: set {wanted}.")
