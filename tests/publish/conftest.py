"""An encoder folder of voices and one of faces, and the ONNX files of both, each made once: that takes seconds."""

import shutil

import numpy as np
import pytest
import torch
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.processing.features import InputNormalization

from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.faces.export import export_face_encoder
from tests.faces.conftest import tiny_face_encoder

THRESHOLD = 0.31


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


def small_encoder():
    """Of as few layers as there can be, since following them takes the time."""
    sizes = dict(channels=[16, 16, 24], kernel_sizes=[5, 3, 1], dilations=[1, 2, 1], groups=[1, 1, 1])
    sizes |= dict(attention_channels=8, res2net_scale=2, se_channels=8, lin_neurons=12)
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    net = SpeakerEncoderNet(Fbank(n_mels=20, hop_length=20), norm, ECAPA_TDNN(20, **sizes), 12)
    for _ in range(20):  # running statistics far from those of a fresh batch norm
        net(torch.randn(8, 4000) * torch.rand(8, 1))
    return net.eval()


def export(folder, **given):
    torch.manual_seed(1)
    return export_encoder(small_encoder(), folder, torch.randn(12), THRESHOLD, "by test", **given)


@pytest.fixture
def encoder_folder(tmp_path):
    return export(tmp_path / "encoder", info={"epochs": 3})


@pytest.fixture(scope="session")
def with_onnx(tmp_path_factory):
    """A folder with ``model.onnx`` and ``model_int8.onnx``; tests leave it as it is."""
    onnx_file = pytest.importorskip("speechbrain_cadino.publish.onnx_file")
    pytest.importorskip("onnxruntime")
    folder = export(tmp_path_factory.mktemp("onnx") / "encoder")
    path = onnx_file.export_onnx(folder)
    with pytest.MonkeyPatch.context() as patched:  # following the encoder again would take as long again
        patched.setattr(onnx_file, "_write", lambda source, temporary: shutil.copy(path, temporary))
        onnx_file.export_onnx(folder, int8=True)
    return folder


@pytest.fixture(scope="session")
def faces_with_onnx(tmp_path_factory):
    onnx_file = pytest.importorskip("speechbrain_cadino.publish.onnx_file")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("onnx") / "face_encoder"
    export_face_encoder(tiny_face_encoder(), folder, torch.randn(12), info={"epochs": 3, "items": 900})
    onnx_file.export_onnx(folder)
    return folder


def cosine(x, y):
    return (x * y).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)
