"""What is said of a loss that is not finite."""

import functools
from types import SimpleNamespace

import pytest
import torch

from speechbrain_cadino.training.suspects import remedy, unusual

PLAIN = dict(
    lr=0.2,
    koleo_weight=2.0,
    f_max=3800,
    n_mels=80,
    dino_loss=SimpleNamespace(student_temp=0.1),
    teacher_temp_schedule=SimpleNamespace(level=0.04),
    opt_class=functools.partial(torch.optim.SGD, lr=0.2, weight_decay=5e-5),
    aam=SimpleNamespace(scale=32.0),
)


def test_nothing_is_unusual_about_usual_settings():
    assert unusual(PLAIN) == [] and unusual({}) == []


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(koleo_weight=1e30), "koleo_weight is 1e+30 (usual: 0 to 100)"),
        (dict(consistency_weight=1e9), "consistency_weight is 1e+09"),
        (dict(aam=SimpleNamespace(scale=float("nan"))), "aam.scale is nan (usual: 1 to 200)"),
        (dict(f_max=10), "f_max is 10 (usual: 1000 to 8000)"),
        (dict(lr=1e6), "lr is 1e+06"),
        (dict(dino_loss=SimpleNamespace(student_temp=1e-9)), "dino_loss.student_temp is 1e-09"),
        (dict(teacher_temp_schedule=SimpleNamespace(level=1e-9)), "teacher_temp_schedule.level is 1e-09"),
        (dict(opt_class=functools.partial(torch.optim.SGD, weight_decay=1e9)), "opt_class.weight_decay is 1e+09"),
        (dict(aam=SimpleNamespace(scale=1e20)), "aam.scale is 1e+20"),
    ],
)
@pytest.mark.parametrize("step", [0, 100])
def test_what_is_far_from_usual_is_named_and_lr_is_not_blamed(changes, said, step):
    sentence = remedy({**PLAIN, **changes}, step)
    assert said in sentence and "set it to what is usual" in sentence and "lower lr" not in sentence


def test_before_the_first_step_lr_is_not_the_cause():
    assert "lr is not the cause" in remedy(PLAIN, 0)
    assert "--skip_nonfinite_grads" in remedy(PLAIN, 1) and "a lower lr" in remedy(PLAIN, 1)
