"""The ONNX file against the encoder that it is made of; ONNX Runtime sees neither torch nor this package."""

import logging
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.lobes.models.ResNet import ResNet
from speechbrain.lobes.models.Xvector import Xvector

from speechbrain_cadino import __version__
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.inference import FaceEncoder, SpeakerEncoder
from speechbrain_cadino.publish import onnx_file
from speechbrain_cadino.publish.onnx_file import export_onnx
from speechbrain_cadino.publish.traceable import Traceable, any_batch
from speechbrain_cadino.utils.errors import UserError
from tests.encoder.conftest import tiny_encoder
from tests.publish.conftest import THRESHOLD, cosine, small_encoder

SECONDS = [0.5, 0.73337, 1.0, 1.50006, 2.2221, 3.0, 7.77787, 15.0001, 29.9999, 60.0]
ALONE = """
import sys
for name in ("torch", "speechbrain", "speechbrain_cadino", "onnx"):
    sys.modules[name] = None  # an import of it fails
import numpy as np, onnxruntime
path, waves, result = sys.argv[1:]
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
(given,) = session.get_inputs()
assert (given.name, given.shape, given.type) == ("waves", ["batch", "time"], "tensor(float)"), (given.name, given.shape)
(gives,) = session.get_outputs()
assert gives.name == "embeddings" and gives.shape[1] == 12, gives.shape
embeddings = {name: session.run(None, {"waves": wave})[0] for name, wave in np.load(waves).items()}
np.savez(result, **embeddings, threshold=float(session.get_modelmeta().custom_metadata_map["threshold"]))
"""


def session_of(path):
    return pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])


