"""The line of an epoch, whatever is in its record."""

import math

import pytest

from speechbrain_cadino.training.telling import epoch_line


@pytest.mark.parametrize(
    "metrics, said",
    [
        ({"dino_loss": 3.0, "max_entropy": 6.0}, "DINO loss 3 (6 by chance)"),
        ({"dino_loss": math.nan, "max_entropy": 6.0}, "nothing was measured"),
        ({"dino_loss": math.nan, "max_entropy": 6.0, "EER %": 12.0}, "EER 12.00 %"),
        ({"loss": 2.0, "EER %": 12.0}, "loss 2, EER 12.00 %"),
        ({"label_loss": 2.0, "loss": 9.0, "clusters": 7}, "loss 2, 7 clusters"),
    ],
)
def test_what_is_said_of_an_epoch(metrics, said):
    assert epoch_line({"epoch": 1, **metrics}, 2) == f"epoch 1 of 2: {said}"
