"""Pictures of every kind that Pillow reads, and files that are none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from speechbrain_cadino.faces.extra import need
from speechbrain_cadino.faces.images import ImageError, image_ratio, is_image_name, read_image
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save


def test_a_png_of_the_size_comes_back_as_it_was(tmp_path):
    pixels = picture(0, 32, 32)
    image = read_image(save(tmp_path / "a.png", pixels), 32)
    assert image.dtype == torch.uint8 and image.is_contiguous()
    np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), pixels)


def test_another_size_is_pillows_own_resizing(tmp_path):
    pixels = picture(0, 60, 90)
    image = read_image(save(tmp_path / "a.png", pixels), 24)
    wanted = np.array(PIL.Image.fromarray(pixels).resize((24, 24), PIL.Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), wanted)
    assert image_ratio(tmp_path / "a.png") == 1.5


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "webp", "gif", "tiff", "ppm"])
def test_formats(tmp_path, suffix):
    pixels = picture(0, 64, 64)
    image = read_image(save(tmp_path / f"a.{suffix}", pixels), 64).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(image - pixels).mean() < 12 and is_image_name(f"a.{suffix}") and is_image_name(f"a.{suffix.upper()}")


def test_a_large_jpeg_is_nearly_what_it_shows(tmp_path):
    pixels = np.kron(picture(0, 32, 32), np.ones((8, 8, 1), np.uint8))
    image = read_image(save(tmp_path / "a.jpg", pixels, quality=95), 32).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(image - picture(0, 32, 32)).mean() < 10


def test_kinds_of_colour(tmp_path):
    pixels = picture(0, 32, 32)
    grey = pixels[..., 0]
    wanted = torch.from_numpy(grey).expand(3, -1, -1)

    def read(image, name="a.png"):
        image.save(tmp_path / name)
        return read_image(tmp_path / name, 32)

    torch.testing.assert_close(read(PIL.Image.fromarray(grey)), wanted, rtol=0, atol=0)
    sixteen = PIL.Image.fromarray(grey.astype(np.uint16) * 257)
    torch.testing.assert_close(read(sixteen), wanted, rtol=0, atol=0)
    floats = read(PIL.Image.fromarray(grey.astype(np.float32)), "a.tiff")
    torch.testing.assert_close(floats, wanted, rtol=0, atol=0)
    alpha = np.concatenate([pixels, np.full((32, 32, 1), 255, np.uint8)], axis=2)
    alpha[:16, :, 3] = 0
    image = read(PIL.Image.fromarray(alpha)).permute(1, 2, 0).numpy()
    assert (image[:16] == 255).all() and (image[16:] == pixels[16:]).all()
    palette = read(PIL.Image.fromarray(grey).convert("P"))
    torch.testing.assert_close(palette, wanted, rtol=0, atol=0)
    assert read(PIL.Image.fromarray(pixels).convert("CMYK"), "a.jpg").shape == (3, 32, 32)
    assert read(PIL.Image.fromarray(grey > 128)).unique().tolist() == [0, 255]


def test_turned_as_the_camera_says(tmp_path):
    pixels, exif = picture(0, 32, 32), PIL.Image.Exif()
    exif[0x0112] = 6
    image = read_image(save(tmp_path / "a.png", pixels, exif=exif), 32)
    np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), np.rot90(pixels, -1))


def bad_files(folder):
    """Name -> what is said of it."""
    whole = save(folder / "whole.png", picture(0, 64, 64))
    data = open(whole, "rb").read()
    jpeg = open(save(folder / "whole.jpg", picture(0, 64, 64)), "rb").read()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "short.png").write_bytes(data[: len(data) // 2])
    (folder / "short.jpg").write_bytes(jpeg[:-60])
    (folder / "broken.png").write_bytes(data[:50] + bytes(200) + data[250:])
    (folder / "folder.jpg").mkdir()
    save(folder / "tiny.png", picture(0, 15, 64))
    save(folder / "white.png", np.full((32, 32, 3), 255, np.uint8))
    (folder / "link.jpg").symlink_to(folder / "nowhere.jpg")
    return {
        "missing.jpg": "cannot be opened .No such file",
        "empty.jpg": "the file is empty",
        "text.jpg": "is not readable as a picture",
        "short.png": "breaks off or is damaged",
        "short.jpg": "breaks off or is damaged",
        "broken.png": "breaks off or is damaged|is not readable",
        "folder.jpg": "is a folder, not a picture",
        "tiny.png": "is too small .64 x 15 pixels",
        "white.png": "shows one colour alone",
        "link.jpg": "cannot be opened .No such file",
    }


def test_bad_files_are_told_by_name_and_reason(tmp_path):
    for name, said in bad_files(tmp_path).items():
        with pytest.raises(ImageError, match=said) as error:
            read_image(tmp_path / name, 32)
        assert str(error.value).startswith(str(tmp_path / name)) and error.value.reason in str(error.value)
        assert str(tmp_path) not in error.value.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    save(tmp_path / "a.png", picture(0))
    os.chmod(tmp_path / "a.png", 0)
    with pytest.raises(ImageError, match="cannot be opened .Permission denied"):
        read_image(tmp_path / "a.png", 32)


def test_a_picture_of_insane_size_is_refused(tmp_path, monkeypatch):
    save(tmp_path / "a.png", picture(0))
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="not readable as a picture .DecompressionBomb"):
        read_image(tmp_path / "a.png", 32)


@pytest.mark.parametrize("name", ["PIL.Image", "torchvision.transforms.v2"])
def test_what_is_not_installed_is_told_in_a_sentence(monkeypatch, name):
    package = name.split(".")[0]
    for module in [module for module in sys.modules if module.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Refusing(package), *sys.meta_path])
    with pytest.raises(UserError, match=r"pip install 'speechbrain-cadino\[faces\]'\.$") as error:
        need(name)
    assert {"PIL": "pillow"}.get(package, package) in str(error.value)


def test_voices_do_without_pillow_and_torchvision():
    code = """
import sys
sys.modules["PIL"] = sys.modules["torchvision"] = None  # an import of them fails
import speechbrain_cadino
from speechbrain_cadino.inference import SpeakerEncoder
from speechbrain_cadino import faces
from speechbrain_cadino.utils.errors import UserError
faces.FaceEncoderNet(faces.IResNet(16, 4, embedding_dim=8), 8, 16)
settings = faces.FaceAugmentationSettings()
for use in (lambda: faces.FaceAugmenter(settings), lambda: faces.read_image("a.png", 16)):
    try:
        use()
    except UserError as error:
        print(error)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and "torchvision" in lines[0] and "pillow" in lines[1]
    assert all(line.endswith("pip install 'speechbrain-cadino[faces]'.") for line in lines)


class Refusing:
    """A finder for which a package is not installed."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}")


def test_a_torchvision_of_another_torch(monkeypatch, tmp_path):
    (tmp_path / "torchvision_old.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="does not fit the installed torch .operator torchvision::nms does not exist"):
        need("torchvision_old")
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
