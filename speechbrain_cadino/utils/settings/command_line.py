"""The command line of `train.py`: a settings file, its settings as options, and SpeechBrain's run options."""

from __future__ import annotations

import sys
from copy import deepcopy
from pathlib import Path

from speechbrain.utils.run_opts import HELP_TEXTS, RunOptions

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.check import suggestion
from speechbrain_cadino.utils.settings.known import KNOWN
from speechbrain_cadino.utils.settings.merge import PART, files_named, read_with_parts
from speechbrain_cadino.utils.settings.scalars import read_scalar
from speechbrain_cadino.utils.settings.tree import Node, write_tree
from speechbrain_cadino.utils.settings.unread import IDLE_OPTIONS, check_run_options, warn_of_unread

USAGE = "train.py hparams/X.yaml [--setting value ...] trains; train.py hparams/X.yaml --help lists the settings of X"


def parse_arguments(arguments: list[str]) -> tuple[str, RunOptions, dict]:
    """Take a command line apart as ``speechbrain.parse_arguments`` does, but text is as typed and names are whole.

    ``--name value`` and ``--name=value`` are the same; a flag needs no value. What is a setting of the file is one,
    although SpeechBrain has a run option of that name, too. ``--part FILE`` merges a further settings file, as
    `read_with_parts` says.

    Arguments
    ---------
    arguments : list of str
        Without the program's name.

    Returns
    -------
    hparams_file : str
    run_opts : speechbrain.utils.run_opts.RunOptions
    options : dict
        Name to text, or to None for one without a value; for `load_settings`.

    Raises
    ------
    UserError
        If there is no settings file or more than one, an option is given twice or unknown, or a run option's value
        is wrong.
    SystemExit
        After ``--help``, which prints the settings.
    """
    files, given, asked = _take_apart([str(argument) for argument in arguments])
    if not files and asked:
        print(f"How to call it:\n  {USAGE.replace('; ', chr(10) + '  ')}")
        sys.exit(0)
    if not files:
        raise UserError(f"No settings file is given: {USAGE}.")
    if len(files) > 1:
        raise UserError(f"'{files[0]}' and '{files[1]}' are given where one settings file is meant: {USAGE}.")
    parts = _text(given[PART]) or "" if PART in given else None
    tree = read_with_parts(files[0], parts)
    if asked:
        print(help_text(files[0], tree))
        sys.exit(0)
    actions = _run_options()
    run_options = {name: value for name, value in given.items() if name in actions and name not in tree.items}
    for name in given:
        if name not in tree.items and name not in actions and name != PART:
            raise UserError(
                f"The option --{name} matches no setting of {files[0]} and no run option"
                f"{suggestion(name, {*tree.items, *actions})}: correct its name; --help lists them."
            )
    check_run_options(run_options)
    warn_of_unread(files_named(files[0], parts), tree, actions)
    run_arguments = [text for name, value in run_options.items() for text in _run_argument(actions[name], name, value)]
    _, run_opts, _ = RunOptions.from_command_line_args([files[0], *run_arguments])
    return files[0], run_opts, {name: _text(value) for name, value in given.items() if name not in run_options}


def _run_options():
    return {a.dest: a for a in RunOptions._create_parser()._actions if a.dest not in ("help", "param_file")}


def _text(value):
    return " ".join(value) if value else None


def _take_apart(arguments):
    """Settings files, options (name to list of words), and whether help is asked for."""
    files, given, name, asked = [], {}, None, False
    actions = _run_options()
    for argument in arguments:
        if argument in ("-h", "--help"):
            asked, name = True, None
        elif argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            if not name:
                raise UserError(f"'{argument}' names no option: {USAGE}.")
            if name in given:
                raise UserError(f"The option --{name} is given twice: give it once.")
            given[name] = [value] if equals else []
        elif (
            name is None
            or (not files or given[name])
            and argument.endswith((".yaml", ".yml"))
            and (given[name] or name in actions and actions[name].nargs == 0)
        ):
            files.append(argument)
        else:
            given[name].append(argument)
    return files, given, asked


def _run_argument(action, name, value):
    """A run option as SpeechBrain's parser wants it."""
    if action.nargs == 0:  # a flag
        flag = read_scalar(_text(value) or "True")
        if not isinstance(flag, bool):
            raise UserError(f"The option --{name} is {_text(value)}, and must be True or False: correct it.")
        return [f"--{name}"] if flag else []
    if action.nargs == "*":
        return [f"--{name}", *value]
    text = _text(value)
    if text is None:
        raise UserError(f"The option --{name} has no value: give one.")
    try:
        (action.type or str)(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}[action.type]
        raise UserError(f"The option --{name} is {text}, and must be {wanted}: correct it.") from None
    if action.choices and text not in action.choices:
        raise UserError(f"The option --{name} is {text}, and must be one of {', '.join(action.choices)}: correct it.")
    return [f"--{name}={text}"]


def help_text(path: str | Path, tree: Node) -> str:
    """What ``--help`` prints: the merged settings with values, comments and kinds, and SpeechBrain's run options."""
    tree = deepcopy(tree)
    for name, node in tree.items.items():
        if name in KNOWN:
            kind = f"({KNOWN[name]})"
            node.comment = f"{node.comment}  {kind}" if node.comment else f"# {kind}"
    settings = "\n".join(f"  {line}" if line else "" for line in write_tree(tree).splitlines())
    run_options = "\n".join(
        f"  --{name:<36}{text}" for name, text in sorted(HELP_TEXTS.items()) if name not in IDLE_OPTIONS
    )
    return (
        f"The settings of {path}, with its bases.\n"
        "Set one by --name value, a part of one by --name '{part: value}'; put another file on top by --part FILE.\n\n"
        f"{settings}\n\nRun options of SpeechBrain:\n{run_options}"
    )
