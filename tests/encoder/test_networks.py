"""SpeechBrain's networks as encoders, each against plain use of its class; and networks of one's own."""

import json

import pytest
import torch
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
from speechbrain.lobes.models.ResNet import ResNet
from speechbrain.lobes.models.Xvector import Xvector
from speechbrain.nnet.pooling import StatisticsPooling
from speechbrain.processing.features import InputNormalization

from speechbrain_cadino.encoder.classes import ACTIVATIONS, CLASSES, allow_class, class_name, find_class
from speechbrain_cadino.encoder.export import export_encoder, folded_weights, module_classes
from speechbrain_cadino.encoder.load import load_encoder, start_from_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.networks import last_layer
from speechbrain_cadino.encoder.pooling import QuietStatisticsPooling, without_noise
from speechbrain_cadino.encoder.protocol import Encoder
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.faces.iresnet import IResNet
from speechbrain_cadino.faces.model import FaceEncoderNet
from speechbrain_cadino.utils.errors import UserError

KINDS = (ECAPA_TDNN, ResNet, Xvector)


def drawn(kind, seed):
    """Random arguments of a network, small."""
    generator = torch.Generator().manual_seed(seed)

    def pick(*values):
        return values[int(torch.randint(len(values), (), generator=generator))]

    mels, size = pick(8, 20, 27), pick(5, 12)
    if kind is ECAPA_TDNN:
        width = pick(8, 16)
        own = dict(input_size=mels, channels=[width, width, width, 24], kernel_sizes=[pick(3, 5), 3, 3, 1])
        own |= dict(dilations=[1, pick(1, 2), 3, 1], groups=[1] * 4, res2net_scale=pick(2, 4), attention_channels=4)
        own |= dict(se_channels=pick(2, 5), global_context=pick(True, False), dropout=pick(0.0, 0.3))
    elif kind is ResNet:
        own = dict(input_size=mels, channels=[pick(2, 4), 4, pick(4, 6), pick(3, 8)])
        own |= dict(block_sizes=[1, pick(1, 2), 1, pick(1, 3)], strides=[pick(1, 2), 2, pick(1, 2), 2])
    else:
        own = dict(in_channels=mels, tdnn_blocks=3, tdnn_channels=[8, pick(4, 8), 10])
        own |= dict(tdnn_kernel_sizes=[pick(3, 5), 3, 1], tdnn_dilations=[1, pick(1, 3), 1])
    return mels, {**own, "lin_neurons": size, "activation": pick(torch.nn.ReLU, torch.nn.LeakyReLU)}


def encoder_of(kind, seed, **options):
    """The encoder, its batch norms far from fresh ones, in evaluation mode; and the arguments of the network."""
    torch.manual_seed(seed)
    mels, arguments = drawn(kind, seed)
    features = Fbank(n_mels=mels)
    norm = InputNormalization(norm_type="sentence", std_norm=False)
    net = SpeakerEncoderNet(features, norm, kind(**arguments), arguments["lin_neurons"], **options)
    for _ in range(5):
        net(torch.randn(8, 4000).cumsum(1) * torch.rand(8, 1))
    for norm in net.last_norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 2.0)
        torch.nn.init.normal_(norm.bias)
    return net.eval(), arguments


CASES = [(kind, seed) for kind in KINDS for seed in range(3)]


@pytest.mark.parametrize("kind, seed", CASES)
def test_against_plain_use(kind, seed):
    net, arguments = encoder_of(kind, seed)
    plain = kind(**arguments).eval()
    plain.load_state_dict(net.embedding_model.state_dict())
    without_noise(plain)
    waves = torch.randn(3, 4000 + 777 * seed)
    features = net.mean_var_norm(net.compute_features(waves), torch.ones(3))
    wanted = net.embedding_norm(plain(features, torch.ones(3)).reshape(3, -1))
    torch.testing.assert_close(net(waves), wanted, rtol=1e-4, atol=1e-5)
    assert net(waves).shape == (3, arguments["lin_neurons"]) == (3, net.embedding_dim)
    assert net.frames(waves.shape[1]) == features.shape[1] and net.hop == 160
    assert isinstance(net, Encoder)


