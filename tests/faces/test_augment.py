"""What augmentation does to a picture: every setting shows, and nothing but the generator decides."""

import importlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from speechbrain_cadino.faces.augment import FaceAugmenter
from speechbrain_cadino.faces.settings import FaceAugmentationSettings
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture

NONE = dict(flip_prob=0, affine_prob=0, colour_prob=0, grey_prob=0, blur_prob=0)
IMAGE = torch.from_numpy(picture(0, 48, 48)).permute(2, 0, 1).contiguous()


def augment(seed=0, **settings):
    return FaceAugmenter(FaceAugmentationSettings(**settings))(IMAGE, np.random.default_rng(seed))


def test_nothing_drawn_nothing_done():
    assert torch.equal(augment(**NONE), IMAGE)


def test_flip_and_grey_are_plain():
    assert torch.equal(augment(**{**NONE, "flip_prob": 1}), IMAGE.flip(2))
    grey = augment(**{**NONE, "grey_prob": 1}).int()
    wanted = 0.299 * IMAGE[0] + 0.587 * IMAGE[1] + 0.114 * IMAGE[2]
    assert (grey - wanted).abs().max() < 2


def test_a_shift_and_a_zoom_are_where_they_should_be():
    for seed in range(20):  # the corner of a white square moves by at most the shift
        image = torch.zeros(3, 48, 48, dtype=torch.uint8)
        image[:, :24, :24] = 255
        settings = FaceAugmentationSettings(**{**NONE, "affine_prob": 1}, degrees=0, shift=0.1, zoom=(1, 1))
        moved = FaceAugmenter(settings)(image, np.random.default_rng(seed)).float()[0] / 255
        # what comes in at the top is black, so the square is counted at its other edges
        edges = moved[10].sum() + (moved[10] == 0)[:12].sum(), moved[:, 10].sum() + (moved[:, 10] == 0)[:12].sum()
        assert all(24 - 5.8 < edge < 24 + 5.8 for edge in edges)
    zoomed = augment(**{**NONE, "affine_prob": 1}, degrees=0, shift=0, zoom=(2, 2)).float()
    wanted = torch.nn.functional.interpolate(IMAGE[None, :, 12:36, 12:36].float(), scale_factor=2, mode="bilinear")[0]
    assert (zoomed - wanted)[:, 2:-2, 2:-2].abs().mean() < 3


def test_colours_are_torchvisions():
    ops = importlib.import_module("torchvision.transforms.v2.functional")
    for name in ("brightness", "contrast", "saturation", "hue"):
        most = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, name: 0.3}
        changed = augment(3, **{**NONE, "colour_prob": 1}, **most)
        rng = np.random.default_rng(3)
        rng.random(5)
        for other, width in most.items():
            middle = 0 if other == "hue" else 1
            value = rng.uniform(middle - width, middle + width)
            if other == name:
                wanted = getattr(ops, f"adjust_{name}")(IMAGE, value)
        assert torch.equal(changed, wanted) and not torch.equal(changed, IMAGE)


def test_blur_takes_out_the_noise_and_leaves_the_mean():
    blurred = augment(**{**NONE, "blur_prob": 1, "blur_sigma": (0.04, 0.04)}).float()
    image = IMAGE.float()
    assert blurred.diff(dim=2).abs().mean() < 0.7 * image.diff(dim=2).abs().mean()
    assert (blurred.mean() - image.mean()).abs() < 2


def test_a_small_affine_change_stays_near():
    changed = augment(**{**NONE, "affine_prob": 1})
    assert changed.shape == IMAGE.shape and changed.dtype == torch.uint8 and not torch.equal(changed, IMAGE)
    inner, turned = ((other.float() - IMAGE.float())[:, 8:40, 8:40].abs().mean() for other in (changed, IMAGE.flip(1)))
    assert inner < turned


@pytest.mark.parametrize(
    "prob, change",
    [
        ("affine_prob", dict(degrees=30)),
        ("affine_prob", dict(shift=0.3)),
        ("affine_prob", dict(zoom=(0.5, 0.6))),
        ("colour_prob", dict(brightness=1.0)),
        ("colour_prob", dict(contrast=1.0)),
        ("colour_prob", dict(saturation=1.0)),
        ("colour_prob", dict(hue=0.5)),
        ("blur_prob", dict(blur_sigma=(0.05, 0.06))),
    ],
)
def test_every_setting_shows(prob, change):
    assert not torch.equal(augment(**{**NONE, prob: 1}), augment(**{**NONE, prob: 1, **change}))


def test_fractions():
    flipped = [torch.equal(augment(seed, **{**NONE, "flip_prob": 0.25}), IMAGE.flip(2)) for seed in range(200)]
    assert 0.15 < np.mean(flipped) < 0.35


def test_the_generator_alone_decides():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = [augment(seed) for seed in range(8)]
    assert torch.equal(torch.get_rng_state(), state), "what the process draws is as it was"
    assert not torch.equal(first[0], first[1])
    torch.manual_seed(2)
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(augment, [*range(8)] * 4))
    for number, image in enumerate(again):
        assert torch.equal(image, first[number % 8])


@pytest.mark.parametrize(
    "change",
    [dict(flip_prob=1.1), dict(grey_prob=-0.1), dict(degrees=-1), dict(shift=2), dict(zoom=(0, 1)), dict(zoom=(2, 1)),
     dict(hue=0.6), dict(brightness=2), dict(blur_sigma=(0, 1)), dict(blur_sigma=(2, 1)), dict(blur_sigma=(1,))],
)  # fmt: skip
def test_settings_that_make_no_sense(change):
    with pytest.raises(UserError, match=f"{next(iter(change))} is "):
        FaceAugmentationSettings(**change)
