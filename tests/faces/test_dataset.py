"""Samples are a function of seed, epoch and row, whatever the worker; bad frames are passed over and told."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from speechbrain_cadino.faces.augment import FaceAugmenter
from speechbrain_cadino.faces.dataset import FaceDataset
from speechbrain_cadino.faces.images import read_image
from speechbrain_cadino.faces.manifest import FaceManifest
from speechbrain_cadino.faces.settings import FaceAugmentationSettings
from speechbrain_cadino.utils.errors import UserError

from .conftest import picture, save


def make(faces, seed=0, augment=True):
    return FaceDataset(faces, 24, seed, FaceAugmenter(FaceAugmentationSettings()) if augment else None)


def test_the_clean_picture_is_a_frame_and_the_other_is_it_augmented(faces):
    plain, dataset = make(faces, augment=False), make(faces)
    met = set()
    for epoch in range(60):
        sample = dataset[epoch, 4]
        frames = [
            number for number, path in enumerate(faces.frames(4)) if torch.equal(read_image(path, 24), sample.clean)
        ]
        assert len(frames) == 1 and sample.row == 4 and sample.failure is None
        met.update(frames)
        assert sample.image.shape == (3, 24, 24) and sample.image.dtype == torch.uint8
        same = plain[epoch, 4]
        assert torch.equal(same.image, same.clean) and torch.equal(same.clean, sample.clean)
    assert met == set(range(7)), "any frame"
    assert any(not torch.equal(dataset[epoch, 4].image, dataset[epoch, 4].clean) for epoch in range(3))


def test_seed_epoch_row_and_copy_decide(faces):
    dataset = make(faces)
    first = dataset[2, 4].image
    assert torch.equal(make(faces)[2, 4].image, first) and torch.equal(dataset[2, 4].image, first)
    others = [make(faces, seed=1)[2, 4], dataset[3, 4], dataset[2, 5], dataset[2, 4, 1]]
    assert not any(torch.equal(other.image, first) for other in others)


def test_the_same_in_any_worker(faces):
    dataset = make(faces)
    pairs = [(epoch, row) for epoch in range(3) for row in range(6)]
    wanted = [dataset[pair] for pair in pairs]
    loader = DataLoader(dataset, batch_size=None, sampler=pairs, num_workers=2)
    for sample, expected in zip(loader, wanted):
        assert sample.row == expected.row
        assert torch.equal(sample.image, expected.image) and torch.equal(sample.clean, expected.clean)
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[1, 3].image, wanted[9].image)


def test_a_bad_frame_is_replaced_by_another_of_the_item(faces):
    bad = faces.frames(4)[:5]
    for path in bad:
        open(path, "w").close()
    dataset, failures = make(faces), []
    for epoch in range(20):
        sample = dataset[epoch, 4]
        assert any(torch.equal(read_image(path, 24), sample.clean) for path in faces.frames(4)[5:])
        failures.append(sample.failure)
    told = [failure for failure in failures if failure]
    assert 0 < len(told) < 20 and all("the file is empty" in failure for failure in told)


def test_an_item_of_bad_frames_has_no_face(faces, tmp_path):
    for path in faces.frames(3):
        open(path, "w").close()
    sample = make(faces)[0, 3]
    assert sample.image is None and sample.clean is None and "the file is empty" in sample.failure and sample.row == 3
    gone = FaceManifest.of(["a"], [str(tmp_path / "gone")])
    assert "has no frames" in make(gone)[0, 0].failure


def test_no_more_than_some_frames_are_tried(tmp_path):
    for number in range(30):
        (tmp_path / "f").mkdir(exist_ok=True)
        (tmp_path / "f" / f"{number}.jpg").write_text("")
    save(tmp_path / "f" / "z.png", picture(0))
    dataset = make(FaceManifest.of(["a"], [str(tmp_path / "f")]))
    found = [dataset[epoch, 0].image is not None for epoch in range(60)]
    assert 0.1 < np.mean(found) < 0.6  # 10 of 31


def test_no_items(faces):
    with pytest.raises(UserError, match="no items"):
        make(faces.subset([]))
