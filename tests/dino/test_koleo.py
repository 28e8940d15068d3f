"""The spreading loss against a plain double loop, and what it does to embeddings."""

import math

import pytest
import torch

from speechbrain_cadino.dino.koleo import KoLeoLoss


def plain(views, groups=None):
    total = 0.0
    for view in views:
        rows = [row / row.norm() for row in view]
        for i, row in enumerate(rows):
            others = [j for j in range(len(rows)) if j != i and not (groups and groups[j] == groups[i] >= 0)]
            if others:
                total -= math.log(min((row - rows[j]).norm().item() for j in others)) / len(rows)
    return total / len(views)


@pytest.mark.parametrize("seed", range(8))
def test_equals_a_double_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    shape = [int(torch.randint(low, high, (), generator=generator)) for low, high in ((1, 4), (2, 20), (2, 50))]
    views = [torch.randn(shape[1:], generator=generator) for _ in range(shape[0])]
    assert KoLeoLoss()(views).item() == pytest.approx(plain(views), abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_items_of_one_group_are_no_neighbours(seed):
    generator = torch.Generator().manual_seed(seed)
    batch = int(torch.randint(2, 12, (), generator=generator))
    views = [torch.randn(batch, 5, generator=generator) for _ in range(2)]
    groups = torch.randint(-1, 3, (batch,), generator=generator)
    assert KoLeoLoss()(views, groups).item() == pytest.approx(plain(views, groups.tolist()), abs=1e-4)


def test_a_batch_of_one_group_is_not_spread():
    embeddings = torch.randn(4, 5, requires_grad=True)
    loss = KoLeoLoss()([embeddings], torch.zeros(4, dtype=torch.int64))
    loss.backward()
    assert loss == 0 and (embeddings.grad == 0).all()


def test_equal_embeddings_are_finite_and_have_finite_gradients():
    embeddings = torch.ones(3, 4, requires_grad=True)
    loss = KoLeoLoss()([embeddings])
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(embeddings.grad).all()


def test_its_gradient_uses_more_dimensions():
    torch.manual_seed(0)
    # One direction holds nearly all the variance, as where only pitch was learnt.
    embeddings = (torch.randn(32, 8) * torch.tensor([3.0] + 7 * [0.05])).requires_grad_()

    def effective_dimensions():
        variances = torch.linalg.svdvals(embeddings.detach() - embeddings.detach().mean(0)).square()
        return variances.sum().square() / variances.square().sum()

    before, optimizer = effective_dimensions(), torch.optim.SGD([embeddings], lr=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        KoLeoLoss()([embeddings]).backward()
        optimizer.step()
    assert effective_dimensions() > 1.5 * before


def test_half_precision_inputs_are_taken_to_float32():
    views = [torch.randn(6, 5)]
    assert KoLeoLoss()([views[0].bfloat16()]).dtype == torch.float32
