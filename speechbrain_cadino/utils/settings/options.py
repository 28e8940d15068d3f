"""Options of a command line, and values as Python has them, as trees."""

from __future__ import annotations

import re
from typing import Any

import yaml

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import TEXTS, kind_of_value
from speechbrain_cadino.utils.settings.known import KNOWN
from speechbrain_cadino.utils.settings.scalars import NULL
from speechbrain_cadino.utils.settings.tree import Node, read_tree

TAG = re.compile(r"!(ref|copy|PLACEHOLDER|(new|name|apply|applyref|module):\S+)(\s|$)")
FROM = "# from the command line"


def from_options(options: dict | str, tree: Node) -> Node:
    """The changes that options make.

    Text is taken as typed for what is a path or text: a folder may be called ``2024``, ``no`` or ``a #1``. Any other
    option is YAML.

    Arguments
    ---------
    options : dict or str
        Name to text, or to None for an option without a value; or YAML, as ``speechbrain.parse_arguments`` has it.
    tree : Node
        What they change.

    Returns
    -------
    Node

    Raises
    ------
    UserError
        If the text is no YAML, or a value is missing.
    """
    if isinstance(options, str):
        changes = _parse(options, f"The options {options!r} are")
        if changes.items is None:
            raise UserError(f"The options {options!r} are no mapping of names to values: correct them.")
    else:
        changes = Node({name: _option(name, text, tree.items.get(name)) for name, text in options.items()})
    _mark(changes)
    return changes


def _option(name, text, old):
    kind = KNOWN.get(name) or (kind_of_value(old.plain()) if old is not None else None)
    names = set(kind.names) if kind else set()
    if text is None:
        if "flag" in names:
            return Node("True")
        if kind is not None and kind.null:
            return Node("null")
        raise UserError(f"The option --{name} has no value: give {kind or 'one'}.")
    if names & TEXTS and not TAG.match(text):
        if not text.strip():
            raise UserError(f"The option --{name} is empty: give {kind}.")
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            return _parse(text, f"The option --{name} {text} is")
        return Node(text, quoted=text not in NULL)
    return _parse(text, f"The option --{name} {text} is")


def _parse(text, what):
    try:
        return read_tree(text)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise UserError(f"{what} not YAML ({reason}): correct it, or quote it for the shell.") from error


def _mark(node):
    for child in node.items.values():
        if child.items:
            _mark(child)
        else:
            child.comment, child.above = FROM, []


def from_values(value: Any) -> Node:
    """A tree of values as Python has them: mappings, lists, text, numbers, None; what is a `Node` already stays."""
    if isinstance(value, Node):
        return value
    if isinstance(value, dict):
        return Node({str(key): from_values(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return Node([from_values(item) for item in value])
    if value is None or isinstance(value, (bool, int, float)):
        return Node("null" if value is None else repr(value).replace("inf", ".inf").replace("nan", ".nan"))
    return Node(str(value), quoted=True)
