"""Sentences instead of stack traces."""

import pytest

from speechbrain_cadino.utils.errors import UserError, one_sentence_errors


def test_a_user_error_is_one_line_and_status_1(capsys):
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise UserError("The list a.txt is empty: give another.")
    assert stop.value.code == 1
    assert capsys.readouterr() == ("", "error: The list a.txt is empty: give another.\n")


def test_other_errors_and_the_end_of_the_program_pass(capsys):
    with pytest.raises(ZeroDivisionError), one_sentence_errors():
        1 / 0
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        raise SystemExit(3)
    assert stop.value.code == 3
    with one_sentence_errors():
        print("well")
    assert capsys.readouterr() == ("well\n", "")
