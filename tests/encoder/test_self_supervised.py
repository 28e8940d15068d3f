"""Self-supervised networks as encoders: layers, pooling, weights of others, frozen or tuned."""

import pytest
import torch
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain.processing.features import InputNormalization

from speechbrain_cadino.encoder.architectures import build_network, frame_of
from speechbrain_cadino.encoder.embed import embed_utterances
from speechbrain_cadino.encoder.export import export_encoder
from speechbrain_cadino.encoder.load import load_encoder
from speechbrain_cadino.encoder.model import SpeakerEncoderNet
from speechbrain_cadino.encoder.raw_waves import RawWaves
from speechbrain_cadino.encoder.self_supervised import SelfSupervised
from speechbrain_cadino.encoder.self_supervised_weights import read_weights
from speechbrain_cadino.encoder.settings import encoder_settings
from speechbrain_cadino.utils.errors import UserError
from tests.encoder.conftest import SMALL_WAV2VEC2, SMALL_WAVLM

LARGE = {**SMALL_WAV2VEC2, "extractor_mode": "layer_norm", "encoder_layer_norm_first": True}
ARCHITECTURES = {"wav2vec2": SMALL_WAV2VEC2, "wavlm": SMALL_WAVLM, "large": LARGE}


def encoder(architecture=SMALL_WAVLM, **options):
    network = SelfSupervised(6, architecture, attention_channels=4, **options)
    net = SpeakerEncoderNet(RawWaves(), InputNormalization(norm_type="sentence", std_norm=False), network, 6)
    net.train()(torch.randn(8, 4000))
    return net.eval()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_against_its_parts(name):
    net = encoder(ARCHITECTURES[name])
    network = net.embedding_model
    with torch.no_grad():
        network.layer_weights.copy_(torch.tensor([0.3, -1.0, 2.0]))
    waves = torch.randn(2, 5000)
    cut = waves[:, : 400 + 320 * 14]
    layers, _ = network.front_end.extract_features(cut - cut.mean(dim=1, keepdim=True))
    weights = torch.tensor([0.3, -1.0, 2.0]).exp() / torch.tensor([0.3, -1.0, 2.0]).exp().sum()
    mixed = sum(weight * layer for weight, layer in zip(weights, layers))
    pooled = network.pooling(mixed.transpose(1, 2)).squeeze(2)
    wanted = net.embedding_norm(network.last_layer(network.pooled_norm(pooled)))
    torch.testing.assert_close(net(waves), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_padding_changes_nothing(name):
    """Of waves of equally many frames, which share a batch, and of those that SpeechBrain pads."""
    net = encoder(ARCHITECTURES[name])
    waves = [torch.randn(n) for n in (4000, 4100, 4007, 9000, 4320, 1600)]
    found, failures = embed_utterances(net, lambda row, a, b: waves[row][a:b].numpy(), [len(wave) for wave in waves])
    for row, wave in zip(found, waves):
        torch.testing.assert_close(torch.from_numpy(row), net(wave[None])[0].detach(), rtol=1e-4, atol=1e-5)
    assert not failures
    network, cut = net.embedding_model, net.features(torch.randn(2, 6000))
    alone = network(cut[:1, : 400 + 320 * 5])
    lengths = torch.tensor([(400 + 320 * 5) / cut.shape[1], 1.0])
    torch.testing.assert_close(network(cut, lengths)[:1], alone, rtol=1e-4, atol=1e-5)


def test_long_audio_is_embedded_in_pieces(monkeypatch):
    net, wave = encoder(), torch.randn(16000)
    assert net.max_seconds == 30
    monkeypatch.setattr(SelfSupervised, "max_seconds", 0.5)
    found, _ = embed_utterances(net, lambda row, a, b: wave[a:b].numpy(), [16000])
    wanted = (net(wave[None, :8000]) + net(wave[None, 8000:])) / 2
    torch.testing.assert_close(torch.from_numpy(found), wanted.detach(), rtol=1e-4, atol=1e-5)


def test_frames_are_those_of_the_network():
    network = build_network(SMALL_WAV2VEC2, 0.0)
    assert frame_of(network) == (400, 320) == (RawWaves().window, RawWaves().hop_length)
    for samples in (400, 719, 720, 5000, 16000):
        waves = RawWaves()(torch.randn(1, samples))
        assert network.extract_features(waves)[0][0].shape[1] == RawWaves().frames(samples)
    with pytest.raises(UserError, match="needs 0.025 s of audio, and there are 0.024"):
        RawWaves()(torch.randn(1, 399))
    with pytest.raises(UserError, match="window 100 and hop_length 320"):
        RawWaves(window=100)


def test_frozen_it_stays_in_evaluation_mode_and_gets_no_gradient():
    net = encoder(dropout=0.5).train()
    front = net.embedding_model.front_end
    assert not any(module.training for module in front.modules()) and net.embedding_model.pooled_norm.training
    net(torch.randn(4, 4000)).square().sum().backward()
    trained = {name for name, one in net.embedding_model.named_parameters() if one.grad is not None}
    assert "layer_weights" in trained and not any(name.startswith("front_end") for name in trained)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("n_layers", [None, 2])
def test_tuned_all_that_is_trained_gets_a_gradient(name, n_layers):
    """Else DDP stops; dropout is on."""
    net = encoder(ARCHITECTURES[name], lr_factor=0.1, n_layers=n_layers, dropout=0.3).train()
    waves = torch.randn(4, 4000)
    assert not torch.equal(net(waves), net(waves))
    net(waves).pow(3).sum().backward()
    without = [name for name, one in net.named_parameters() if one.requires_grad and one.grad is None]
    assert without == []
    assert len(net.embedding_model.front_end.encoder.transformer.layers) == (n_layers or 3)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_export_and_load(name, tmp_path):
    net, mean, waves = encoder(ARCHITECTURES[name], n_layers=2, lr_factor=0.5), torch.randn(6), torch.randn(2, 7000)
    folder = export_encoder(net, tmp_path / "encoder", mean)
    wanted = net(waves) - mean
    plain = EncoderClassifier.from_hparams(source=str(folder))  # this package is installed
    torch.testing.assert_close(plain.encode_batch(waves), wanted, rtol=1e-4, atol=1e-4)
    loaded, _ = load_encoder(folder)
    torch.testing.assert_close(loaded.eval()(waves), wanted, rtol=1e-4, atol=1e-4)
    assert encoder_settings(loaded) == encoder_settings(net)


TRANSFORMERS = {
    "WavLM": dict(num_buckets=8, max_bucket_distance=16),
    "Wav2Vec2": {},
    "Hubert": dict(do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True),
}


@pytest.mark.parametrize("kind", TRANSFORMERS)
@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_of_transformers_gives_the_same_layers(kind, safe, tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = dict(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24, conv_dim=[8] * 7)
    sizes |= dict(num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, **TRANSFORMERS[kind])
    model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**sizes)).eval()
    if safe:
        model.save_pretrained(tmp_path)
    else:
        model.config.save_pretrained(tmp_path)
        state = {f"{kind.lower()}.{name}": tensor for name, tensor in model.state_dict().items()}
        torch.save({**state, "lm_head.weight": torch.zeros(3)}, tmp_path / "pytorch_model.bin")
    network = SelfSupervised(6, weights=tmp_path, attention_channels=4).eval()
    waves = torch.randn(2, 400 + 320 * 20)
    with torch.no_grad():
        wanted = model(waves, output_hidden_states=True).hidden_states[1:]
        found, _ = network.front_end.extract_features(waves)
    n_compared = 2 if kind == "Hubert" else 3  # transformers normalises the last layer of large ones
    for one, other in zip(found[:n_compared], wanted):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_weights_that_will_not_do(tmp_path):
    state = build_network(SMALL_WAVLM, 0.0).state_dict()
    torch.save(state, tmp_path / "good.pth")
    SelfSupervised(6, SMALL_WAVLM, tmp_path / "good.pth")
    torch.save({"cfg": {}, "model": state}, tmp_path / "fairseq.pt")
    torch.save({**state, "more": torch.ones(1)}, tmp_path / "more.pth")
    (tmp_path / "damaged.pth").write_bytes(b"no")
    for name in ("empty", "bert", "bare"):
        (tmp_path / name).mkdir()
    (tmp_path / "bert/config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "bare/config.json").write_text('{"model_type": "wavlm"}')
    said = {
        "absent.pth": "do not exist",
        "fairseq.pt": "are no state dict of tensors",
        "more.pth": "they differ in more",
        "damaged.pth": "cannot be read",
        "empty": "are no folder of transformers",
        "bert": "are of a bert",
        "bare": "are no folder of transformers .config.json: 'feat_extract_norm'",
    }
    for name, text in said.items():
        with pytest.raises(UserError, match=text) as caught:
            SelfSupervised(6, SMALL_WAVLM, tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="has no architecture: set it"):
        SelfSupervised(6, weights=tmp_path / "good.pth")
    with pytest.raises(UserError, match="they differ in"):
        SelfSupervised(6, SMALL_WAV2VEC2, tmp_path / "good.pth")
    assert read_weights(tmp_path / "good.pth")[1] is None


def test_no_code_in_weights_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "written"), "w"))

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="cannot be read"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(architecture="wavlm"), "none of wavlm_base"),
        (dict(architecture={"encoder_embed_dims": 3}), "no argument encoder_embed_dims"),
        (dict(architecture={**SMALL_WAVLM, "encoder_num_heads": 3}), "cannot be built"),
        (dict(n_layers=4), "n_layers 4, and the network has 3"),
        (dict(n_layers=0), "n_layers 0"),
        (dict(lr_factor=-1), "lr_factor -1"),
        (dict(dropout=1.0), "dropout 1.0"),
    ],
)
def test_settings_that_will_not_do(settings, said):
    with pytest.raises(UserError, match=said):
        SelfSupervised(6, **{"architecture": SMALL_WAVLM, **settings})


def test_features_in_place_of_waves():
    with pytest.raises(UserError, match="takes waves, .batch, time., and gets .2, 50, 20."):
        SelfSupervised(6, SMALL_WAVLM)(torch.randn(2, 50, 20))
