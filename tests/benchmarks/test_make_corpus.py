"""Settings of a demo corpus on a command line: those that are none are refused before anything is made."""

import make_corpus
import pytest

from speechbrain_cadino.utils.errors import UserError


@pytest.mark.parametrize(
    "text, words",
    [
        ("[1]", "give a JSON mapping"),
        ("3", "give a JSON mapping"),
        ('{"tial": 1}', "has tial, which is none of n_speakers"),
        ('{"tail": "much"}', "has tail 'much', which must be a number"),
        ('{"tail": NaN}', "has tail nan, which must be a number"),
        ('{"seed": -1}', "has seed -1: give at least 0"),
        ('{"sessions": 1.5}', "has sessions 1.5, which must be a whole number"),
        ('{"synthesiser": 3}', "has synthesiser 3, which must be text"),
    ],
)
def test_settings_that_are_none(tmp_path, text, words):
    with pytest.raises(UserError, match=words.replace("[", "\\[")):
        make_corpus.main([str(tmp_path / "corpus"), text])
    assert not list(tmp_path.iterdir())