@pytest.mark.parametrize("kind, seed", CASES)
def test_its_settings_build_it_again(kind, seed):
    net, arguments = encoder_of(kind, seed)
    found = encoder_settings(net)["embedding_model"]
    again = kind(**found).eval()
    again.load_state_dict(net.embedding_model.state_dict())
    without_noise(again)
    features = torch.randn(2, 50, net.compute_features.compute_fbanks.n_mels)
    torch.testing.assert_close(again(features), net.embedding_model(features), rtol=0, atol=0)
    assert {name: found[name] for name in set(arguments) - {"input_size"}} == {
        name: value for name, value in arguments.items() if name != "input_size"
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_what_follows_is_folded_and_both_roads_load_it(kind, batch_norm, tmp_path):
    net, arguments = encoder_of(kind, 1, batch_norm=batch_norm)
    assert len(net.last_norms) == batch_norm + (kind is ResNet)
    mean, waves = torch.randn(net.embedding_dim), torch.randn(3, 8000)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folder = export_encoder(net, tmp_path / "encoder", mean)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    wanted = net(waves) - mean
    plain = EncoderClassifier.from_hparams(source=str(folder))
    loaded, _ = load_encoder(folder)
    allowed = 1e-4 * wanted.abs().max().item() + 1e-3 * (kind is Xvector)  # its noise
    torch.testing.assert_close(plain.encode_batch(waves).reshape(3, -1), wanted, rtol=0, atol=allowed)
    torch.testing.assert_close(loaded.eval()(waves), wanted, rtol=1e-4, atol=1e-5)
    layer = {f"{end}.{name}" for end in ("fc.conv", "fc_embed", "norm_embed") for name in ("weight", "bias")}
    layer |= {f"norm_embed.running_{name}" for name in ("mean", "var")} | {"norm_embed.num_batches_tracked"}
    folded = folded_weights(net, mean)
    changed = {name for name, value in folded.items() if not torch.equal(value, before[f"embedding_model.{name}"])}
    assert changed and all(name in layer or name.startswith("blocks.10.w.") for name in changed)

    other = SpeakerEncoderNet(net.compute_features, net.mean_var_norm, kind(**arguments), net.embedding_dim).eval()
    start_from_encoder(other, folder)
    torch.testing.assert_close(other(waves), wanted, rtol=1e-4, atol=1e-4)
    assert module_classes(net)["embedding_model"] == kind.__name__
    assert json.loads((folder / "encoder.json").read_text())["embedding_dim"] == net.embedding_dim


@pytest.mark.parametrize("kind", KINDS)
def test_the_refit_brings_views_of_an_item_nearer(kind):
    net, _ = encoder_of(kind, 0)
    time = torch.arange(8000) / 16000

    def views_of(n_batches):
        for batch in range(n_batches):
            talkers = torch.randn(10, 8000).cumsum(1) * 0.01 + torch.randn(10, 8000)
            hums = [torch.randn(10, 1) * torch.sin(2 * torch.pi * 3000 * time) for _ in range(2)]
            yield torch.arange(10) + 10 * batch, [net.features(talkers + hum) for hum in hums]

    fresh = next(views_of(1))[1]

    def agreement():
        one, other = (torch.nn.functional.normalize(net.embed(view), dim=1) for view in fresh)
        same = one @ other.T
        return (same.diagonal().mean() - same.mean()).item()

    before, layer = agreement(), last_layer(net.embedding_model).weight.clone()
    assert fit_last_layer(net, views_of(6), 0.3, "compensation")
    assert agreement() > before and not torch.equal(last_layer(net.embedding_model).weight, layer)
    assert all(torch.equal(norm.running_var, torch.ones(net.embedding_dim)) for norm in net.last_norms)


def test_the_noise_of_statistics_pooling_is_gone_and_draws_nothing():
    net, _ = encoder_of(Xvector, 0)
    assert isinstance(net.embedding_model.blocks[-2], QuietStatisticsPooling)
    waves, state = torch.randn(2, 8000), torch.get_rng_state()
    assert torch.equal(net(waves), net(waves)) and torch.equal(torch.get_rng_state(), state)
    x, noisy, quiet = torch.randn(4, 30, 7), StatisticsPooling(), QuietStatisticsPooling()
    torch.testing.assert_close(quiet(x), noisy(x), rtol=0, atol=4.1e-5)


class Own(torch.nn.Module):
    """A network as a user writes it, its end as asked for."""

    def __init__(self, n_mels=20, dim=6, end="linear"):
        super().__init__()
        self.settings = {"n_mels": n_mels, "dim": dim, "end": end}
        self.body = torch.nn.Linear(n_mels, 16)
        layers = {"convolution": torch.nn.Conv1d(16, dim, 1), "wide": torch.nn.Conv1d(16, dim, 3)}
        layers |= {"no bias": torch.nn.Linear(16, dim, bias=False), "none": None}
        self.last_layer = layers.get(end, torch.nn.Linear(16, dim))
        self.last_norm = torch.nn.BatchNorm1d(dim) if end == "norm" else None
        self.end = end

    def forward(self, features, lengths=None):
        x = self.body(features).relu().mean(1)
        x = self.last_layer(x[:, :, None])[..., 0] if self.end == "convolution" else self.last_layer(x)
        if self.end == "activation":
            return x.relu()
        return x if self.last_norm is None else self.last_norm(x)


def own(end):
    net = SpeakerEncoderNet(Fbank(n_mels=20), InputNormalization(norm_type="sentence"), Own(end=end), 6)
    net(torch.randn(8, 4000))
    return net.eval()


@pytest.mark.parametrize("end", ["linear", "convolution", "norm"])
def test_a_network_of_ones_own(end, tmp_path):
    net, waves, mean = own(end), torch.randn(3, 6000), torch.randn(6)
    folder = export_encoder(net, tmp_path / "encoder", mean)
    assert f"!new:{__name__}.Own" in (folder / "hyperparams.yaml").read_text()
    torch.testing.assert_close(load_encoder(folder)[0].eval()(waves), net(waves) - mean, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "end, said", [("wide", "must be a torch.nn.Linear"), ("no bias", "with a bias"), ("none", "does not say")]
)
def test_a_last_layer_that_will_not_do(end, said):
    with pytest.raises(UserError, match=said):
        last_layer(Own(end=end))


def test_the_table_of_classes():
    for name in (*CLASSES, *ACTIVATIONS):
        assert class_name(find_class(name)) == name

    class Faster(ResNet):
        pass

    assert class_name(Faster) == "ResNet" and class_name(dict) is None
    for name in ("os.system", "subprocess.Popen", "torch.nn.Linear", "builtins.dict", ""):
        with pytest.raises(UserError, match="which is none of"):
            find_class(name)
    before = dict(CLASSES)
    allow_class(Faster)
    assert CLASSES == before


def test_an_encoder_of_faces_has_the_same_parts():
    face = FaceEncoderNet(IResNet(size=32, width=4, embedding_dim=24), embedding_dim=24, size=32)
    wanted = [name for name in ("last_layer", "last_norms", "features", "embed", "forward", "embedding_dim")]
    assert all(hasattr(face, name) for name in wanted) and face.last_norms == [face.embedding_norm]
