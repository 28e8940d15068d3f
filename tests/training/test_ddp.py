"""One rank, and two gloo ranks on the CPU against one process that has the whole batch."""

import os
import subprocess
import sys

import pytest
import torch

from speechbrain_cadino.dino.loss import DINOLoss
from speechbrain_cadino.encoder.refit import fit_last_layer
from speechbrain_cadino.training import ddp
from speechbrain_cadino.utils import distributed

from . import two_ranks


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the two ranks found."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, two_ranks.__file__, folder], env=environment, check=True, timeout=120)
    return [torch.load(folder / f"rank-{number}.pt") for number in range(two_ranks.WORLD)]


def test_alone():
    model = two_ranks.make_model()
    tensor = torch.rand(3)
    assert (distributed.world_size(), distributed.rank(), distributed.is_main()) == (1, 0, True)
    assert torch.equal(distributed.all_reduce_mean(tensor), tensor)
    assert ddp.wrap(model) is model and ddp.unwrap(model) is model
    assert ddp.synchronise_batchnorm(model) is model
    ddp.broadcast_buffers(model)  # there is nobody to wait for


def test_ranks_know_themselves(ranks):
    assert [rank["ranks"] for rank in ranks] == [(2, 0, True), (2, 1, False)]


def test_mean_over_the_ranks(ranks):
    for rank in ranks:
        torch.testing.assert_close(rank["mean"], torch.tensor([1.5, 15.0]))


def test_buffers_become_those_of_the_main_rank(ranks):
    for rank in ranks:
        assert rank["buffers"]["1.running_mean"].tolist() == [1.0] * 6
        assert rank["buffers"]["1.num_batches_tracked"] == 0


def test_loss_on_two_ranks_is_that_of_the_whole_batch(ranks):
    dino_loss = DINOLoss(12)
    for _ in range(3):
        loss, stats = dino_loss(two_ranks.make_views(4), two_ranks.make_views(2), 0.04)
    assert dino_loss.center.abs().max() > 0
    torch.testing.assert_close(torch.stack([rank["loss"]["loss"] for rank in ranks]).mean(), loss)
    for rank in ranks:
        torch.testing.assert_close(rank["loss"]["center"], dino_loss.center)
        torch.testing.assert_close(rank["loss"]["stats"], stats)


def test_ddp_on_gloo_keeps_plain_batch_norm(ranks):
    model = two_ranks.make_model()
    (batch,) = two_ranks.make_views(1)
    halves = [torch.autograd.grad(model(half).square().mean(), list(model.parameters())) for half in batch.split(4)]
    for rank in ranks:
        found = rank["gradients"]
        assert found["wrapped"] == "DistributedDataParallel" and found["unwrapped"]
        assert found["batch_norm"] == "BatchNorm1d"
        for gradient, *parts in zip(found["gradients"], *halves, strict=True):
            torch.testing.assert_close(gradient, sum(parts) / 2)


def test_collapse_figures_are_the_same_on_all_ranks(ranks):
    assert ranks[0]["collapse"] == ranks[1]["collapse"]
    assert ranks[0]["collapse"]["entropy_gap"] == 1.5


def test_checkpoints_of_several_ranks(ranks):
    first, second = [rank["checkpoints"] for rank in ranks]
    assert first["epoch"] == second["epoch"] == 2
    assert first["path"] == second["path"]
    assert len(first["names"]) == 2 and first["names"] == second["names"]
    assert first["model"] and second["model"]
    for rank in (first, second):
        assert torch.equal(*rank["random"])
    assert not torch.equal(first["random"][0], second["random"][0])


def test_a_nan_on_one_rank_leaves_the_center_on_both(ranks):
    assert ranks[0]["nan"]["loss"].isfinite() and not ranks[1]["nan"]["loss"].isfinite()
    for rank in ranks:
        assert torch.equal(rank["nan"]["center"], rank["nan"]["before"])
        assert torch.equal(rank["nan"]["center"], ranks[0]["nan"]["center"])


@pytest.mark.parametrize("left", [0, 1])
def test_means_over_a_kill_are_those_of_both_ranks(ranks, left):
    expected = {"a": (0 + 1 + 2 + 10 + 11 + 12 + left * 201) / (6 + 2 * left), "b": 7.0}
    for rank in ranks:
        for found in rank["means"][left]:
            assert found == pytest.approx(expected)


@pytest.mark.parametrize("name, labels", [("refit", None), ("refit within labels", two_ranks.REFIT_LABELS)])
def test_the_refit_is_that_of_all_items(ranks, name, labels):
    net = two_ranks.make_net()
    fit_last_layer(net, two_ranks.make_batches(), 0.3, "compensation", labels)
    statistics = torch.randn(30, 48, generator=torch.Generator().manual_seed(0))

    def cosines(layer):
        """Of the outputs: an axis may be turned round, which changes none."""
        outputs = statistics @ layer["conv.weight"].squeeze(2).T + layer["conv.bias"]
        return torch.cosine_similarity(outputs[:, None], outputs, dim=2)

    expected = cosines(net.embedding_model.fc.state_dict())
    assert not torch.allclose(expected, cosines(two_ranks.make_net().embedding_model.fc.state_dict()), atol=0.1)
    for rank in ranks:
        torch.testing.assert_close(rank[name], ranks[0][name], rtol=0, atol=0)
        torch.testing.assert_close(cosines(rank[name]), expected, rtol=0, atol=1e-3)


def test_a_refit_that_fails_on_one_rank_fails_on_both_at_once(ranks):
    """None waits for the other until the timeout, whose error would be told here; and both go on together."""
    found = [rank["refit of one that fails"] for rank in ranks]
    ended = "this rank ends because rank 0 has: see what that one says."
    embedding = ["OtherRankError", "rank 1 has failed (MemoryError: no more)", True], ["MemoryError", "no more", False]
    layer = ["MemoryError", "no more", False], ["MainRankError", ended, True]
    assert found == [[True, True, *first, *second, 0] for first, second in zip(embedding, layer)]


def test_rank_0_may_take_longer_than_the_timeout(ranks):
    assert [rank["patience"][0] for rank in ranks] == [2, 2]
    assert [rank["patience"][1] for rank in ranks] == [False, True]
    assert ranks[0]["patience"][2] == "UserError: no good"
    assert ranks[1]["patience"][2].startswith("MainRankError: this rank ends because rank 0 has")


def test_a_flag_of_one_rank_is_one_of_all(ranks):
    assert [rank["agreement"] for rank in ranks] == [[1, 5, 0], [1, 5, 0]]
