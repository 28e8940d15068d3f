"""Settings are looked at before anything is built: names that nothing reads, values of the wrong kind, wrong paths."""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import pydoc
import re
import typing
from collections.abc import Collection
from copy import deepcopy
from pathlib import Path

from speechbrain.utils.logger import get_logger

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import TEXTS, Kind, kind_of_parameter, kind_of_value
from speechbrain_cadino.utils.settings.known import CALLED, ENTRIES, KNOWN, OLD_NAMES, PARTS, WITHIN, WITHIN_ANY
from speechbrain_cadino.utils.settings.merge import merge
from speechbrain_cadino.utils.settings.tree import Node, inline

logger = get_logger(__name__)

PATHS = {"file", "files", "folder"}
# HyperPyYAML would take it for a tuple, or for arithmetic, in a reference.
RELATIVE_AND_ODD = re.compile(r"[^/.~].*[#()%*]|\(")


def suggestion(name: str, known: Collection[str]) -> str:
    """``did you mean lr?``, with a blank before it; or nothing."""
    new = OLD_NAMES.get(name)
    close = [new] if new in known else difflib.get_close_matches(name, sorted(known), 1, 0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def arguments_of(dotted: str) -> tuple[dict[str, Kind | None], bool] | None:
    """The arguments of a class or function, name to kind or None; and whether it takes any other.

    None if there is no such thing, which HyperPyYAML will tell.
    """
    try:
        called = pydoc.locate(dotted)
        return None if called is None else _arguments(called)
    except (ValueError, TypeError, AttributeError, NameError, ImportError, pydoc.ErrorDuringImport):
        return None


@functools.lru_cache(None)
def _arguments(called):
    of_class, arguments = inspect.isclass(called), {}
    for level in called.__mro__[:-1] if of_class else [called]:
        function = level.__dict__.get("__init__") if of_class else level
        if function is None:
            continue
        hints, others = typing.get_type_hints(function), False
        for name, parameter in list(inspect.signature(function).parameters.items())[of_class:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                others = True  # they go to the class above
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                arguments.setdefault(name, kind_of_parameter(parameter, hints.get(name, inspect.Parameter.empty)))
        if not others:
            return arguments, False
    return arguments, True


def known_entries(name: str, node: Node) -> tuple[dict[str, Kind | None], bool]:
    """What may stand in a mapping: name to kind or None, and whether anything else may, too."""
    if name in PARTS:
        return KNOWN, True
    if name in ENTRIES:
        return dict.fromkeys(node.items, ENTRIES[name]), True
    if node.tag.startswith(("!new:", "!name:", "!apply:")):
        return arguments_of(node.tag.split(":", 1)[1]) or ({}, True)
    if name in CALLED:
        called, given = CALLED[name]
        arguments, others = arguments_of(called) or ({}, True)
        return {key: kind for key, kind in arguments.items() if key not in given}, others
    return {}, node.tag != ""


def check_values(tree: Node, name: str = "") -> None:
    """Refuse a value of the wrong kind, or an argument that a class does not have; by `KNOWN` and by the classes."""
    kinds, more = (KNOWN, True) if not name else known_entries(name, tree)
    for key, node in tree.items.items():
        where = f"{name}.{key}" if name else key
        if key not in kinds and not more and node.tag != "!drop" and (":" in tree.tag or name in CALLED):
            raise UserError(f"{name} has no setting {key}{suggestion(key, kinds)}: correct its name or leave it out.")
        kind = kinds.get(key)
        if kind == Kind(("whole",)):
            kind = WITHIN_ANY.get(key, kind)
        check_value(where, node, WITHIN.get(where, kind))
        if node.items:
            check_values(node, where)


def check_value(where: str, node: Node, kind: Kind | None) -> None:
    """Refuse a value of the wrong kind; one that YAML has in another form is put into the kind's own."""
    if kind is None:
        return
    if kind.null and not node.tag and isinstance(node.value, str) and node.value.lower() == "none":
        node.value, node.quoted = "null", False  # as Python has it
    value, scalar = node.plain(), not node.tag and not node.quoted and isinstance(node.value, str)
    if scalar and value is not None and TEXTS & set(kind.names):
        node.quoted = True  # a folder that is called 2024
    elif scalar and isinstance(value, float) and "whole" in kind.names and value.is_integer():
        node.value = str(int(value))  # 1e3
    if "files" in kind.names and isinstance(node.value, list):
        for item in node.value:
            item.quoted = item.quoted or not item.tag and isinstance(item.value, str)
    if PATHS & set(kind.names):
        for path in node.value if isinstance(node.value, list) else [node]:
            if not path.tag and isinstance(path.value, str) and path.value.startswith("~/"):
                path.value = os.path.expanduser(path.value)  # as a shell does, but not after = or in a file
    if node.quoted and {"file", "folder"} & set(kind.names) and RELATIVE_AND_ODD.match(node.value):
        node.value = f"./{node.value}"
    if not kind.fits(node.plain()):
        raise UserError(f"{where} is {inline(node)}, and must be {kind}: correct it.")


def check_changes(tree: Node, changes: Node, name: str = "", source: str = "the command line") -> None:
    """Refuse changes of what is not there, or to another kind of value than there is.

    Arguments
    ---------
    tree, changes : Node
        A mapping, and what is to be merged into it.
    name : str
        Of the mapping; empty at the top.
    source : str
    """
    if name in PARTS:
        return  # `check_parts` looks at them
    kinds, more = ({}, False) if not name else known_entries(name, tree)
    known = [*tree.items, *kinds]
    for key, node in changes.items.items():
        where = f"{name}.{key}" if name else key
        if key not in known and not (more and not difflib.get_close_matches(key, known, 1, 0.85)):
            raise UserError(f"{where} of {source} matches no setting{suggestion(key, known)}: correct its name.")
        old = tree.items.get(key)
        if old is not None and key not in (kinds or KNOWN):
            kind = kind_of_value(old.plain())
            maybe_null = bool(name) and node.plain() is None
            if not (node.tag or kind is None or maybe_null or kind.fits(node.plain())):
                raise UserError(f"{where} is {inline(node)}, and must be {kind}: correct it.")
        if old is None or old.items is None:
            continue
        if node.items is not None and node.tag in ("", old.tag):
            check_changes(old, node, where, source)
        elif old.items and node.tag and node.tag != old.tag:
            gone = ", ".join(old.items)
            logger.warning(
                f"{where} is {inline(node)} in place of {old.tag or 'a mapping'}, whose settings go: {gone}."
            )


def check_idle(tree: Node, text: str) -> None:
    """Refuse a setting whose name is nearly that of another one, and which nothing refers to."""
    referred = set(re.findall(r"<(\w+)", text))
    for name in set(tree.items) - set(KNOWN) - referred:
        others = [other for other in (*KNOWN, *referred, *tree.items) if other != name]
        new = OLD_NAMES.get(name)
        close = [new] if new else difflib.get_close_matches(name, others, 1, 0.9)
        if close:
            raise UserError(f"Nothing reads the setting {name} (did you mean {close[0]}?): correct its name.")


def check_parts(tree: Node) -> None:
    """Settings for later, such as ``large_margin``, are looked at as if they were set now."""
    for part in PARTS:
        changes = tree.items.get(part)
        if changes is not None and changes.items and not changes.tag:
            later = deepcopy(tree)
            try:
                check_changes(later, changes, source=part)
                merge(later, changes)
                check_values(later)
            except UserError as error:
                raise UserError(f"In {part}: {error}") from error


def check_paths(values: dict) -> None:
    """A file where a folder is meant, or a folder where a file is: one sentence.

    Arguments
    ---------
    values : dict
        Settings as they are after all references.
    """
    for name, value in values.items():
        kind = KNOWN.get(name)
        if kind is None or isinstance(value, Node) or {"file", "folder"} <= set(kind.names):
            continue
        for path in value if isinstance(value, list) else [value]:
            if not isinstance(path, str):
                continue
            if "folder" in kind.names and Path(path).is_file():
                raise UserError(f"{name} is {path}, which is a file: give a folder.")
            if {"file", "files"} & set(kind.names) and Path(path).is_dir():
                raise UserError(f"{name} is {path}, which is a folder: give a file.")
