"""Errors of objects that are built, in one line."""

import io

import pytest
from hyperpyyaml import load_hyperpyyaml

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.faults import fault_line
from speechbrain_cadino.utils.settings.load import sentences


@pytest.mark.parametrize(
    "error, line",
    [
        (ValueError("two\nlines"), "two lines"),
        (TypeError("Invalid argument", "of two parts"), "Invalid argument of two parts"),
        (KeyError(3), "3"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_one_line(error, line):
    assert fault_line(error) == line


def test_an_assertion_without_a_word_says_where_it_is():
    text = "net: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN\n    input_size: 20\n    channels: [8, 8, 8]\n"
    with pytest.raises(UserError) as error, sentences("The settings"):
        load_hyperpyyaml(io.StringIO(text))
    said = str(error.value)
    assert "AssertionError in speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN, at: assert len(channels) ==" in said
