"""The mean of the last checkpoints."""

import pytest
import torch

from speechbrain_cadino.training.averaging import average_last_checkpoints
from speechbrain_cadino.training.checkpoints import SafeCheckpointer
from speechbrain_cadino.utils.errors import UserError


@pytest.fixture
def trained(tmp_path):
    """A checkpointer of five epochs, and the model's state after each."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    checkpointer = SafeCheckpointer(tmp_path, {"other": torch.nn.Linear(1, 1), "teacher": model})
    states = []
    for _ in range(5):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_()
        model(torch.randn(8, 3))
        checkpointer.save_checkpoint()
        states.append({name: value.clone() for name, value in model.state_dict().items()})
    return checkpointer, model, states


@pytest.mark.parametrize("n_checkpoints", [1, 3, 5, 10])
def test_mean_of_the_last(trained, n_checkpoints):
    checkpointer, model, states = trained
    model.load_state_dict(average_last_checkpoints(checkpointer, "teacher", n_checkpoints))
    for name, value in model.state_dict().items():
        expected = torch.stack([state[name].double() for state in states[-n_checkpoints:]]).mean(dim=0)
        torch.testing.assert_close(value, expected.to(value.dtype))


def test_later_epochs_are_left_out_if_so_asked(trained):
    checkpointer, model, states = trained
    for epoch in range(1, 4):
        with torch.no_grad():
            model[0].weight.fill_(float(epoch))
        checkpointer.save_checkpoint(meta={"epoch": epoch})
    found = average_last_checkpoints(checkpointer, "teacher", 2, up_to=2)
    assert torch.equal(found["0.weight"], torch.full((4, 3), 1.5))


def test_checkpoints_in_the_middle_of_an_epoch_do_not_count(trained):
    checkpointer, model, states = trained
    with torch.no_grad():
        model[0].weight.fill_(100.0)
    checkpointer.save_checkpoint(end_of_epoch=False)
    average = average_last_checkpoints(checkpointer, "teacher", 1)
    torch.testing.assert_close(average["0.weight"], states[-1]["0.weight"])


def test_nothing_to_average(tmp_path):
    with pytest.raises(UserError, match="train for an epoch"):
        average_last_checkpoints(SafeCheckpointer(tmp_path), "teacher")
