"""What is done to a picture of a face, how often and how hard: plain settings, to be built in a YAML with ``!new:``."""

from __future__ import annotations

from dataclasses import dataclass

from speechbrain_cadino.utils.errors import UserError


@dataclass(frozen=True)
class FaceAugmentationSettings:
    """Flip, small affine change, colours, grey and blur, in that order, each drawn by itself.

    Flip, grey and blur are AVCleanse's; all values are our choice.

    Arguments
    ---------
    flip_prob : float
        Fraction of pictures that are mirrored.
    affine_prob : float
        Fraction that is turned, shifted and zoomed, as another crop would be.
    degrees : float
        Largest angle.
    shift : float
        Largest shift, a fraction of the side.
    zoom : tuple of float
        Range of the factor by which the face becomes larger; what comes in at the edge is black.
    colour_prob : float
        Fraction whose colours are changed.
    brightness, contrast, saturation, hue : float
        Largest changes, as of torchvision's ``ColorJitter``. 0: none, which saves time, for hue most.
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
    zoom: tuple = (0.95, 1.15)
    colour_prob: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.0
    grey_prob: float = 0.2
    blur_prob: float = 0.3
    blur_sigma: tuple = (0.005, 0.03)

    def __post_init__(self):
        for name in ("flip_prob", "affine_prob", "colour_prob", "grey_prob", "blur_prob"):
            self._check(name, 0, 1, "a probability from 0 to 1")
        self._check("degrees", 0, 180, "an angle from 0 to 180")
        self._check("shift", 0, 1, "a fraction from 0 to 1")
        for name in ("brightness", "contrast", "saturation"):
            self._check(name, 0, 1, "a number from 0 to 1")
        self._check("hue", 0, 0.5, "a number from 0 to 0.5")
        for name in ("zoom", "blur_sigma"):
            limits = getattr(self, name)
            if len(limits) != 2 or not 0 < limits[0] <= limits[1]:
                raise UserError(f"{name} is {limits}: write a range as [low, high], over 0.")

    def _check(self, name, low, high, wanted):
        if not low <= getattr(self, name) <= high:
            raise UserError(f"{name} is {getattr(self, name)}: set {wanted}.")
