"""The command line run in this process, as a user would run it."""

import logging

import pytest

from speechbrain_cadino.commands.group import run
from tests.inference.conftest import data, folder, mean, net  # noqa: F401 (fixtures)


@pytest.fixture
def cli(capsys):
    """Give a function that runs a command line: (exit status, stdout, stderr)."""

    def call(*arguments):
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        capsys.readouterr()
        try:
            run([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
        return status, *capsys.readouterr()

    return call
