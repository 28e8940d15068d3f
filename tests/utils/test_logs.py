"""What is for the screen, and what for the log."""

import logging

import pytest

from speechbrain_cadino.utils import logs

DEBUG, INFO, WARNING = logging.DEBUG, logging.INFO, logging.WARNING
# Origin, level, for the file alone; then whether the screen shows it, shows it if verbose, and log.txt keeps it.
RECORDS = [
    ("speechbrain_cadino.training.telling", INFO, False, True, True, True),
    ("speechbrain_cadino.training.checkpoints", INFO, True, False, True, True),
    ("speechbrain_cadino.utils.memory", DEBUG, False, False, True, True),
    ("speechbrain.utils.epoch_loop", INFO, False, False, True, True),
    ("speechbrain.utils.checkpoints", DEBUG, False, False, False, False),
    ("speechbrain.core", WARNING, False, True, True, True),
    ("matplotlib.font_manager", DEBUG, False, False, False, False),
    ("PIL.PngImagePlugin", DEBUG, False, False, False, False),
    ("numba.core.byteflow", DEBUG, False, False, False, False),
    ("matplotlib.category", INFO, False, False, True, True),
    ("matplotlib", WARNING, False, True, True, True),
    ("my_module", INFO, False, True, True, True),  # a user's own
    ("my_module", DEBUG, False, False, False, False),
]


@pytest.fixture(autouse=True)
def as_before():
    yield
    logs.log_config(False)


@pytest.mark.parametrize("name, level, in_file_only, quiet, verbose, kept", RECORDS)
def test_who_is_heard_where(name, level, in_file_only, quiet, verbose, kept):
    record = logging.LogRecord(name, level, "", 0, "it was so", (), None)
    if in_file_only:
        vars(record).update(logs.IN_FILE_ONLY)
    for flag, shown in ((False, quiet), (True, verbose)):
        logs.log_config(flag)
        assert logs.ForConsole().filter(record) == shown
    assert logs.ForFile().filter(record) == kept


def test_a_line_is_the_sentence_alone_but_a_warning_says_that_it_is_one():
    told, warned = (logging.LogRecord("a.b", level, "", 0, "it was %s", ("so",), None) for level in (INFO, WARNING))
    assert [logs.ConsoleFormatter().format(record) for record in (told, warned)] == ["it was so", "warning: it was so"]
    logs.log_config(True)
    assert logs.ConsoleFormatter().format(told) == "a.b - it was so"
