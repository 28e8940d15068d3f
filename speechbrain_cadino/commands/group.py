"""All commands under one name, each imported when it is asked for, and how a program of them ends."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence

import click

from speechbrain_cadino import __version__
from speechbrain_cadino.utils.errors import one_sentence_errors

# The modules of this room, each with its `command`; what is heavy they import when they run.
COMMANDS = (
    "cluster",
    "doctor",
    "embed",
    "export",
    "prepare",
    "report",
    "score",
    "verify",
)
PROGRAM = "speechbrain-cadino"


class Commands(click.Group):
    """The commands of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"speechbrain_cadino.commands.{cmd_name}").command


@click.group(
    PROGRAM,
    cls=Commands,
    # As settings of YAMLs are written: --data_folder; --data-folder is the same.
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda name: name.replace("-", "_"),
    },
    epilog="Exit status: 0; 1 for what one sentence on stderr tells; 2 for a wrong command line; 3 where a result is "
    "there, but not of all files, or doctor finds a run ill; 130 after Ctrl-C.",
)
@click.version_option(__version__, message="%(version)s")
def command_line() -> None:
    """Speaker encoders from unlabelled speech: prepare a corpus, use a trained encoder, look at its results.

    Training is recipes/VoxCeleb/SSL_CADINO/train.py. COMMAND --help has an example of each.
    """


def run(arguments: Sequence[str] | None = None, command: click.Command | None = None, name: str = PROGRAM) -> None:
    """Run a command line to its end: an error is one sentence, and the exit status tells (`one_sentence_errors`).

    Arguments
    ---------
    arguments : sequence of str, optional
        Default: those of the process.
    command : click.Command
        Default: the group of all commands.
    name : str
        Of the program, for its help.
    """
    screen = logging.StreamHandler()
    screen.setLevel(logging.WARNING)  # SpeechBrain's loggers have levels of their own
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[screen])
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with one_sentence_errors():
        sys.exit(_invoke(command or command_line, name, arguments))


def _invoke(command, name, arguments):
    """The exit status. Not by `click.Command.main`, which gives Ctrl-C and a closed pipe a status of its own."""
    try:
        with command.make_context(name, arguments) as context:
            command.invoke(context)
    except click.exceptions.Exit as end:  # of --help, and of a command that says so
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0
