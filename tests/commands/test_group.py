"""All commands: their help and its examples, what a wrong command line gives, and how a program ends."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import speechbrain_cadino
from speechbrain_cadino.commands import group, options
from speechbrain_cadino.utils.errors import UserError

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "speechbrain_cadino/commands"


def command_of(name):
    return group.command_line.get_command(click.Context(group.command_line), name)


def python(code, **settings):
    """A new interpreter that runs some lines."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **settings}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **settings)


def test_every_module_of_the_room_is_a_command():
    modules = {path.stem for path in ROOM.glob("*.py")} - {"__init__", "group", "options"}
    assert list(group.COMMANDS) == sorted(modules)


def test_the_help_lists_all_and_imports_nothing_heavy():
    process = python(
        "import sys, time; start = time.process_time(); from speechbrain_cadino.commands.group import run\n"
        "try: run(['--help'])\n"
        "except SystemExit as end: status = end.code\n"
        "heavy = {'torch', 'numpy', 'speechbrain', 'sklearn', 'matplotlib', 'soundfile'} & set(sys.modules)\n"
        "print(status, heavy, time.process_time() - start < 0.5)"
    )
    out, _ = process.communicate()
    assert out.splitlines()[-1] == "0 set() True"
    listed = re.findall(r"^  (\w+)  ", out.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(group.COMMANDS)


@pytest.mark.parametrize("name", group.COMMANDS)
def test_a_command_has_help_with_an_example_that_parses(cli, name):
    status, out, _ = cli(name, "--help")
    command = command_of(name)
    assert status == 0 and command.name == name and command.get_short_help_str(100)[-3:] != "..."
    examples = re.findall(rf"^ +{group.PROGRAM} ({name} .*)$", out.partition("Example")[2], re.MULTILINE)
    assert examples
    for line in examples:
        command.make_context(name, shlex.split(line)[1:], token_normalize_func=lambda text: text.replace("-", "_"))
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help, option.name


PAGE = (ROOT / "docs/command_line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(rf"^{group.PROGRAM} (.*)$", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_parse(line):
    name, *arguments = shlex.split(line)
    command_of(name).make_context(name, arguments, token_normalize_func=lambda text: text.replace("-", "_"))


def test_a_wrong_command_line(cli):
    assert cli("--version") == (0, f"{speechbrain_cadino.__version__}\n", "")
    for arguments, said in ((["nothing"], "No such command 'nothing'"), (["prepare", "--nothing"], "--nothing")):
        status, _, err = cli(*arguments)
        assert status == 2 and said in err and "Traceback" not in err


def ends(body):
    """(exit status, stderr) of a program whose command does what ``body`` says."""

    @click.command()
    def command():
        body()

    with pytest.raises(SystemExit) as end:
        group.run([], command)
    return end.value.code


def test_how_a_command_ends(capsys):
    def refuse():
        raise UserError("No.")

    def stop():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    assert ends(refuse) == 1 and capsys.readouterr().err == "error: No.\n"
    assert ends(lambda: click.get_current_context().exit(3)) == 3
    assert ends(stop) == 130 and capsys.readouterr().err == "stopped (Ctrl-C): the same command goes on.\n"
    with pytest.raises(ZeroDivisionError):
        ends(lambda: 1 / 0)


def test_what_is_logged():
    """Warnings, and no chatter of loggers that have a level of their own, as SpeechBrain's set on import."""
    process = python(
        "import click, logging\nfrom speechbrain_cadino.commands.group import run\n"
        "def work():\n    logger = logging.getLogger('speechbrain.utils.parameter_transfer')\n"
        "    logger.setLevel(logging.INFO); logger.info('chatter'); logger.warning('news')\n"
        "run([], click.command()(work))"
    )
    assert process.communicate() == ("", "news\n") and process.returncode == 0


def test_a_reader_that_is_gone():
    """As behind ``| head``, while a command prints by click and by Python alike."""
    for printing in ("click.echo('a' * 100)", "print('a' * 100)"):
        process = python(
            "import click\nfrom speechbrain_cadino.commands.group import run\n"
            f"def work():\n    while True: {printing}\n"
            "run([], click.command()(work))"
        )
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141 and process.stderr.read() == ""


@pytest.mark.parametrize(
    "line, wanted",
    [
        ("--many a", dict(many=("a",), one=None)),
        ("--many a b c --one d", dict(many=("a", "b", "c"), one="d")),
        ("--one d --many a -1 --many b", dict(many=("a", "-1", "b"), one="d")),
        ("--one d", dict(many=(), one="d")),
        ("--many a b -o d", dict(many=("a", "b"), one="d")),
        ("-o d --many a -.5", dict(many=("a", "-.5"), one="d")),
        ("-o d --many a -.5 -o e", None),
        ("--many a b -x", None),
        ("--many=a b", None),
        ("--one d e", None),
        ("--many --one d", None),
    ],
)
def test_options_of_several_values(line, wanted):
    @click.command(cls=options.WithLists)
    @click.option("--many", multiple=True)
    @click.option("--one", "-o")
    def command(**values):
        return values

    if wanted is None:
        with pytest.raises(click.UsageError):
            command.make_context("command", line.split())
    else:
        assert command.make_context("command", line.split()).params == wanted
