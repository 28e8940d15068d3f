import numpy as np
import pytest

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.sampler import ViewSampler, class_weights


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


@pytest.mark.parametrize("balance", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("world_size", [1, 3])
def test_a_class_comes_by_a_power_of_its_size(balance, world_size):
    """Over many epochs; the ranks' batches are as many as without weights, and a copy is told from the first."""
    labels = np.repeat(np.arange(6), [60, 30, 15, 9, 5, 1])
    weights, seen = class_weights(labels, balance), np.zeros(120)
    samplers = [ViewSampler(120, 10, 3, rank, world_size, weights=weights) for rank in range(world_size)]
    for epoch in range(300):
        found = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            batches = list(sampler)
            assert len(batches) == 120 // (10 * world_size) and all(len(batch) == 10 for batch in batches)
            found += [pair for batch in batches for pair in batch]
        assert len(set(found)) == len(found) == 120 and {pair[0] for pair in found} == {epoch}
        counts = np.bincount([pair[1] for pair in found], minlength=120)
        assert (counts >= np.floor(weights)).all() and (counts <= np.ceil(weights)).all()
        assert {pair[1:] for pair in found} == {
            (item, copy) if copy else (item,) for item in range(120) for copy in range(counts[item])
        }
        seen += counts
    wanted = np.bincount(labels) ** (1 - balance)
    np.testing.assert_allclose(np.bincount(labels, seen) / seen.sum(), wanted / wanted.sum(), rtol=0.1)


def test_weighted_batches_go_on_where_they_were_stopped():
    weights = class_weights(np.arange(40) % 7 // 2, 0.5)
    whole, rest = (ViewSampler(40, 4, 1, weights=weights) for _ in range(2))
    rest.epoch, rest.start_batch = 0, 6
    assert list(whole)[6:] == list(rest)


def test_weights_of_1_are_once_each():
    sampler = ViewSampler(40, 4, 1, weights=class_weights(np.arange(40) % 7, 0.0))
    assert sorted(pair for batch in sampler for pair in batch) == [(0, item) for item in range(40)]
