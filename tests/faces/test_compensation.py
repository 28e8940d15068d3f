"""Compensation of a face encoder: what augmentation does is taken out, always alike, and the encoder stays as it is."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.faces.augment import FaceAugmenter
from speechbrain_cadino.faces.compensation import FaceCompensation
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.settings import FaceAugmentationSettings
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save

N = 40


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Faces of two pictures each, the last two items of the same face."""
    folder = tmp_path_factory.mktemp("faces")
    for item in range(N):
        for frame in range(2):
            pixels = np.clip(picture(item).astype(int) + 40 * frame, 0, 255).astype(np.uint8)
            save(folder / f"{item:02d}" / f"{frame}.png", pixels)
    paths = [str(folder / f"{item:02d}") for item in [*range(N), N - 1]]
    return FaceManifest.of([f"u{row}" for row in range(N + 1)], paths)


def make(**settings):
    others = dict(flip_prob=0, affine_prob=0, grey_prob=0, blur_prob=0, contrast=0, saturation=0)
    augment = FaceAugmenter(FaceAugmentationSettings(brightness=0.6, colour_prob=1.0, **others))
    return FaceCompensation(augment, **{"shrinkage": 0.3, **settings})


def test_other_views_of_a_face_come_nearer(make_face_net, manifest):
    net = make_face_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    views = next(make(seed=5)._batches(net, manifest))[1]

    def apart(encoder):
        with torch.no_grad():
            one, other = (encoder.embed(view) for view in views[:2])
        center = torch.cat([one, other]).mean(0)
        cosines = normalize(one - center, dim=1) @ normalize(other - center, dim=1).T
        others = cosines[~torch.eye(len(one), dtype=torch.bool)]
        return ((cosines.diagonal().mean() - others.mean()) / others.std()).item()

    copy = make()(net, manifest)
    assert apart(copy) > 1.2 * apart(net)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    kept = {name for name, tensor in copy.state_dict().items() if torch.equal(tensor, before[name])}
    assert all(name in kept for name in before if name.startswith("embedding_model"))
    assert not copy.projection.weight.requires_grad


def test_it_is_the_refit_on_its_views(make_face_net, manifest):
    compensation, net, expected = make(n_views=3), make_face_net(), make_face_net()
    expected.load_state_dict(net.state_dict())
    batches = list(compensation._batches(net, manifest))
    assert sorted(torch.cat([rows for rows, _ in batches]).tolist()) == list(range(N)), "a shared face once"
    assert all(len(views) == 3 for _, views in batches)
    fit_last_layer(expected, batches, 0.3, "compensation")
    torch.testing.assert_close(compensation(net, manifest).state_dict(), expected.state_dict(), rtol=0, atol=0)
    labels = torch.arange(N + 1) % 5
    fit_last_layer(expected, batches, 0.3, "compensation", labels)
    assert compensation.refit(net, manifest, "compensation", labels)
    torch.testing.assert_close(net.state_dict(), expected.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("change", [{"seed": 1}, {"n_views": 2}, {"shrinkage": 0.1}, {"max_items": 30}])
def test_the_same_again_and_every_setting_changes_it(make_face_net, manifest, change):
    net = make_face_net()
    weight = make()(net, manifest).projection.weight
    torch.testing.assert_close(make()(net, manifest).projection.weight, weight, rtol=0, atol=0)
    assert not torch.equal(make(**change)(net, manifest).projection.weight, weight)
    assert str(make(**change)) != str(make())


def test_bad_frames_and_faces_are_passed_over(make_face_net, manifest, tmp_path):
    save(tmp_path / "half" / "0.png", picture(0))
    (tmp_path / "half" / "1.png").write_text("")
    (tmp_path / "bad.png").write_text("")
    paths = [*manifest.paths[:3].tolist(), str(tmp_path / "half"), str(tmp_path / "bad.png")]
    batches = list(make()._batches(make_face_net(), FaceManifest.of(list("abcde"), paths)))
    assert sorted(torch.cat([rows for rows, _ in batches]).tolist()) == [0, 1, 2, 3]


def test_too_few_faces_leave_the_encoder_as_it_is(make_face_net, manifest, caplog):
    net = make_face_net()
    copy = make()(net, manifest.subset(np.arange(12)))
    torch.testing.assert_close(copy.state_dict(), net.state_dict(), rtol=0, atol=0)
    assert "compensation of the faces would have 12 items for 12 outputs" in caplog.text


@pytest.mark.parametrize("change", [dict(n_views=1), dict(shrinkage=0), dict(max_items=1)])
def test_settings_that_make_no_sense(change):
    with pytest.raises(UserError, match="Face compensation has n_views"):
        make(**change)


def test_without_augmentation_there_is_nothing_to_take_out():
    with pytest.raises(UserError, match="augment is null"):
        FaceCompensation(None)
