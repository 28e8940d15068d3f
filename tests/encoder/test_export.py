"""The exported folder, loaded by plain SpeechBrain in a process that cannot import this package."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain.inference.speaker import SpeakerRecognition

from speechbrain_cadino import __version__
from speechbrain_cadino.encoder import export
from speechbrain_cadino.encoder.ecapa import ECAPA_TDNN as FasterECAPA
from speechbrain_cadino.encoder.export import export_encoder, folded_weights
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.utils.errors import UserError

FILES = ["embedding_model.ckpt", "encoder.json", "hyperparams.yaml", "mean_var_norm_emb.ckpt", "model.safetensors"]
PLAIN = """
import socket, sys
import numpy as np, torch
sys.modules["speechbrain_cadino"] = None  # an import of it fails, even where it is installed
def refuse(*args): raise OSError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain.inference.speaker import SpeakerRecognition
source, moved, waves, result = sys.argv[1:]
waves = torch.from_numpy(np.load(waves))
lens = torch.ones(len(waves))
encoder, verifier = EncoderClassifier.from_hparams(source=source), SpeakerRecognition.from_hparams(source=moved)
score, decision = verifier.verify_batch(waves[:1], waves[1:2], threshold=0.0)
embeddings, normalised = (encoder.encode_batch(waves, lens, normalize=normalize) for normalize in (False, True))
np.savez(result, embeddings=embeddings, normalised=normalised, score=score, decision=decision)
"""


def load(folder, waves):
    return EncoderClassifier.from_hparams(source=str(folder)).encode_batch(waves)[:, 0]


@pytest.fixture
def waves():
    return torch.randn(3, 12000)


def test_plain_speechbrain_from_elsewhere_after_a_move(make_net, waves, tmp_path):
    net, mean = make_net(fbank=dict(f_max=3800, n_fft=512)), torch.randn(12)
    folder = export_encoder(net, tmp_path / "made" / "encoder", mean)
    assert sorted(os.listdir(folder)) == FILES and os.listdir(tmp_path / "made") == ["encoder"]
    moved, cwd = tmp_path / "moved to" / "an encoder", tmp_path / "cwd"
    shutil.copytree(folder, moved)
    shutil.rmtree(tmp_path / "made")
    cwd.mkdir()
    np.save(tmp_path / "waves.npy", waves.numpy())
    folders = [str(moved), "../moved to/an encoder"]
    arguments = [sys.executable, "-I", "-c", PLAIN, *folders, str(tmp_path / "waves.npy"), str(tmp_path / "result.npz")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HOME": str(tmp_path)}
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, wanted = np.load(tmp_path / "result.npz"), (net(waves) - mean).detach().numpy()
    np.testing.assert_allclose(found["embeddings"][:, 0], wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    np.testing.assert_array_equal(found["normalised"], found["embeddings"])
    cosine = wanted[0] @ wanted[1] / np.linalg.norm(wanted[0]) / np.linalg.norm(wanted[1])
    np.testing.assert_allclose(found["score"].item(), cosine, atol=1e-5)
    assert found["decision"].item() == (cosine > 0)
    assert sorted(os.listdir(moved)) == FILES and not any(cwd.iterdir()), "nothing is left behind"


def test_savedir_leaves_the_folder_alone(make_net, waves, tmp_path):
    net = make_net()
    folder = export_encoder(net, tmp_path / "encoder")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for _ in range(2):
        verifier = SpeakerRecognition.from_hparams(source=str(folder), savedir=str(tmp_path / "saved"))
    torch.testing.assert_close(verifier.encode_batch(waves)[:, 0], net(waves), rtol=1e-4, atol=1e-4)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not any(path.is_symlink() for path in folder.iterdir())


@pytest.mark.parametrize("with_mean", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_weights_are_folded(make_net, batch_norm, with_mean):
    net = make_net().double()
    if not batch_norm:
        net.embedding_norm = torch.nn.Identity()
    mean = torch.randn(12, dtype=torch.float64) * with_mean
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    features = torch.randn(4, 60, 20, dtype=torch.float64)
    wanted = net.embedding_norm(net.embedding_model(features).squeeze(1)) - mean
    net.embedding_model.load_state_dict(folded_weights(net, mean))
    torch.testing.assert_close(net.embedding_model(features).squeeze(1), wanted, rtol=1e-5, atol=1e-5)
    changed = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    last_layer = {"embedding_model.fc.conv.weight", "embedding_model.fc.conv.bias"}
    assert changed <= last_layer and bool(changed) == (batch_norm or with_mean)


def test_synchronised_batch_norm_and_faster_layout(make_net, waves, tmp_path):
    net = make_net()
    wanted = net(waves)
    faster = FasterECAPA(**encoder_settings(net)["embedding_model"])
    faster.load_state_dict(net.embedding_model.state_dict())
    net.embedding_model = faster
    net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(net).eval()
    torch.testing.assert_close(load(export_encoder(net, tmp_path / "encoder"), waves), wanted, rtol=1e-4, atol=1e-4)


def test_net_is_left_as_it_was(make_net, tmp_path):
    net = make_net().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    export_encoder(net, tmp_path / "encoder", torch.ones(12))
    assert net.training and net.embedding_norm.training and all(tensor.requires_grad for tensor in net.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_metadata_and_classes(make_net, tmp_path):
    folder = export_encoder(make_net(), tmp_path / "e", np.ones(12), 0.31, "1 % of random pairs", {"epochs": 3})
    metadata = json.loads((folder / "encoder.json").read_text())
    modules, digests = metadata.pop("modules"), metadata.pop("sha256")
    assert sorted(digests) == FILES and all(len(digest) == 64 for digest in digests.values())
    classes = {"compute_features": "Fbank", "mean_var_norm": "InputNormalization", "embedding_model": "ECAPA_TDNN"}
    assert {name: module["class"] for name, module in modules.items()} == classes
    assert modules["compute_features"]["arguments"]["n_mels"] == 20
    assert metadata == {
        "speechbrain_cadino": __version__,
        "sample_rate": 16000,
        "embedding_dim": 12,
        "mean_subtracted": True,
        "threshold": 0.31,
        "threshold_from": "1 % of random pairs",
        "calibration": None,
        "info": {"epochs": 3},
    }
    tags = [event.tag for event in yaml.parse((folder / "hyperparams.yaml").read_text()) if getattr(event, "tag", None)]
    assert tags.count("!apply:builtins.setattr") == 1
    tags.remove("!apply:builtins.setattr")  # of the filter for files of other rates
    assert tags and all(tag == "!ref" or tag.split(":")[1].startswith(("speechbrain.", "torch.")) for tag in tags)
    bare = json.loads((export_encoder(make_net(), tmp_path / "bare") / "encoder.json").read_text())
    assert bare["threshold"] is None and bare["mean_subtracted"] is False


def test_whoever_may_read_one_file_may_read_all(make_net, tmp_path):
    folder = export_encoder(make_net(), tmp_path / "encoder")
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_an_older_export_is_replaced_and_nothing_else(make_net, waves, tmp_path):
    first, second = make_net(), make_net()
    folder = tmp_path / "runs" / "encoder"
    export_encoder(first, folder)
    export_encoder(second, folder)
    assert os.listdir(tmp_path / "runs") == ["encoder"]
    torch.testing.assert_close(load(folder, waves), second(waves), rtol=1e-4, atol=1e-4)
    (tmp_path / "empty").mkdir()
    export_encoder(first, tmp_path / "empty")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="mine holds files but no encoder"):
        export_encoder(first, tmp_path / "mine")
    with pytest.raises(UserError, match="thesis.txt is a file"):
        export_encoder(first, tmp_path / "mine" / "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_failure_leaves_the_older_export(make_net, waves, tmp_path, monkeypatch):
    net, folder = make_net(), tmp_path / "encoder"
    export_encoder(net, folder)
    for error, wanted in ((KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left"), UserError)):

        def fail(*args, error=error):
            raise error

        monkeypatch.setattr(export.torch, "save", fail)
        with pytest.raises(wanted):
            export_encoder(make_net(), folder)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["encoder"]
    torch.testing.assert_close(load(folder, waves), net(waves), rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_rounding_on_a_gpu_is_no_reason_to_refuse(make_net, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    net = make_net().cuda()
    net.embedding_norm.running_var.fill_(1e-6)  # differences of embeddings count a thousand times
    export_encoder(net, tmp_path / "encoder")
    assert next(net.parameters()).is_cuda


def test_a_module_that_speechbrain_cannot_rebuild_is_not_exported(make_net, tmp_path):
    class Doubled(FasterECAPA):
        def forward(self, x, lengths=None):
            return 2 * super().forward(x, lengths)

    net = make_net()
    net.embedding_model.__class__ = Doubled
    net.embedding_model._plain = False
    with pytest.raises(UserError, match="other embeddings than the encoder's, so it was not exported"):
        export_encoder(net, tmp_path / "encoder")
    assert not any(tmp_path.iterdir())


def test_mean_of_another_encoder_and_lost_training_are_one_sentence(make_net, tmp_path):
    net = make_net()
    for mean in (np.ones(13), np.ones((1, 12)), 0.5):
        with pytest.raises(UserError, match="The mean has the shape"):
            export_encoder(net, tmp_path / "encoder", mean)
    torch.nn.init.constant_(net.embedding_norm.bias, float("nan"))
    with pytest.raises(UserError, match="not finite, so it was not exported"):
        export_encoder(net, tmp_path / "encoder")
    assert not any(tmp_path.iterdir())


def test_unwritable_place_is_one_sentence(make_net, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        export_encoder(make_net(), tmp_path / "file" / "encoder")


def test_files_beside_an_encoder_stay_when_it_is_replaced(make_net, waves, tmp_path):
    folder = export_encoder(make_net(), tmp_path / "encoder")
    (folder / "README.md").write_text("of the user")
    (folder / "plots").mkdir()
    (folder / "plots/det.png").write_text("of the user")
    net = make_net()
    export_encoder(net, folder)
    torch.testing.assert_close(load(folder, waves), net(waves), rtol=1e-4, atol=1e-4)
    assert (folder / "README.md").read_text() == (folder / "plots/det.png").read_text() == "of the user"
    assert os.listdir(tmp_path) == ["encoder"]


def test_killed_between_the_renamings_nothing_is_lost(make_net, waves, tmp_path):
    folder = export_encoder(make_net(), tmp_path / "encoder")
    (folder / "README.md").write_text("of the user")
    folder.rename(tmp_path / ".encoder.replaced")
    net = make_net()
    export_encoder(net, folder)
    torch.testing.assert_close(load(folder, waves), net(waves), rtol=1e-4, atol=1e-4)
    assert (folder / "README.md").read_text() == "of the user" and os.listdir(tmp_path) == ["encoder"]


def test_somebody_else_s_files_under_our_temporary_name(make_net, tmp_path):
    (tmp_path / ".encoder.partial").mkdir()
    (tmp_path / ".encoder.partial/thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="thesis.tex, which was not made here"):
        export_encoder(make_net(), tmp_path / "encoder")
    assert (tmp_path / ".encoder.partial/thesis.tex").exists()
