import numpy as np
import pytest
import torch

from speechbrain_cadino.augmentation.augmenter import ViewAugmenter
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.collate import collate_views, stack_parameters
from speechbrain_cadino.views.dataset import ViewSample


def sample(item, lengths, failure=None):
    """Crop v of item i is full of i + v / 10; view 1 has its level set."""
    crops = [np.full(length, item + view / 10, np.float32) for view, length in enumerate(lengths)]
    parameters = [{"level_db": np.array(-10.0 * item, np.float32)} if view == 1 else {} for view in range(len(lengths))]
    return ViewSample(item, crops, parameters, failure)


@pytest.mark.parametrize("lengths", [(5, 5, 3, 3, 3), (4, 4, 4), (2, 7), (6, 2, 6), (3,)])
def test_views_come_back_as_they_went_in(lengths):
    batch = collate_views([sample(item, lengths) for item in (4, 2, 9)])
    assert batch.items.tolist() == [4, 2, 9] and len(batch.groups) == len(set(lengths))
    assert len(batch.waves) == len(lengths)
    for view, (wave, length) in enumerate(zip(batch.waves, lengths)):
        expected = torch.tensor([4, 2, 9])[:, None] + torch.full((3, length), view / 10)
        assert torch.allclose(wave, expected) and wave.dtype == torch.float32


def test_draws_stay_with_their_crops():
    batch = collate_views([sample(item, (50, 50, 30)) for item in (1, 2)])
    views = ViewAugmenter()(batch)
    assert views[0].equal(batch.waves[0]) and views[2].equal(batch.waves[2])
    assert torch.allclose(views[1][:, 0], torch.tensor([10**-0.5, 10**-1]))


def test_only_crops_that_have_it_take_memory():
    stacked = stack_parameters([{}, {"rir": np.ones(3, np.float32)}, {}, {"rir": np.full(5, 2, np.float32)}])
    assert stacked["rir"].rows.tolist() == [1, 3]
    assert stacked["rir"].values.tolist() == [[1, 1, 1, 0, 0], [2, 2, 2, 2, 2]]
    assert stack_parameters([{}, {}]) == {}


def test_to_moves_everything_and_keeps_the_rest():
    batch = collate_views([sample(1, (5, 5, 3)), sample(2, (5, 5, 3), "a is bad")])
    moved = batch.to("meta")
    assert moved.failures == ["a is bad"]
    tensors = [moved.items, *moved.waves, *(t for g in moved.groups for rows in g.parameters.values() for t in rows)]
    assert len(tensors) == 6 and all(tensor.device.type == "meta" for tensor in tensors)
    assert [wave.shape for wave in moved.waves] == [wave.shape for wave in batch.waves]


def test_an_error_among_the_samples_is_the_batch():
    error = UserError("No.")
    assert collate_views([sample(1, (3,)), error]) is error


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pinned_memory():
    batch = collate_views([sample(1, (5, 3))]).pin_memory()
    assert batch.items.is_pinned() and all(wave.is_pinned() for wave in batch.waves)
