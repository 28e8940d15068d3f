"""Compensation: what augmentation does is taken out, always alike, and the encoder stays as it is."""

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.augmentation.parameters import AugmentationSampler
from speechbrain_cadino.augmentation.settings import AugmentationSettings, ChannelSettings
from speechbrain_cadino.corpus.manifest import Manifest
from speechbrain_cadino.encoder.compensation import Compensation
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.utils.errors import UserError

N = 40


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Noises, each of a colour of its own."""
    folder, rng, paths = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0), []
    for item in range(N):
        wave = np.convolve(rng.standard_normal(12000), rng.standard_normal(6))[:12000]
        paths.append(str(folder / f"{item:02d}.wav"))
        soundfile.write(paths[-1], 0.3 * wave / np.abs(wave).max(), 16000)
    return Manifest([f"{item:02d}" for item in range(N)], paths, [0] * N, [12000] * N)


def make(**settings):
    channel = ChannelSettings(channel_prob=1.0, eq_db=10.0)
    augment = AugmentationSampler(AugmentationSettings(rir_prob=0, noise_prob=0, channel=channel))
    return Compensation(augment, ViewAugmenter(), **{"seconds": 0.5, "shrinkage": 0.3, **settings})


def test_other_views_of_an_utterance_come_nearer(make_net, manifest):
    net = make_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    views = next(make(seed=5)._batches(net, manifest))[1]

    def apart(encoder):
        """How far pairs of one utterance lie above the others, in their deviations."""
        with torch.no_grad():
            one, other = (encoder.embed(view) for view in views[:2])
        center = torch.cat([one, other]).mean(0)
        cosines = (
            torch.nn.functional.normalize(one - center, dim=1) @ torch.nn.functional.normalize(other - center, dim=1).T
        )
        others = cosines[~torch.eye(len(one), dtype=torch.bool)]
        return ((cosines.diagonal().mean() - others.mean()) / others.std()).item()

    assert apart(make()(net, manifest)) > 1.3 * apart(net)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    assert not net.training


def test_it_is_the_refit_on_its_views(make_net, manifest):
    compensation, net = make(n_views=3), make_net()
    expected = make_net()
    expected.load_state_dict(net.state_dict())
    batches = list(compensation._batches(net, manifest))
    assert sorted(torch.cat([items for items, _ in batches]).tolist()) == list(range(N))
    assert all(len(views) == 3 for _, views in batches)
    fit_last_layer(expected, batches, 0.3, "compensation")
    torch.testing.assert_close(compensation(net, manifest).state_dict(), expected.state_dict(), rtol=0, atol=0)
    labels = torch.arange(N) % 5
    fit_last_layer(expected, batches, 0.3, "compensation", labels)
    assert compensation.refit(net, manifest, "compensation", labels)
    torch.testing.assert_close(net.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_no_more_utterances_than_asked_for(make_net, manifest):
    batches = make(max_items=20)._batches(make_net(), manifest)
    assert sum(len(items) for items, _ in batches) == 20


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"n_views": 2}, {"seconds": 0.4}, {"shrinkage": 0.1}, {"max_items": 30}]
)
def test_the_same_again_and_every_setting_changes_it(make_net, manifest, change):
    net = make_net()
    weight = make()(net, manifest).embedding_model.fc.conv.weight
    torch.testing.assert_close(make()(net, manifest).embedding_model.fc.conv.weight, weight, rtol=0, atol=0)
    assert not torch.equal(make(**change)(net, manifest).embedding_model.fc.conv.weight, weight)
    assert str(make(**change)) != str(make())


def test_an_utterance_that_cannot_be_read_is_left_out(make_net, manifest, tmp_path):
    wavs = manifest.wavs.tolist()
    wavs[3] = str(tmp_path / "missing.wav")
    other = Manifest(manifest.ids.tolist(), wavs, [0] * N, [12000] * N)
    batches = list(make()._batches(make_net(), other))
    assert sorted(torch.cat([items for items, _ in batches]).tolist()) == [item for item in range(N) if item != 3]


def test_too_few_utterances_leave_the_encoder_as_it_is(make_net, manifest, caplog):
    net = make_net()
    copy = make()(net, manifest.subset(np.arange(12)))
    torch.testing.assert_close(copy.state_dict(), net.state_dict(), rtol=0, atol=0)
    assert "cluster_compensation would have 12 items for 12 outputs" in caplog.text


def test_a_loaded_encoder_has_no_batch_norm(make_net, manifest):
    net = make_net()
    net.embedding_norm = torch.nn.Identity()
    make()(net, manifest)


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(seconds=0), "seconds 0 and n_views 4"),
        (dict(n_views=1), "seconds 0.5 and n_views 1"),
        (dict(shrinkage=0), "shrinkage 0 and max_items"),
        (dict(max_items=1), "max_items 1"),
    ],
)
def test_settings_that_make_no_sense(change, said):
    with pytest.raises(UserError, match=said):
        make(**change)


def test_without_augmentation_there_is_nothing_to_take_out():
    with pytest.raises(UserError, match="augment is null: set compensation to null"):
        Compensation(None, ViewAugmenter())


@pytest.mark.parametrize("change", [dict(augmenter=None), dict(augmenter=3), dict(augment="noise")])
def test_parts_that_are_something_else(change):
    with pytest.raises(UserError, match="compensation has augment .* and augmenter .*: leave them at"):
        Compensation(**{**dict(augment=make().augment, augmenter=ViewAugmenter()), **change})
