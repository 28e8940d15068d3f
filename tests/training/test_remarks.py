"""Remarks: told once, and all again at the end."""

import pytest

from speechbrain_cadino.training.remarks import Remarks, about_settings


def test_once_and_at_the_end(caplog):
    remarks = Remarks()
    remarks.repeat()
    assert caplog.messages == []
    for _ in range(2):
        remarks.add(["One.", "Two."])
    remarks.repeat()
    assert caplog.messages == ["One.", "Two.", "Look at this before you use the encoder: One. Two."]


@pytest.mark.parametrize("average, n_epochs, told", [(1, 1, 0), (5, 1, 1), (5, 4, 1), (5, 5, 0)])
def test_the_mean_of_the_last_epochs(average, n_epochs, told):
    assert len(about_settings({"average_checkpoints": average}, n_epochs)) == told
