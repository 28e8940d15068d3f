"""A face encoder in use: pictures, folders of frames, pictures in memory, and decisions."""

import numpy as np
import PIL.Image
import pytest
import torch

from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.faces.images import read_image
from speechbrain_cadino.faces.iresnet import IResNet
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.inference import FaceEncoder
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def encoder(tmp_path):
    torch.manual_seed(0)
    net = FaceEncoderNet(IResNet(16, 4, (1, 1, 1, 1), embedding_dim=12), 12, 16).eval()
    return FaceEncoder.from_folder(export_face_encoder(net, tmp_path / "face_encoder", threshold=0.5), batch_size=3)


@pytest.fixture
def pixels(tmp_path):
    """Eight pictures; 0 to 5 are in the folder ``frames``, 6 and 7 by themselves."""
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8) for number in range(8)]
    (tmp_path / "frames").mkdir()
    for number, picture in enumerate(pixels):
        PIL.Image.fromarray(picture).save(tmp_path / ("frames" if number < 6 else "") / f"{number}.png")
    return pixels


def test_files_and_folders(encoder, pixels, tmp_path):
    one = [encoder.net(read_image(tmp_path / name, 16)[None])[0] for name in ("6.png", "7.png")]
    frames = [encoder.net(read_image(tmp_path / "frames" / f"{number}.png", 16)[None])[0] for number in range(6)]
    found = encoder.encode_files([tmp_path / "6.png", str(tmp_path / "frames"), tmp_path / "7.png", tmp_path / "6.png"])
    chosen = torch.stack([frames[number] for number in (0, 1, 3, 4, 5)]).mean(0)
    torch.testing.assert_close(found, torch.stack([one[0], chosen, one[1], one[0]]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.encode_files(tmp_path / "6.png")[0], one[0], rtol=1e-4, atol=1e-5)
    encoder.n_frames = 6
    whole = encoder.encode_files(str(tmp_path / "frames"))[0]
    torch.testing.assert_close(whole, torch.stack(frames).mean(0), rtol=1e-4, atol=1e-5)


def test_pictures_in_memory(encoder, pixels, tmp_path):
    wanted = encoder.encode_files([tmp_path / "6.png", tmp_path / "7.png"])
    kinds = (lambda p: p, PIL.Image.fromarray, lambda p: torch.from_numpy(p).permute(2, 0, 1))
    for kind in kinds:
        found = encoder.encode_images([kind(pixels[6]), kind(pixels[7])])
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    save = tmp_path / "large.jpg"
    PIL.Image.fromarray(np.kron(pixels[6], np.ones((8, 8, 1), np.uint8))).save(save)
    opened = PIL.Image.open(save)
    torch.testing.assert_close(encoder.encode_images([opened]), encoder.encode_files(save), rtol=0.1, atol=0.1)
    assert opened.size == (240, 208), "the user's picture stays as it is"
    assert encoder.encode_images([pixels[6][..., 0]]).shape == (1, 12)
    assert encoder.encode_images([]).shape == (0, 12) and encoder.encode_files([]).shape == (0, 12)
    torch.testing.assert_close(encoder.encode_images(pixels)[6:], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "image, said",
    [
        (np.zeros((20, 20, 4), np.uint8), r"Picture 0 has the shape \(20, 20, 4\)"),
        (np.zeros((20, 20, 3)), "Picture 0 has the shape .* and the type float64: give an array"),
        (np.zeros(20, np.uint8), "Picture 0 has the shape"),
        (np.zeros((20, 20, 3), np.uint8), "Picture 0 shows one colour alone"),
        (np.arange(300, dtype=np.uint8).reshape(10, 10, 3), "Picture 0 is too small"),
        (torch.zeros(20, 20, 3, dtype=torch.uint8), "Picture 0 has the shape .*: give a tensor"),
        ("a.png", "Picture 0 is a str"),
    ],
)
def test_pictures_that_are_none(encoder, image, said):
    with pytest.raises(UserError, match=said):
        encoder.encode_images([image])


def test_files_that_are_none(encoder, pixels, tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    for path, said in (("bad.png", "bad.png is not readable"), ("gone.png", "gone.png is no picture and holds none")):
        with pytest.raises(UserError, match=said):
            encoder.encode_files([tmp_path / "6.png", tmp_path / path])
    with pytest.raises(UserError, match="empty is no picture and holds none: check the path"):
        encoder.encode_files(tmp_path / "empty")


def test_decisions(encoder, pixels, tmp_path):
    score, same = encoder.verify_files(tmp_path / "6.png", tmp_path / "6.png")
    assert score == pytest.approx(1, abs=1e-5) and same
    score, same = encoder.verify_files(tmp_path / "6.png", tmp_path / "frames")
    one, other = encoder.encode_files([tmp_path / "6.png", tmp_path / "frames"])
    assert score == pytest.approx(float(torch.cosine_similarity(one, other, dim=0)), abs=1e-6)
    assert same is (score >= 0.5) and encoder.verify_files(tmp_path / "6.png", tmp_path / "frames", -1)[1]
    encoder.threshold = None
    with pytest.raises(UserError, match="without a threshold"):
        encoder.verify_files(tmp_path / "6.png", tmp_path / "7.png")
    with pytest.raises(UserError, match="threshold is 3"):
        encoder.verify_files(tmp_path / "6.png", tmp_path / "7.png", 3)


@pytest.mark.parametrize("options", [dict(n_frames=2.5), dict(n_frames=0), dict(batch_size=0), dict(batch_size="4")])
def test_numbers_that_are_none_are_refused_at_once(encoder, options):
    with pytest.raises(UserError, match="set whole numbers from 1 on: 5 and 64"):
        FaceEncoder(encoder.net, **options)
