"""Augmentation of a picture by torchvision's operations; what is drawn comes from numpy's generator alone."""

from __future__ import annotations

import numpy as np
import torch

from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.faces.settings import FaceAugmentationSettings

OPERATIONS = "torchvision.transforms.v2.functional"


class FaceAugmenter:
    """Does to a picture what `FaceAugmentationSettings` say.

    Arguments
    ---------
    settings : FaceAugmentationSettings

    Raises
    ------
    UserError
        If torchvision is not installed or belongs to another torch.

    Example
    -------
    >>> image = torch.randint(256, (3, 32, 32), dtype=torch.uint8)
    >>> augment = FaceAugmenter(FaceAugmentationSettings())
    >>> bool((augment(image, np.random.default_rng(0)) == augment(image, np.random.default_rng(0))).all())
    True
    """

    def __init__(self, settings: FaceAugmentationSettings) -> None:
        self.settings = settings
        need(OPERATIONS)

    def __call__(self, image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Augment a picture.

        Arguments
        ---------
        image : torch.Tensor
            (3, size, size) uint8; left as it is.
        rng : np.random.Generator
            The picture's own.

        Returns
        -------
        torch.Tensor
            (3, size, size) uint8.
        """
        ops, s, size = need(OPERATIONS), self.settings, image.shape[-1]
        flip, affine, colours, grey, blur = rng.random(5) < (
            s.flip_prob,
            s.affine_prob,
            s.colour_prob,
            s.grey_prob,
            s.blur_prob,
        )
        if flip:
            image = ops.horizontal_flip(image)
        if affine:
            angle, shift, zoom = rng.uniform(-1, 1), rng.uniform(-s.shift, s.shift, 2) * size, rng.uniform(*s.zoom)
            bilinear = need("torchvision.transforms.v2").InterpolationMode.BILINEAR
            image = ops.affine(image, angle * s.degrees, shift.tolist(), zoom, [0.0, 0.0], bilinear)
        if colours:
            image = self._coloured(image, rng, ops)
        if grey:
            image = ops.rgb_to_grayscale(image, 3)
        if blur:
            sigma = max(0.1, rng.uniform(*s.blur_sigma) * size)
            image = ops.gaussian_blur(image, 2 * int(np.ceil(2 * sigma)) + 1, [sigma, sigma])
        return image

    def _coloured(self, image, rng, ops):
        s = self.settings
        for name in ("brightness", "contrast", "saturation", "hue"):
            most, middle = getattr(s, name), 0 if name == "hue" else 1
            value = rng.uniform(middle - most, middle + most)
            if most:
                image = getattr(ops, f"adjust_{name}")(image, value)
        return image