def speechlike(seconds, batch=1):
    """Noise whose loudness changes, with pauses of digital silence."""
    rng, samples = np.random.default_rng(round(seconds * 1000)), round(seconds * 16000)
    loudness = np.repeat(rng.choice([0.0, 0.01, 0.1, 0.5], (batch, samples // 1600 + 1)), 1600, axis=1)[:, :samples]
    return (loudness * rng.standard_normal((batch, samples)) + 1e-3 * (loudness.max(1, keepdims=True) == 0)).astype("f")


def test_ten_lengths_and_batches_without_torch(with_onnx, tmp_path):
    waves = {f"{seconds}": speechlike(seconds) for seconds in SECONDS} | {"five": speechlike(1.23, 5)}
    np.savez(tmp_path / "waves.npz", **waves)
    arguments = [with_onnx / "model.onnx", tmp_path / "waves.npz", tmp_path / "result.npz"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *map(str, arguments)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found, encoder = np.load(tmp_path / "result.npz"), SpeakerEncoder.from_folder(with_onnx)
    assert found["threshold"] == THRESHOLD and len(SECONDS) == 10
    for name, wave in waves.items():
        wanted = encoder.encode_waves(list(wave)).numpy()
        assert found[name].shape == wanted.shape and wanted.std() > 0.1
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=1e-4)


def test_what_the_file_says(with_onnx):
    said = session_of(with_onnx / "model.onnx").get_modelmeta().custom_metadata_map
    assert said["speechbrain_cadino"] == __version__ and said["score"] == "cosine" and said["int8"] == "false"
    assert (said["sample_rate"], said["embedding_dim"], said["min_seconds"]) == ("16000", "12", "0.1")
    assert float(said["threshold"]) == THRESHOLD and said["threshold_from"] == "by test"
    assert "info" not in said
    for name in ("model.onnx", "model_int8.onnx"):
        content = (with_onnx / name).read_bytes()
        for private in (str(with_onnx.parent), "site-packages", "stack_trace"):
            assert private.encode() not in content
    other = session_of(with_onnx / "model_int8.onnx").get_modelmeta().custom_metadata_map
    assert other == {**said, "int8": "true"}


def test_a_face_encoder(faces_with_onnx):
    session = session_of(faces_with_onnx / "model.onnx")
    (given,) = session.get_inputs()
    assert (given.name, given.shape, given.type) == ("images", ["batch", 3, 16, 16], "tensor(uint8)")
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16), dtype=np.uint8)
    wanted = FaceEncoder.from_folder(faces_with_onnx).encode_images(torch.from_numpy(images)).numpy()
    for batch in (images, images[:1]):
        np.testing.assert_allclose(session.run(None, {"images": batch})[0], wanted[: len(batch)], rtol=0, atol=1e-4)
    assert session.get_modelmeta().custom_metadata_map["size"] == "16"


def test_int8_is_smaller_and_near(with_onnx):
    whole, small = (session_of(with_onnx / name) for name in ("model.onnx", "model_int8.onnx"))
    waves = speechlike(2.0, 4)
    one, other = (session.run(None, {"waves": waves})[0] for session in (whole, small))
    assert (cosine(one, other) > 0.95).all() and not np.allclose(one, other, rtol=0, atol=1e-3)
    onnx = pytest.importorskip("onnx")
    models = [onnx.load(str(with_onnx / name)) for name in ("model.onnx", "model_int8.onnx")]
    kinds = [[tensor.data_type for tensor in model.graph.initializer] for model in models]
    assert onnx.TensorProto.INT8 in kinds[1] and onnx.TensorProto.INT8 not in kinds[0]
    log = [node.op_type for node in models[1].graph.node].index("Log")
    assert not any("Quantize" in node.op_type or "Integer" in node.op_type for node in models[1].graph.node[:log])


def test_an_export_takes_older_onnx_files_away_and_no_others(with_onnx, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(with_onnx, folder)
    (folder / "mine.onnx").write_text("mine")
    export_encoder(tiny_encoder(), folder)
    assert not (folder / "model.onnx").exists() and not (folder / "model_int8.onnx").exists()
    assert (folder / "mine.onnx").read_text() == "mine"


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_is_one_sentence(missing, encoder_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=rf"needs {missing}, .*pip install 'speechbrain-cadino\[onnx\]'\.$"):
        export_onnx(encoder_folder)
    assert not (encoder_folder / "model.onnx").exists()


@pytest.mark.parametrize("path", ["model.bin", "model", "."])
def test_another_name_is_refused(path, encoder_folder, tmp_path):
    with pytest.raises(UserError, match="ends with .onnx"):
        export_onnx(encoder_folder, tmp_path / path)


def test_no_encoder(tmp_path):
    with pytest.raises(UserError, match="holds no encoder"):
        export_onnx(tmp_path)


def test_a_file_that_differs_gets_no_name(with_onnx, tmp_path, monkeypatch):
    """The file before stays, too."""
    shutil.copy(with_onnx / "model.onnx", tmp_path / "model.onnx")
    before = (tmp_path / "model.onnx").read_bytes()
    monkeypatch.setattr(onnx_file, "_write", lambda source, path: shutil.copy(with_onnx / "model.onnx", path))
    other = export_encoder(small_encoder(), tmp_path / "other", threshold=0.2)
    with pytest.raises(UserError, match=r"other embeddings as ONNX \(by \d"):
        export_onnx(other, tmp_path / "model.onnx")
    assert sorted(os.listdir(tmp_path)) == ["model.onnx", "other"]
    assert (tmp_path / "model.onnx").read_bytes() == before


def test_a_module_that_cannot_be_followed(encoder_folder, monkeypatch):
    def forward(self, waves):
        return self.embed(self.features(waves)) if waves.sum() > 0 else self.embed(self.features(-waves))

    monkeypatch.setattr(SpeakerEncoderNet, "forward", forward)  # the data decides
    with pytest.raises(UserError, match="cannot be written as ONNX"):
        export_onnx(encoder_folder)
    assert not (encoder_folder / "model.onnx").exists()


def test_int8_says_what_it_changes(with_onnx, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(onnx_file, "_write", lambda source, path: shutil.copy(with_onnx / "model.onnx", path))
    with caplog.at_level(logging.WARNING):
        path = export_onnx(with_onnx, tmp_path / "here.onnx", int8=True)
    assert path == tmp_path / "here.onnx" and path.is_file()
    (told,) = [record.getMessage() for record in caplog.records if "int8" in record.getMessage()]
    assert re.search(r"their cosine to the encoder's own is [01]\.\d{4} or more", told)


def grouped_ecapa():
    """It takes SpeechBrain's way, whose masks would fix the batch."""
    sizes = dict(channels=[16, 16, 24], kernel_sizes=[5, 3, 1], dilations=[1, 2, 1], groups=[1, 2, 1])
    sizes |= dict(attention_channels=8, res2net_scale=2, se_channels=8, lin_neurons=12)
    return ECAPA_TDNN(20, **sizes, global_context=False)


def xvector():
    sizes = dict(tdnn_channels=[16, 24], tdnn_kernel_sizes=[5, 3], tdnn_dilations=[1, 2], in_channels=20)
    return Xvector(device="cpu", tdnn_blocks=2, lin_neurons=12, **sizes)


def resnet():
    return ResNet(20, channels=[8] * 4, block_sizes=[1] * 4, lin_neurons=12)


@pytest.mark.parametrize("make", [grouped_ecapa, xvector, resnet])
def test_other_networks_are_followed_through_any_batch_and_length(make):
    of_small = small_encoder()
    net = SpeakerEncoderNet(of_small.compute_features, of_small.mean_var_norm, make(), 12, batch_norm=False).eval()
    traceable, waves = Traceable(net), torch.randn(2, 8000)
    with any_batch(), torch.no_grad():
        shapes = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
        program = torch.export.export(traceable, (waves,), dynamic_shapes=shapes).module()
        for batch in (torch.randn(3, 5001), torch.randn(1, 16000)):
            torch.testing.assert_close(program(batch), net(batch), rtol=1e-3, atol=1e-4)


def test_metadata_that_is_absent_is_left_out(with_onnx, tmp_path, monkeypatch):
    torch.manual_seed(1)
    net, mean = small_encoder(), torch.randn(12)  # as of with_onnx
    folder = export_encoder(net, tmp_path / "encoder", mean)
    monkeypatch.setattr(onnx_file, "_write", lambda source, path: shutil.copy(with_onnx / "model.onnx", path))
    said = session_of(export_onnx(folder)).get_modelmeta().custom_metadata_map
    assert "threshold" not in said and "calibration" not in said
