"""A global batch shared out over the ranks."""

import pytest

from speechbrain_cadino.training import loader as training_loader
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset


@pytest.fixture
def dataset(noises):
    return ViewDataset(noises, CropSpec(1, 0.05, 0), seed=0)


@pytest.fixture
def on_rank(monkeypatch):
    """Give a function that pretends to be one of several ranks."""

    def pretend(rank, world_size):
        monkeypatch.setattr(training_loader, "rank", lambda: rank)
        monkeypatch.setattr(training_loader, "world_size", lambda: world_size)

    return pretend


@pytest.mark.parametrize("batch_size, ranks", [(2, 1), (3, 1), (8, 1), (4, 2), (8, 2), (8, 4)])
def test_ranks_share_the_batches_of_one_process(dataset, on_rank, batch_size, ranks):
    def items(rank, world_size):
        on_rank(rank, world_size)
        loader = make_train_loader(dataset, batch_size, seed=3)
        loader.set_epoch(2)
        return [batch.items.tolist() for batch in loader]

    whole = items(0, 1)
    shares = [items(rank, ranks) for rank in range(ranks)]
    assert len(whole) == 8 // batch_size
    for batch, *parts in zip(whole, *shares, strict=True):
        assert {len(part) for part in parts} == {batch_size // ranks}
        assert sorted(batch) == sorted(sum(parts, []))


def test_the_seed_orders_the_items_and_options_reach_the_loader(dataset):
    orders = [[batch.items.tolist() for batch in make_train_loader(dataset, 2, seed)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert make_train_loader(dataset, 2, 1, max_failed_fraction=0.5).max_failed_fraction == 0.5
    with pytest.raises(TypeError):
        make_train_loader(dataset, 2, 1, unknown=1)


@pytest.mark.parametrize("batch_size, ranks", [(-5, 1), (0, 1), (1, 1), (3, 2), (2, 2), (6, 4)])
def test_batches_that_are_too_small(dataset, on_rank, batch_size, ranks):
    on_rank(0, ranks)
    message = f"batch_size is {batch_size}, for {ranks} process(es)?: set at least {2 * ranks}, since batch norm"
    with pytest.raises(UserError, match=message):
        make_train_loader(dataset, batch_size, seed=0)


def test_batches_that_cannot_be_shared_evenly(dataset, on_rank):
    on_rank(0, 2)
    with pytest.raises(UserError, match="batch_size 7 cannot be shared by 2 processes: set a multiple of 2, such as 6"):
        make_train_loader(dataset, 7, seed=0)
    assert make_train_loader(dataset, 6, seed=0)  # the advice works


def test_more_than_there_are(dataset):
    with pytest.raises(UserError, match="8 utterances do not fill one batch of 9 .* set batch_size to 8 at most"):
        make_train_loader(dataset, 9, seed=0)
    assert make_train_loader(dataset, 8, seed=0)
