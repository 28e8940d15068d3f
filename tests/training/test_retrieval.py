"""How rows find their own, against counting, and the gain from one encoder to another."""

import numpy as np
import pytest
import torch

from speechbrain_cadino.training.retrieval import CLEARLY, clearly_under, paired_gain, ranks, retrieval


@pytest.mark.parametrize("seed", range(5))
def test_ranks_against_counting(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(-2, 3, (2, 9, 3)) + 0.5  # ties among them
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    wanted = []
    for i in range(9):
        others = [round(float(unit[0][i] @ unit[1][j]), 9) for j in range(9)]
        own = others.pop(i)
        wanted.append(sum(1.0 if other < own else 0.5 if other == own else 0.0 for other in others) / 8)
    found = ranks(torch.from_numpy(first).round(decimals=3), torch.from_numpy(second).round(decimals=3))
    np.testing.assert_allclose(found, wanted, atol=0.07)  # a tie may be broken by the last bit
    metrics = retrieval(torch.from_numpy(first), torch.from_numpy(second))
    assert metrics["half_rank"] == pytest.approx(found.mean().item(), abs=0.02)


def test_what_is_no_number_finds_nothing():
    rows = torch.eye(4)
    rows[1] = torch.nan
    assert ranks(rows, torch.eye(4)).tolist() == [1, 0, 1, 1]
    nothing = torch.full((4, 3), torch.nan)
    assert retrieval(nothing, nothing) == {"half_retrieval": 0.0, "half_rank": 0.0}


def test_the_interval_covers_the_true_gain():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(1000):
        before = rng.beta(4, 1, 200)
        after = (before - 0.03 + 0.1 * rng.standard_normal(200)).astype(np.float32)
        low, high = paired_gain(torch.from_numpy(before), torch.from_numpy(after))
        inside += low <= -0.03 <= high
    assert 930 <= inside <= 970


def test_clearly_under():
    before = torch.linspace(0.2, 1, 100)
    assert not clearly_under(paired_gain(before, before)) and not clearly_under(paired_gain(before, before + 0.1))
    assert clearly_under(paired_gain(before, before - 0.05))
    assert not clearly_under(paired_gain(before, before - CLEARLY / 2))
    assert not clearly_under(paired_gain(before, before.flip(0) - 0.05))  # nothing certain
    assert not clearly_under(paired_gain(before[:1], before[:1] - 0.5))
