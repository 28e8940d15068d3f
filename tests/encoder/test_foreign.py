"""Any torch module as a network: trained or frozen, exported and loaded, and what is refused."""

import functools

import pytest
import torch
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain.processing.features import InputNormalization
from torch import nn

from speechbrain_cadino.encoder.arguments import build
from speechbrain_cadino.encoder.classes import CLASSES, allow_class
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.foreign import Foreign
from speechbrain_cadino.encoder.kaldi import KaldiFbank
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.utils.errors import UserError


class Pooled(nn.Module):
    """Nothing of it is known here: no last_layer, no settings."""

    def __init__(self, bands=20, size=6, extra_axis=False):
        super().__init__()
        self.body, self.norm, self.extra_axis = nn.Linear(bands, size), nn.BatchNorm1d(size), extra_axis

    def forward(self, features):
        found = self.norm(self.body(features).relu().mean(dim=1))
        return found.unsqueeze(1) if self.extra_axis else found


def net(**settings):
    torch.manual_seed(0)
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    return SpeakerEncoderNet(KaldiFbank(20), norm, Foreign(Pooled, 6, **settings), 6, batch_norm=False)


@pytest.mark.parametrize("extra_axis", [False, True])
def test_at_first_it_gives_what_the_module_gives(extra_axis):
    encoder, waves = net(extra_axis=extra_axis).eval(), torch.randn(3, 8000)
    wanted = encoder.embedding_model.network(encoder.features(waves)).reshape(3, 6)
    torch.testing.assert_close(encoder(waves), wanted)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_trains_it_unless_it_is_frozen(frozen):
    encoder = net(frozen=frozen).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    optimiser = torch.optim.SGD([one for one in encoder.parameters() if one.requires_grad], lr=1.0)
    encoder(torch.randn(4, 8000)).square().sum().backward()
    optimiser.step()
    changed = {
        name.split(".")[1] for name, value in encoder.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == ({"last_layer"} if frozen else {"network", "last_layer"})
    assert encoder.embedding_model.network.training != frozen


def test_it_is_refitted_exported_and_loaded(tmp_path):
    encoder = net(frozen=True).eval()
    views = [encoder.features(torch.randn(9, 8000)) for _ in range(2)]
    assert fit_last_layer(encoder, [(torch.arange(9), views)], 0.3, "compensation")
    folder, waves = export_encoder(encoder, tmp_path / "encoder", mean=torch.ones(6)), torch.randn(2, 8000)
    wanted = encoder(waves) - 1
    torch.testing.assert_close(load_encoder(folder)[0].eval()(waves), wanted, rtol=1e-4, atol=1e-4)
    plain = EncoderClassifier.from_hparams(source=str(folder)).encode_batch(waves).reshape(2, 6)
    torch.testing.assert_close(plain, wanted, rtol=1e-4, atol=1e-4)


def test_kaldis_filterbank_is_built_for_whom_a_folder_names_it():
    built = build({"class": "KaldiFbank", "arguments": {"n_mels": 20, "scale": 32768.0}})
    waves = torch.randn(1, 8000)
    torch.testing.assert_close(built(waves), KaldiFbank(20, scale=32768.0)(waves))
    with pytest.raises(ValueError, match="KaldiFbank's n_mels is 10000000"):
        build({"class": "KaldiFbank", "arguments": {"n_mels": 10**7}})


def test_a_process_that_did_not_make_it_loads_it_once_both_classes_are_allowed(tmp_path, monkeypatch):
    encoder, waves = net().eval(), torch.randn(2, 8000)
    folder = export_encoder(encoder, tmp_path / "encoder")
    for name in [name for name in CLASSES if "." in name]:  # what this process has allowed
        monkeypatch.delitem(CLASSES, name)
    for kind in (Foreign, Pooled):
        with pytest.raises(UserError, match=rf"{kind.__name__}', which .*allow_class\("):
            load_encoder(folder)
        allow_class(kind)
    torch.testing.assert_close(load_encoder(folder)[0].eval()(waves), encoder(waves), rtol=1e-4, atol=1e-4)


def test_weights(tmp_path):
    other = Pooled()
    for name, held in (("plain", other.state_dict()), ("nested", {"state_dict": other.state_dict(), "epoch": 3})):
        torch.save(held, tmp_path / name)
        found = Foreign(Pooled, 6, weights=tmp_path / name)
        assert torch.equal(found.network.body.weight, other.body.weight) and "weights" not in found.settings


def test_arguments_by_name_as_a_yaml_gives_them():
    found = Foreign(functools.partial(Pooled, bands=5), 6, size=6)
    assert found.network.body.in_features == 5
    assert found.settings == {"network": Pooled, "embedding_dim": 6, "frozen": False, "bands": 5, "size": 6}


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("os.system",), "is built of 'os.system', which is none of"),
        ((print,), "is no class of a torch.nn.Module"),
        ((dict,), "is no class of a torch.nn.Module"),
        ((functools.partial(Pooled, colour=1),), "Pooled cannot be built .*colour"),
    ],
)
def test_what_is_no_module(arguments, said):
    with pytest.raises(UserError, match=said):
        Foreign(*arguments, 6)


def test_weights_that_are_not_its_own(tmp_path):
    torch.save(Pooled(bands=7).state_dict(), tmp_path / "other")
    torch.save([1], tmp_path / "list")
    (tmp_path / "text").write_text("no weights")
    for name in ("other", "list", "text", "nowhere"):
        with pytest.raises(UserError, match=f"The weights .*{name} cannot be loaded into Pooled"):
            Foreign(Pooled, 6, weights=tmp_path / name)


def test_another_size():
    with pytest.raises(
        UserError, match=r"Pooled gives \(2, 6\) for a batch of 2, and embedding_dim 5 asks for \(2, 5\)"
    ):
        Foreign(Pooled, 5)(torch.randn(2, 30, 20))
