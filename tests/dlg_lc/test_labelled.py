"""The items that are trained on, and what is said of the others."""

import logging
from pathlib import Path

import numpy as np
import pytest

from speechbrain_cadino.dlg_lc.items import Items
from speechbrain_cadino.dlg_lc.labelled import Labelled
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.utils.errors import UserError

ITEMS = Items({"voice": EmbeddingTable(list("ab"), np.eye(2)), "face": EmbeddingTable(list("bcd"), np.eye(3))})


def test_what_has_no_label_is_told(caplog):
    caplog.set_level(logging.INFO)
    labelled = Labelled.of(ITEMS, np.array([-1, 1, 0, -1]), Path("labels.csv"))
    assert labelled.items.ids.tolist() == ["b", "c"] and labelled.labels.tolist() == [1, 0]
    assert "2 of 4 items have no label, and are not trained on." in caplog.text
    caplog.clear()
    Labelled.of(ITEMS, np.array([0, 1, 0, 1]), Path("labels.csv"))
    assert not caplog.text


def test_labels_of_faces_alone_are_refused():
    with pytest.raises(UserError, match="No item with a label in labels.csv has a voice"):
        Labelled.of(ITEMS, np.array([-1, -1, 0, 1]), Path("labels.csv"))
