"""Scaling, network, projection and batch norm in a row."""

import pytest
import torch

from speechbrain_cadino.faces.iresnet import IResNet
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError

from .conftest import tiny_face_encoder


def test_it_is_its_parts_in_a_row():
    net, images = tiny_face_encoder(), torch.randint(256, (5, 3, 16, 16), dtype=torch.uint8)
    features = (images.double() / 255 - 0.5) / 0.5
    torch.testing.assert_close(net.features(images), features.float())
    torch.nn.init.normal_(net.projection.weight)
    inner = net.embedding_model(features.float()) @ net.projection.weight.T + net.projection.bias
    torch.testing.assert_close(net(images), net.embedding_norm(inner), rtol=1e-4, atol=1e-5)
    net.embedding_norm = torch.nn.Identity()
    torch.testing.assert_close(net(images), inner, rtol=1e-4, atol=1e-5)


def test_images_stay_as_they_are():
    images = torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8)
    before = images.clone()
    tiny_face_encoder()(images)
    assert torch.equal(images, before)


def test_training_leaves_the_projection_as_it_is():
    net = tiny_face_encoder(trained=False).train()
    assert torch.equal(net.projection.weight, torch.eye(12)) and net.last_layer is net.projection
    optimiser = torch.optim.AdamW(net.parameters(), 0.1, weight_decay=0.1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net(torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8)).square().sum().backward()
    optimiser.step()
    same = {name for name, tensor in net.state_dict().items() if torch.equal(tensor, before[name])}
    assert {"projection.weight", "projection.bias"} == {name for name in same if "projection" in name}
    assert "embedding_model.fc.weight" not in same


def test_float32_under_autocast():
    net = tiny_face_encoder()
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = net(torch.randint(256, (2, 3, 16, 16), dtype=torch.uint8))
    assert embeddings.dtype == torch.float32


@pytest.mark.parametrize("change, said", [(dict(embedding_dim=9), "embedding_dim 9"), (dict(size=20), "size 20")])
def test_sizes_must_agree(change, said):
    model = IResNet(size=16, width=4, embedding_dim=8)
    with pytest.raises(UserError, match=said):
        FaceEncoderNet(model, **{"embedding_dim": 8, "size": 16, **change})
