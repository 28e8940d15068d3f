"""Augmentation of a picture by torchvision, as a function of numpy's generator alone."""

from __future__ import annotations

import threading

import numpy as np
import torch

from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.faces.settings import FaceAugmentationSettings

# torchvision draws from the process's generator, which is put back afterwards: one picture at a time.
_ONE_AT_A_TIME = threading.Lock()


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
        need("torchvision.transforms.v2")

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
        seed = int(rng.integers(2**63))
        with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._transform(image.shape[-1])(image)

    def _transform(self, size):
        v2, s = need("torchvision.transforms.v2"), self.settings
        affine = v2.RandomAffine(s.degrees, translate=(s.shift, s.shift), interpolation=v2.InterpolationMode.BILINEAR)
        crop = v2.RandomResizedCrop(size, (s.crop_scale, 1.0), (0.9, 1 / 0.9), antialias=True)
        colours = v2.ColorJitter(s.brightness, s.contrast, s.saturation, s.hue)
        low, high = (max(0.1, sigma * size) for sigma in s.blur_sigma)
        blur = v2.GaussianBlur(2 * int(np.ceil(2 * high)) + 1, (low, high))
        steps = [(affine, s.affine_prob), (crop, s.crop_prob), (colours, s.colour_prob), (blur, s.blur_prob)]
        affine, crop, colours, blur = (v2.RandomApply([step], p=prob) for step, prob in steps)
        grey = v2.RandomGrayscale(s.grey_prob)
        return v2.Compose([v2.RandomHorizontalFlip(s.flip_prob), affine, crop, colours, grey, blur])
