import numpy as np
import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.sampler import ViewSampler


def batches(n_items, batch_size, epoch=0, **options):
    sampler = ViewSampler(n_items, batch_size, **{"seed": 3, **options})
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler) == sampler.batches_per_epoch
    assert all(pair[0] == epoch for batch in found for pair in batch)
    return [[item for _, item in batch] for batch in found]


@pytest.mark.parametrize("seed", range(20))
def test_the_batches_of_all_ranks_partition_the_epoch(seed):
    rng = np.random.default_rng(seed)
    n_items, batch_size, world_size = (int(rng.integers(low, high)) for low, high in ((30, 200), (1, 8), (1, 5)))
    options = {"world_size": world_size, "epoch": seed}
    dropped = [batches(n_items, batch_size, rank=rank, **options) for rank in range(world_size)]
    items = [item for rank in dropped for batch in rank for item in batch]
    together = batch_size * world_size
    assert all(len(batch) == batch_size for rank in dropped for batch in rank)
    assert len(items) == len(set(items)) == n_items // together * together

    kept = [batches(n_items, batch_size, rank=rank, drop_last=False, **options) for rank in range(world_size)]
    items = [item for rank in kept for batch in rank for item in batch]
    assert set(items) == set(range(n_items)) and len(items) == n_items + -n_items % world_size
    assert len({tuple(map(len, rank)) for rank in kept}) == 1


def test_order_depends_on_seed_and_epoch_alone():
    assert batches(50, 5, epoch=2) == batches(50, 5, epoch=2)
    assert batches(50, 5, epoch=2) != batches(50, 5, epoch=3)
    assert batches(50, 5, epoch=2) != batches(50, 5, epoch=2, seed=4)
    sampler = ViewSampler(50, 5, seed=3)
    for epoch in (7, 1, 2):  # what came before leaves no trace
        sampler.set_epoch(epoch)
        last = [[item for _, item in batch] for batch in sampler]
    assert last == batches(50, 5, epoch=2)


def test_a_global_batch_is_the_same_for_any_number_of_ranks():
    alone = batches(64, 8)
    ranks = [batches(64, 2, rank=rank, world_size=4) for rank in range(4)]
    assert [sorted(sum(parts, [])) for parts in zip(*ranks)] == [sorted(batch) for batch in alone]


def test_start_batch_skips_and_the_next_epoch_is_whole():
    sampler = ViewSampler(50, 5, seed=3)
    sampler.epoch, sampler.start_batch = 2, 4
    sampler.set_epoch(2)
    assert len(sampler) == 6 and sampler.batches_per_epoch == 10
    assert [[item for _, item in batch] for batch in sampler] == batches(50, 5, epoch=2)[4:]
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(sampler) == 10


def test_a_batch_that_cannot_be_filled_is_an_error():
    with pytest.raises(UserError, match="set batch_size to 8 at most"):
        ViewSampler(9, 5, seed=0, world_size=2)
    assert len(ViewSampler(9, 5, seed=0, world_size=2, drop_last=False)) == 1
    with pytest.raises(UserError, match="more utterances"):
        ViewSampler(0, 5, seed=0, drop_last=False)
