"""Remarks: told once, and all again at the end."""

from types import SimpleNamespace

import pytest

from speechbrain_cadino.training.remarks import Remarks, about_refit, about_settings


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


@pytest.mark.parametrize("items", [16, 63, 192])
def test_a_refit_of_too_few_items_says_what_would_do(items):
    settings = {"last_layer_refit": SimpleNamespace(max_items=2000), "embedding_dim": 192}
    assert f"an embedding_dim of {items // 2} or less" in about_refit(settings, items)[0]
    assert about_refit(settings | {"embedding_dim": items // 2}, items) == []  # what it says is so
