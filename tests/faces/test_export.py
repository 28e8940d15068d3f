"""A face encoder as a folder, and back: the same embeddings, and one sentence for whatever else a folder is."""

import json
import shutil

import numpy as np
import pytest
import torch

from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.faces.export import export_face_encoder
from speechbrain_cadino.faces.iresnet import IResNet
from speechbrain_cadino.faces.load import is_face_encoder, load_face_encoder, start_from_face_encoder
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError

from .conftest import tiny_face_encoder

IMAGES = torch.randint(256, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def refitted(net):
    with torch.no_grad():
        torch.nn.init.normal_(net.projection.weight)
        torch.nn.init.normal_(net.projection.bias)
    return net


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("with_mean", [False, True])
def test_batch_norm_and_mean_are_in_the_weights(tmp_path, refit, with_mean):
    net = refitted(tiny_face_encoder()) if refit else tiny_face_encoder()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    mean = torch.randn(12) if with_mean else None
    folder = export_face_encoder(net, tmp_path / "out", mean, 0.3, "a list", {"why": "test"})
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    loaded, metadata = load_face_encoder(folder)
    wanted = net(IMAGES) - (mean if with_mean else 0)
    torch.testing.assert_close(loaded(IMAGES), wanted, rtol=1e-4, atol=1e-5)
    assert isinstance(loaded.embedding_norm, torch.nn.Identity) and not loaded.training
    assert metadata["threshold"] == 0.3 and metadata["mean_subtracted"] is with_mean and metadata["size"] == 16
    assert metadata["info"] == {"why": "test"} and metadata["embedding_dim"] == 12
    assert is_face_encoder(folder) and sorted(path.name for path in folder.iterdir()) == [
        "face_encoder.ckpt", "face_encoder.json", "hyperparams.yaml", "model.safetensors",
    ]  # fmt: skip
    again = export_face_encoder(loaded, tmp_path / "again")  # a loaded one can be exported
    torch.testing.assert_close(load_face_encoder(again)[0](IMAGES), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("settings", [dict(size=33, stem_stride=2, layers=(1, 2, 1, 1)), dict(width=6, dropout=0.4)])
def test_every_setting_of_the_network_is_kept(tmp_path, settings):
    net = tiny_face_encoder(**settings)
    loaded, _ = load_face_encoder(export_face_encoder(net, tmp_path / "out"))
    assert loaded.embedding_model.settings == net.embedding_model.settings and loaded.size == net.size


def test_moved_and_replaced_while_other_files_stay(tmp_path):
    folder = export_face_encoder(tiny_face_encoder(), tmp_path / "out")
    (folder / "notes.txt").write_text("mine")
    net = refitted(tiny_face_encoder())
    export_face_encoder(net, folder)
    shutil.move(folder, tmp_path / "moved")
    assert (tmp_path / "moved" / "notes.txt").read_text() == "mine"
    torch.testing.assert_close(load_face_encoder(tmp_path / "moved")[0](IMAGES), net(IMAGES), rtol=1e-4, atol=1e-5)


def test_training_starts_from_a_folder(tmp_path):
    old = refitted(tiny_face_encoder())
    mean = torch.randn(12)
    folder = export_face_encoder(old, tmp_path / "out", mean)
    net = tiny_face_encoder(trained=False)
    norm = {name: tensor.clone() for name, tensor in net.embedding_norm.state_dict().items()}
    start_from_face_encoder(net, folder)
    assert torch.equal(net.projection.weight, torch.eye(12)) and not net.projection.bias.any()
    torch.testing.assert_close(net.embedding_norm.state_dict(), norm, rtol=0, atol=0)
    inner = net.embedding_model(net.features(IMAGES))
    torch.testing.assert_close(inner, old(IMAGES) - mean, rtol=1e-3, atol=1e-4)
    with pytest.raises(UserError, match="has another architecture"):
        start_from_face_encoder(tiny_face_encoder(trained=False, width=5), folder)


class Unknown(torch.nn.Module):
    def forward(self, features):
        return features.flatten(1)[:, :4]


class Forgetful(IResNet):
    """Does not say all of its arguments."""

    def __init__(self, gain=1.0, **settings):
        super().__init__(**settings)
        self.gain = gain

    def forward(self, images):
        return self.gain * super().forward(images)


def test_what_cannot_be_exported(tmp_path):
    with pytest.raises(UserError, match="embedding_model is a Unknown, which does not say"):
        export_face_encoder(FaceEncoderNet(Unknown(), 4, 16).eval(), tmp_path / "out")
    model = Forgetful(gain=2.0, size=16, width=4, embedding_dim=12, layers=(1, 1, 1, 1))
    with pytest.raises(UserError, match="built again gives other embeddings"):
        export_face_encoder(FaceEncoderNet(model, 12, 16).eval(), tmp_path / "out")
    net = tiny_face_encoder()
    with pytest.raises(UserError, match="mean has the shape"):
        export_face_encoder(net, tmp_path / "out", np.zeros(3))
    with torch.no_grad():
        net.embedding_model.fc.bias[0] = torch.nan
    with pytest.raises(UserError, match="not finite, so it was not exported"):
        export_face_encoder(net, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("")
    with pytest.raises(UserError, match="holds files but no encoder"):
        export_face_encoder(tiny_face_encoder(), tmp_path / "mine")


def test_what_a_folder_is_in_place_of_a_face_encoders(tmp_path):
    folder = export_face_encoder(tiny_face_encoder(), tmp_path / "run" / "face_encoder")
    for path, said in (
        (
            tmp_path / "gone",
            "does not exist: give the folder of an encoder that training wrote, such as RUN/face_encoder",
        ),
        (folder / "face_encoder.ckpt", "is a file, .*did you mean .*run/face_encoder"),
        (tmp_path / "run", "did you mean .*run/face_encoder"),
        (tmp_path, "did you mean .*run/face_encoder"),
    ):
        with pytest.raises(UserError, match=said):
            load_face_encoder(path)
    with pytest.raises(UserError, match="holds an encoder of faces, and one of voices is wanted: give RUN/encoder"):
        load_encoder(folder)
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / "encoder.json").write_text("{}")
    with pytest.raises(UserError, match="holds an encoder of voices, and one of faces is wanted"):
        load_face_encoder(tmp_path / "voice")
    with pytest.raises(UserError, match="cannot be used here"):
        load_face_encoder(folder, "cuda:99")


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("face_encoder.json", "{", "holds no encoder of ours"),
        ("face_encoder.json", json.dumps({"threshold": None}), "embedding_dim is missing"),
        ("hyperparams.yaml", None, "hyperparams.yaml is missing"),
        ("hyperparams.yaml", "a: 1", "cannot be loaded"),
        ("face_encoder.ckpt", "", "cannot be loaded"),
        ("face_encoder.ckpt", None, "cannot be loaded"),
    ],
)
def test_damaged_folders(tmp_path, name, content, said):
    folder = export_face_encoder(tiny_face_encoder(), tmp_path / "out")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(UserError, match=said):
        load_face_encoder(folder)
    assert is_face_encoder(folder) is (content is not None)
