"""The random states come back, alone and in a checkpoint."""

import logging
import random

import numpy as np
import pytest
import torch

from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.training.random_states import RandomStates


def draw():
    """Numbers of every generator; the normal ones too, since NumPy and Python keep a second one back."""
    return (
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        torch.rand(1).item(),
        torch.randn(1).item(),
        torch.rand(1, device="cuda").item() if torch.cuda.is_available() else None,
    )


def test_the_same_numbers_follow(tmp_path):
    draw()
    RandomStates().save(tmp_path / "states.ckpt")
    expected = [draw(), draw()]
    draw()
    RandomStates().load(tmp_path / "states.ckpt")
    assert [draw(), draw()] == expected
    assert expected[0] != expected[1]


def test_in_a_checkpoint(tmp_path):
    checkpointer = SafeCheckpointer(tmp_path, {"random_states": RandomStates()})
    checkpointer.save_checkpoint()
    expected = draw()
    checkpointer.recover_if_possible()
    assert draw() == expected


def test_states_of_another_number_of_ranks(tmp_path, caplog):
    RandomStates().save(tmp_path / "states.ckpt")
    torch.save(torch.load(tmp_path / "states.ckpt") * 2, tmp_path / "two.ckpt")
    before = torch.get_rng_state()
    torch.rand(1)
    after = torch.get_rng_state()
    with caplog.at_level(logging.WARNING):
        RandomStates().load(tmp_path / "two.ckpt")
    assert torch.equal(torch.get_rng_state(), after) and not torch.equal(after, before)
    assert "2 ranks and this run has 1" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_states_from_a_machine_with_more_devices(tmp_path):
    RandomStates().save(tmp_path / "states.ckpt")
    expected = draw()
    (states,) = torch.load(tmp_path / "states.ckpt")
    states["cuda"] = states["cuda"] + [states["cuda"][0]]
    torch.save([states], tmp_path / "more.ckpt")
    RandomStates().load(tmp_path / "more.ckpt")
    assert draw() == expected
