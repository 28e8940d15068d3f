"""Tiny pictures, made with numpy, and a tiny encoder whose batch norm has statistics of its own, as after training."""

import numpy as np
import PIL.Image
import pytest
import torch

from speechbrain_cadino.faces.iresnet import IResNet
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.model import FaceEncoderNet


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


def picture(seed, height=40, width=40):
    """(height, width, 3) uint8: smooth colours of their own, and some noise."""
    rng = np.random.default_rng(seed)
    coarse = PIL.Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize((width, height))
    return np.clip(np.array(coarse, int) + rng.integers(-9, 10, (height, width, 3)), 0, 255).astype(np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path, **options)
    return str(path)


@pytest.fixture
def make_face_net():
    """Give `tiny_face_encoder`."""
    return tiny_face_encoder


def tiny_face_encoder(trained=True, **settings):
    """An encoder of 12 dimensions in evaluation mode."""
    model = IResNet(**{"size": 16, "width": 4, "layers": (1, 1, 1, 1), "embedding_dim": 12, **settings})
    net = FaceEncoderNet(model, 12, model.settings["size"])
    if trained:
        for _ in range(20):  # running statistics far from those of a fresh batch norm
            net(torch.randint(256, (8, 3, net.size, net.size), dtype=torch.uint8))
        torch.nn.init.uniform_(net.embedding_norm.weight, 0.5, 2.0)
        torch.nn.init.normal_(net.embedding_norm.bias)
    return net.eval()


@pytest.fixture
def faces(tmp_path):
    """Six items: two of a picture each, four of folders of 1, 3, 7 and 7 frames, the last two of the same folder."""
    paths = [save(tmp_path / "faces" / f"p{number}.png", picture(number)) for number in range(2)]
    for number, count in enumerate((1, 3, 7)):
        for frame in range(count):
            save(tmp_path / "faces" / f"f{number}" / f"{frame:03d}.jpg", picture(10 * number + frame + 5))
        paths.append(str(tmp_path / "faces" / f"f{number}"))
    return FaceManifest.of([f"u{row}" for row in range(6)], [*paths, paths[-1]])
